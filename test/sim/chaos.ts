import { parseSipUri } from "../../src/sip/uri.ts";
import { Office } from "./office.ts";
import type { PhoneCall, PhoneManner, SimPhone } from "./phone.ts";
import { lampOf, presenceOf, truePresence } from "./truth.ts";

/** How large an office, how many lamps each phone watches, and the most that passes between two things that people do. */
export interface ChaosPlan {
  readonly users: number;
  readonly lampsEach: number;
  readonly actionMsMax: number;
}

/** The office of so many users: the same for a test, the benchmark and whoever repeats a seed. */
export function planOf(users: number): ChaosPlan {
  return { users, lampsEach: 4, actionMsMax: users < 100 ? 2500 : 1500 };
}

/** What happened in a run, so that a test can tell that it did. */
export interface ChaosFigures {
  calls: number;
  talked: number;
  holds: number;
  forgotten: number;
  unplugged: number;
  crashes: number;
  healed: number;
  adopted: number;
  notifies: number;
}

const STORM = { loss: 0.1, duplicate: 0.1, reorder: 0.1, delayMs: [1, 30] } as const;
const CALM = { loss: 0, duplicate: 0, reorder: 0, delayMs: [1, 5] } as const;
const MANNERS: readonly PhoneManner[] = ["strict", "refusing", "strict", "mute", "strict"];
const ACTIVITIES = ["", "away", "busy", "meal"];

// Ten minutes and one more.
const MORNING_MS = 20_000;
const STORM_MS = 180_000;
/** Longer than timer C and the CANCEL after it, and than the sentinel needs for two phones that are gone. */
const QUIET_MS = 240_000;
const SECOND_STORM_MS = 60_000;
const SECOND_QUIET_MS = 110_000;
const EVENING_MS = 60_000;
const PROBE_MS = 20_000;
/** Refreshed so seldom that lamps show what their NOTIFYs said, not what a refresh mended. */
const SUBSCRIBE_SECONDS = 900;
const REFRESH_MS = 800_000;
const PUBLISH_SECONDS = 100;
/** How long a phone bears hearing nobody, and a caller hearing it ring; how often the caller's phone refreshes a session. */
const MEDIA_MS = 20_000;
const PATIENCE_MS = 45_000;
const SESSION_MS = 80_000;
const SERVER = "10.0.0.1";

/** A whole office of users who register, watch, publish, call, fork, cancel, hold, hang up, lose their power and forget calls, while a tenth of all
 *  datagrams is lost, doubled or late and the server dies in the middle of its writes. At each quiet moment every lamp equals the truth, which only the
 *  phones know, and no subscription is lost. */
export class Chaos {
  readonly faults: string[] = [];
  readonly figures: ChaosFigures = { calls: 0, talked: 0, holds: 0, forgotten: 0, unplugged: 0, crashes: 0, healed: 0, adopted: 0, notifies: 0 };
  readonly #office: Office;
  readonly #plan: ChaosPlan;
  readonly #seed: number;
  readonly #places: readonly { readonly user: string; readonly protocol: "udp" | "tcp"; readonly manner: PhoneManner }[];
  readonly #lamps = new Map<string, readonly string[]>();
  readonly #activities = new Map<string, string | null>();
  readonly #ends = new Map<string, SimPhone[]>();
  readonly #lonelySince = new Map<PhoneCall, number>();
  readonly #refreshedAt = new Map<PhoneCall, number>();
  #isOver = false;

  private constructor(office: Office, plan: ChaosPlan, seed: number) {
    this.#office = office;
    this.#plan = plan;
    this.#seed = seed;
    // Every tenth user has a second phone: his calls fork. A quarter of the phones are on connections.
    const owners = office.users.flatMap((user, index) => (index % 10 === 0 ? [user, user] : [user]));
    this.#places = owners.map((user, index) => ({ user, protocol: index % 4 === 3 ? "tcp" : "udp", manner: MANNERS[index % MANNERS.length] ?? "strict" }));
  }

  /** Runs one; `faults` is empty, or says what was wrong and by which seed it is repeated. */
  static async run(plan: ChaosPlan, seed: number, watch: (office: Office) => void = () => undefined): Promise<{ readonly faults: readonly string[]; readonly figures: ChaosFigures }> {
    const office = await Office.open(seed, Array.from({ length: plan.users }, (_, index) => String(1000 + index)), STORM, PROBE_MS);
    watch(office);
    const chaos = new Chaos(office, plan, seed);
    await chaos.#run();
    return { faults: chaos.faults, figures: chaos.figures };
  }

  async #run(): Promise<void> {
    const { network, random, phones } = this.#office;
    for (const index of this.#places.keys()) await this.#plug(index);
    await this.#advance(MORNING_MS);
    this.#office.crashAtWrite(1 + random.below(3 * this.#plan.users), random.below(2) === 0);
    await this.#storm(STORM_MS, true);
    network.set(CALM);
    await this.#rest(QUIET_MS);
    this.#check("after the storm");
    for (const [index, phone] of [...phones.entries()]) if (!phone.isPlugged) await this.#plug(index);
    await this.#advance(10_000);
    network.set(STORM);
    this.#office.crashAtWrite(1 + random.below(this.#plan.users), random.below(2) === 0);
    // Every other time the store has lost its calls: those that go on are taken up again by what passes.
    if (this.#seed % 2 === 0) this.#office.loseDialogs();
    await this.#storm(SECOND_STORM_MS, false);
    network.set(CALM);
    this.#office.crashAtWrite(Number.POSITIVE_INFINITY, false);
    if (random.below(3) === 0) await this.#crash();
    await this.#rest(SECOND_QUIET_MS);
    this.#check("after the second storm");
    for (let round = 0; round < 2; round++) {
      for (const phone of phones) for (const call of phone.calls.values()) phone.hangUp(call);
      await this.#advance(EVENING_MS / 2);
    }
    this.#check("at the end");
    this.#isOver = true;
    this.#sum();
    for (const error of this.#office.errors) this.#fault(`the server logged: ${error}`);
    for (const phone of phones) for (const complaint of phone.complaints) this.#fault(`a phone complains: ${complaint}`);
    this.figures.notifies = phones.reduce((sum, phone) => sum + [...phone.watched.values()].reduce((all, { count }) => all + count, 0), 0);
  }

  /** Time goes on; a server that dies meanwhile is back within two seconds. */
  async #advance(ms: number): Promise<void> {
    const { clock, random } = this.#office;
    for (const end = clock.now() + ms; clock.now() < end; ) {
      if (!clock.runUntil(() => this.#office.isDead, end - clock.now())) return;
      this.#sum();
      this.figures.crashes++;
      clock.advance(100 + random.below(1900));
      await this.#office.restart();
    }
  }

  /** Time goes on until the server has lived through so much of it: one that died late has asked nobody yet who is still there. */
  async #rest(ms: number): Promise<void> {
    for (let before = -1; before !== this.figures.crashes; ) {
      before = this.figures.crashes;
      await this.#advance(ms);
    }
  }

  async #crash(): Promise<void> {
    this.#sum();
    this.figures.crashes++;
    await this.#office.crash();
  }

  /** Notes what a server has done before it is gone. */
  #sum(): void {
    const { sentinel, dialogs } = this.#office.server;
    this.figures.healed += Object.values(sentinel.counts.healed).reduce((sum, count) => sum + count, 0);
    this.figures.adopted += dialogs.adopted;
    if (sentinel.counts.mended > 0) this.#fault(`${sentinel.counts.mended} lamps were not explained by any call`);
  }

  #fault(what: string): void {
    this.faults.push(`${what}; seed ${this.#seed} (SIM_USERS=${this.#plan.users} SIM_SEED=${this.#seed} repeats it)`);
  }

  async #storm(ms: number, mayDie: boolean): Promise<void> {
    const { clock, random } = this.#office;
    for (const end = clock.now() + ms; clock.now() < end; ) {
      await this.#act(mayDie);
      await this.#advance(random.below(this.#plan.actionMsMax));
    }
  }

  async #act(mayDie: boolean): Promise<void> {
    const { phones, random, network, clock } = this.#office;
    const phone = this.#any(phones);
    if (phone?.isPlugged !== true) return;
    const { address, protocol } = phone.options;
    const open = [...phone.calls.values()].filter((call) => call.state !== "ended");
    const talk = open.find((call) => call.state === "talking");
    const dice = random.below(100);
    if (dice < 4) await this.#crashOrCut(phone);
    else if (dice < 7 && protocol === "tcp") {
      network.stall(address);
      clock.after(5000 + random.below(40_000), () => {
        network.stall(address, false);
      });
    } else if (dice < 15) this.#publish(phone);
    else if (dice < 18 && mayDie && talk !== undefined) this.#unplugBoth(talk);
    else if (dice < 24 && talk !== undefined) this.#forget(talk);
    else if (dice < 40 && talk !== undefined) {
      this.figures.holds++;
      phone.hold(talk, !talk.isHolding);
    } else if (dice < 50 && open.length > 0) for (const call of open) phone.hangUp(call);
    else this.#call(phone);
  }

  async #crashOrCut(phone: SimPhone): Promise<void> {
    const { random, network } = this.#office;
    if (random.below(20) === 0) await this.#crash();
    else network.cut(SERVER, phone.options.address);
  }

  #call(phone: SimPhone): void {
    const { users, clock } = this.#office;
    this.figures.calls++;
    const call = phone.call(this.#any(users) ?? "");
    this.#ends.set(call.callId, [phone]);
    clock.after(PATIENCE_MS, () => {
      if (phone.isPlugged && call.state === "calling") phone.hangUp(call);
    });
  }

  /** Both phones of a call lose their power: nobody is left to say that it is over. */
  #unplugBoth(talk: PhoneCall): void {
    for (const end of this.#ends.get(talk.callId) ?? []) {
      if (!end.isPlugged) continue;
      this.figures.unplugged++;
      end.unplug();
    }
  }

  /** One phone or both forget the call without a word that arrives. */
  #forget(talk: PhoneCall): void {
    const { random } = this.#office;
    const ends = (this.#ends.get(talk.callId) ?? []).filter((end) => end.calls.get(talk.callId)?.state === "talking");
    const isBoth = random.below(2) === 0;
    for (const end of isBoth ? ends : ends.slice(0, 1)) {
      const call = end.calls.get(talk.callId);
      if (call === undefined) continue;
      this.figures.forgotten++;
      end.forget(call);
    }
  }

  #any<T>(list: readonly T[]): T | undefined {
    return list[this.#office.random.below(list.length)];
  }

  async #plug(index: number): Promise<void> {
    const place = this.#places[index];
    if (place === undefined) return;
    const address = `10.1.${Math.floor(index / 200)}.${(index % 200) + 1}`;
    const { random, users } = this.#office;
    if (!this.#lamps.has(address)) this.#lamps.set(address, Array.from({ length: this.#plan.lampsEach }, () => this.#any(users) ?? "").filter((user) => user !== place.user));
    // Every second phone on a connection is behind a NAT: nobody can connect to it.
    this.#office.network.refuse(address, place.protocol === "tcp" && index % 8 === 3);
    const phone = await this.#office.phone(place.user, address, place.protocol, place.manner);
    this.#live(phone, this.#lamps.get(address) ?? []);
    if (index % 3 === 0) this.#activities.set(address, random.below(2) === 0 ? "" : null);
  }

  /** A phone keeps itself registered, its lamps subscribed, its publication fresh and its sessions alive, as real ones do. */
  #live(phone: SimPhone, lamps: readonly string[]): void {
    const { clock, random } = this.#office;
    const isLiving = (): boolean => !this.#isOver && phone.isPlugged;
    const refreshes: (() => void)[] = [];
    let wasLost = false;
    phone.onLost = () => {
      wasLost = true;
    };
    const keep = (): void => {
      if (!isLiving()) return;
      phone.keepAlive();
      if (!phone.isSure || !phone.isRegistered) phone.register(3600);
      else if (wasLost) {
        // A new connection: its subscriptions are moved to it.
        wasLost = false;
        for (const refresh of refreshes) refresh();
      }
      this.#keepCalls(phone);
      clock.after(5000, keep);
    };
    clock.after(random.below(5000), keep);
    if (this.#activities.has(phone.options.address) || random.below(3) === 0) {
      const keepPublished = (): void => {
        if (!isLiving()) return;
        this.#say(phone);
        clock.after(PUBLISH_SECONDS * 500, keepPublished);
      };
      clock.after(6000 + random.below(5000), keepPublished);
    }
    for (const [index, user] of lamps.entries()) {
      this.#watch(phone, user, "dialog", refreshes);
      if (index === 0) this.#watch(phone, user, "presence", refreshes);
    }
    phone.onRing = (call) => {
      this.#ends.get(call.callId)?.push(phone);
      clock.after(random.below(300), () => {
        phone.ring(call);
      });
      const choice = random.below(10);
      clock.after(500 + random.below(4000), () => {
        if (!phone.isPlugged) return;
        if (choice < 7) {
          if (call.state === "ringing") this.figures.talked++;
          phone.answer(call);
        } else if (choice < 9) phone.reject(call, choice === 7 ? 486 : 603);
      });
      // A phone that nobody answers, nor cancels because the server is not the one that it was, stops by itself.
      clock.after(100_000, () => {
        if (phone.isPlugged) phone.reject(call, 480);
      });
    };
  }

  /** One loop for each lamp: the refresh in time, at once on a new connection, or a new attempt a second after a failure. */
  #watch(phone: SimPhone, user: string, event: string, refreshes: (() => void)[]): void {
    const { clock, random } = this.#office;
    let turn = 0;
    const go = (): void => {
      if (this.#isOver || !phone.isPlugged) return;
      const mine = ++turn;
      const again = (afterMs: number): void => {
        clock.after(afterMs, () => {
          if (turn === mine) go();
        });
      };
      phone.subscribe(user, event, SUBSCRIBE_SECONDS, () => {
        again(1000);
      });
      again(REFRESH_MS);
    };
    clock.after(5000 + random.below(10_000), () => {
      refreshes.push(go);
      go();
    });
  }

  /** Who hears nobody for a while hangs up; a caller's phone refreshes its sessions, and whoever is not sure who holds whom asks again. */
  #keepCalls(phone: SimPhone): void {
    const { clock, random } = this.#office;
    const now = clock.now();
    for (const call of phone.calls.values()) {
      if (call.state !== "talking") continue;
      if (!this.#isHeard(phone, call)) {
        const since = this.#lonelySince.get(call) ?? now;
        this.#lonelySince.set(call, since);
        if (now - since > MEDIA_MS) phone.hangUp(call);
        continue;
      }
      this.#lonelySince.delete(call);
      const refreshedAt = this.#refreshedAt.get(call) ?? now;
      this.#refreshedAt.set(call, refreshedAt);
      const isDue = call.isHoldUnsure ? now - refreshedAt > 10_000 + random.below(10_000) : call.isCaller && now - refreshedAt > SESSION_MS;
      if (!isDue) continue;
      this.#refreshedAt.set(call, now);
      phone.hold(call, call.isHolding);
    }
  }

  #isHeard(phone: SimPhone, call: PhoneCall): boolean {
    return (this.#ends.get(call.callId) ?? []).some((other) => {
      const theirs = other === phone ? undefined : other.calls.get(call.callId);
      return theirs?.state === "talking" && (theirs.localTag === call.remoteTag || theirs.remoteTag === call.localTag);
    });
  }

  #publish(phone: SimPhone): void {
    const { address } = phone.options;
    if (!this.#activities.has(address)) return;
    this.#activities.set(address, ACTIVITIES[this.#office.random.below(ACTIVITIES.length + 1)] ?? null);
    this.#say(phone);
  }

  #say(phone: SimPhone): void {
    const activity = this.#activities.get(phone.options.address) ?? null;
    if (activity === null) phone.publish("", 0);
    else phone.publish(activity, PUBLISH_SECONDS);
  }

  /** Everything that a phone shows equals the truth. */
  #check(when: string): void {
    const { phones, users, server } = this.#office;
    const callsOf = new Map<string, PhoneCall[]>(users.map((user) => [user, []]));
    // Who still calls or rings may show that, and who called the phone that rings; at the end nobody does.
    const settling = new Set<string>();
    for (const phone of phones) {
      const { user } = phone.options;
      for (const call of phone.calls.values()) {
        if (call.state === "talking") callsOf.get(user)?.push(call);
        else if (call.state !== "ended") {
          settling.add(user);
          settling.add(parseSipUri(call.remoteUri)?.user ?? "");
        }
      }
    }
    if (when === "at the end") {
      if (settling.size > 0) this.#fault(`phones of ${[...settling].join()} still ring`);
      if (server.dialogs.calls().length > 0) this.#fault(`calls are left: ${JSON.stringify(server.dialogs.calls())}`);
    }
    if (server.sentinel.unexplained > 0) this.#fault(`${server.sentinel.unexplained} lamps are not explained ${when}`);
    const isDown = new Set(phones.filter((phone) => !phone.isPlugged).map((phone) => phone.options.user));
    let active = 0;
    for (const phone of phones) {
      if (!phone.isPlugged) continue;
      const at = `${phone.options.user} at ${phone.options.address} ${when}`;
      if (!phone.isRegistered) this.#fault(`${at} is not registered`);
      for (const [key, seen] of phone.watched) {
        const [event, user = ""] = key.split(" ");
        if (!seen.isActive) this.#fault(`${at} does not watch ${key}`);
        else active++;
        if (settling.has(user)) continue;
        const calls = callsOf.get(user) ?? [];
        if (event === "dialog") this.#checkLamp(`${at} shows ${key}`, seen.body, calls);
        else if (!isDown.has(user)) {
          const expected = truePresence(this.#office, user, calls.length > 0);
          if (expected !== null && presenceOf(seen.body) !== expected) this.#fault(`${at} shows ${key} as ${presenceOf(seen.body)}, the truth is ${expected}`);
        }
      }
    }
    const { subscriptions } = server.subscriptions.counts();
    if (subscriptions < active) this.#fault(`${active} subscriptions are thought to live ${when}, the server has ${subscriptions}`);
  }

  #checkLamp(what: string, body: string, calls: readonly PhoneCall[]): void {
    const expected = calls.length > 0 ? "talking" : "dark";
    if (lampOf(body) !== expected) {
      this.#fault(`${what} as ${lampOf(body)}, the truth is ${expected}`);
      return;
    }
    const [only] = calls;
    if (only === undefined || calls.length > 1 || only.isHoldUnsure) return;
    const isShownHeld = body.includes('pval="no"');
    if (isShownHeld !== only.isHolding) this.#fault(`${what} as ${isShownHeld ? "held" : "talking"}, the truth is ${only.isHolding ? "held" : "talking"} (${only.callId})`);
  }
}
