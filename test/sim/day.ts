import { parseSipUri } from "../../src/sip/uri.ts";
import { Office } from "./office.ts";
import type { PhoneCall, SimPhone } from "./phone.ts";
import { lampOf, presenceOf, truePresence } from "./truth.ts";

/** What a day is like. */
export interface DayPlan {
  /** The phone of each place: whose it is and how it is connected. */
  readonly phones: readonly { readonly user: string; readonly protocol: "udp" | "tcp" }[];
  readonly actions: number;
}

const STORM = { loss: 0.08, duplicate: 0.05, reorder: 0.2, delayMs: [1, 30] } as const;
const CALM = { loss: 0, duplicate: 0, reorder: 0, delayMs: [1, 5] } as const;
const ACTIVITIES = ["", "away", "busy", "meal"];
/** Longer than timer C and the CANCEL after it (both phones of a call that rang may be gone), and than a publication that nobody refreshes. */
const QUIET_MS = 240_000;
const PUBLISH_SECONDS_MAX = 100;
/** Refreshed so seldom that at the quiet moments a lamp shows what its NOTIFYs said, not what a refresh mended. */
const SUBSCRIBE_SECONDS = 900;
const REFRESH_MS = 720_000;
/** How long a phone bears hearing nobody, and a caller hearing it ring. */
const MEDIA_MS = 20_000;
const PATIENCE_MS = 45_000;

/** One office, one storm, from one seed: phones register, watch each other, publish, call, fork, cancel, reject and hang up while packets are lost,
 *  connections break, a phone loses its power and the server crashes. At each quiet moment all lamps and presence must equal the truth. */
export class Day {
  readonly office: Office;
  /** What was not as it must be. */
  readonly faults: string[] = [];
  readonly #plan: DayPlan;
  readonly #seed: number;
  readonly #users: readonly string[];
  readonly #wants = new Map<string, { isRegistered: boolean; activity: string | null; seconds: number }>();
  readonly #refreshes = new Map<SimPhone, (() => void)[]>();
  readonly #lonelySince = new Map<PhoneCall, number>();
  #isOver = false;

  private constructor(office: Office, plan: DayPlan, seed: number) {
    this.office = office;
    this.#plan = plan;
    this.#seed = seed;
    this.#users = office.users;
  }

  /** Runs a day; what comes back is empty, or says what was wrong and by which seed it is repeated. */
  static async run(plan: DayPlan, seed: number, watch: (office: Office) => void = () => undefined): Promise<readonly string[]> {
    const office = await Office.open(seed, [...new Set(plan.phones.map((phone) => phone.user))], STORM);
    watch(office);
    const day = new Day(office, plan, seed);
    await day.#run();
    return day.faults;
  }

  async #run(): Promise<void> {
    await this.#storm();
    this.#quieten();
    this.#check("after the storm");
    this.#calm();
    for (let round = 0; round < 2; round++) {
      for (const phone of this.office.phones) for (const call of phone.calls.values()) phone.hangUp(call);
      this.office.clock.advance(round === 0 ? QUIET_MS : 60_000);
    }
    this.#check("at the end");
    this.#goHome();
  }

  async #storm(): Promise<void> {
    const { office } = this;
    const { clock, random } = office;
    for (const index of this.#plan.phones.keys()) await this.#plug(index);
    clock.advance(30_000);
    const crashAt = random.below(3) === 0 ? Math.floor(this.#plan.actions / 2) : -1;
    let powerLossAt = random.below(2) === 0 ? 3 + random.below(this.#plan.actions - 12) : -1;
    let dark = -1;
    for (let action = 0; action < this.#plan.actions; action++) {
      this.#act();
      clock.advance(random.below(6000));
      if (action === crashAt) await office.crash();
      if (action === powerLossAt) {
        const chosen = random.below(office.phones.length);
        const phone = office.phones[chosen];
        // When both ends of a call vanish nobody can tell the server that it is over: the survivor must be there.
        if (phone === undefined || [...phone.calls.values()].some((call) => call.state === "talking" && !this.#isHeard(phone, call))) powerLossAt++;
        else {
          dark = chosen;
          phone.unplug();
        }
      } else if (dark !== -1 && action === powerLossAt + 5) {
        await this.#plug(dark);
        dark = -1;
      }
    }
    if (dark !== -1) await this.#plug(dark);
  }

  /** The weather clears, timers settle; who is in a call stays in it. */
  #quieten(): void {
    const { clock, network, phones } = this.office;
    network.set(CALM);
    for (const phone of phones) network.stall(phone.options.address, false);
    clock.advance(QUIET_MS);
  }

  /** While nothing is lost each change shows within seconds, not only once time has mended it. */
  #calm(): void {
    const { clock, network, phones, random } = this.office;
    for (const phone of phones) {
      const wants = this.#wants.get(phone.options.address);
      if (wants === undefined) continue;
      wants.isRegistered = true;
      this.#publish(phone);
      clock.advance(100);
    }
    clock.advance(10_000);
    this.#check("after publications");
    for (const phone of phones) {
      if ([...phone.calls.values()].some((call) => call.state !== "ended")) continue;
      phone.call(this.#users[random.below(this.#users.length)] ?? "");
      clock.advance(random.below(500));
    }
    clock.advance(6000);
    this.#checkForks();
    this.#check("after calls");
    // Connections break and come back: whoever is hung up on then hears of it on his new one.
    for (const phone of phones) network.cut("10.0.0.1", phone.options.address);
    clock.advance(15_000);
    this.#check("on new connections");
    const pairs = phones.flatMap((phone) => [...phone.calls.values()].filter((call) => call.state === "talking" && this.#isHeard(phone, call)));
    for (const phone of phones) for (const call of phone.calls.values()) if (call.isCaller) phone.hangUp(call);
    clock.advance(3000);
    for (const call of pairs) if (call.state !== "ended") this.#fault(`${call.localUri} was not told that its call has ended`);
  }

  /** Once one phone of a person talks, his others do not ring any more for that call. */
  #checkForks(): void {
    const { phones } = this.office;
    for (const phone of phones) {
      for (const call of phone.calls.values()) {
        if (call.isCaller || call.state !== "talking") continue;
        const rings = phones.filter((other) => other.options.user === phone.options.user && other.calls.get(call.callId)?.state === "ringing");
        for (const other of rings) this.#fault(`${other.options.address} still rings for a call that ${phone.options.address} took`);
      }
    }
  }

  /** What is left lapses, its last NOTIFYs are answered, and nothing remains. */
  #goHome(): void {
    const { office } = this;
    if (office.server.dialogs.calls().length > 0) this.#fault(`calls are left: ${JSON.stringify(office.server.dialogs.calls())}`);
    this.#isOver = true;
    office.clock.advance(SUBSCRIBE_SECONDS * 1000 + 40_000);
    const { table } = office.server.layer;
    const left = { ...office.server.subscriptions.counts(), transactions: table.count, texts: table.textCount };
    if (Object.values(left).some((count) => count > 0)) this.#fault(`left when all has lapsed: ${JSON.stringify(left)}`);
    for (const error of office.errors) this.#fault(`the server logged: ${error}`);
    for (const phone of office.phones) for (const complaint of phone.complaints) this.#fault(`a phone complains: ${complaint}`);
  }

  #fault(what: string): void {
    this.faults.push(`${what}; seed ${this.#seed} (SIM_SEED=${this.#seed} repeats it)`);
  }

  async #plug(index: number): Promise<void> {
    const place = this.#plan.phones[index];
    if (place === undefined) return;
    const address = `10.0.1.${index + 1}`;
    this.#wants.set(address, { isRegistered: true, activity: null, seconds: 60 });
    // Every second TCP phone is behind a NAT: nobody can connect to it.
    this.office.network.refuse(address, place.protocol === "tcp" && index % 2 === 1);
    this.#live(await this.office.phone(place.user, address, place.protocol));
  }

  /** A phone keeps itself registered, its lamps subscribed and its publication fresh, as real ones do. */
  #live(phone: SimPhone): void {
    const { clock, random } = this.office;
    const wants = this.#wants.get(phone.options.address);
    if (wants === undefined) return;
    const refreshes: (() => void)[] = [];
    this.#refreshes.set(phone, refreshes);
    const isLiving = (): boolean => !this.#isOver && phone.isPlugged;
    let wasLost = false;
    phone.onLost = () => {
      wasLost = true;
    };
    const keepRegistered = (): void => {
      if (!isLiving()) return;
      phone.keepAlive();
      if (!phone.isSure || phone.isRegistered !== wants.isRegistered) phone.register(wants.isRegistered ? 3600 : 0);
      else if (wasLost) {
        // A new connection: its subscriptions are moved to it.
        wasLost = false;
        for (const refresh of refreshes) refresh();
      }
      this.#noticeSilence(phone);
      clock.after(5000, keepRegistered);
    };
    const keepPublished = (): void => {
      if (!isLiving()) return;
      if (wants.activity === null) phone.publish("", 0);
      else phone.publish(wants.activity, wants.seconds);
      clock.after(wants.seconds * 500, keepPublished);
    };
    clock.after(random.below(500), keepRegistered);
    clock.after(3000 + random.below(5000), keepPublished);
    for (const user of this.#users) {
      if (user === phone.options.user) continue;
      for (const event of ["dialog", "presence"]) this.#watch(phone, user, event, refreshes);
    }
    phone.onRing = (call) => {
      clock.after(random.below(300), () => {
        phone.ring(call);
      });
      const choice = random.below(10);
      clock.after(500 + random.below(4000), () => {
        if (!phone.isPlugged) return;
        if (choice < 6) phone.answer(call);
        else if (choice < 8) phone.reject(call, choice === 6 ? 486 : 603);
      });
      // A phone that nobody answers, nor cancels because the server is not the one that it was, stops by itself.
      clock.after(100_000, () => {
        if (phone.isPlugged) phone.reject(call, 480);
      });
    };
  }

  /** One loop for each lamp: the refresh in time, at once on a new connection, or a new attempt a second after a failure. */
  #watch(phone: SimPhone, user: string, event: string, refreshes: (() => void)[]): void {
    const { clock, random } = this.office;
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
    clock.after(8000 + random.below(500), () => {
      refreshes.push(go);
      go();
    });
  }

  /** Who hears nobody for a while hangs up. */
  #noticeSilence(phone: SimPhone): void {
    const now = this.office.clock.now();
    for (const call of phone.calls.values()) {
      if (call.state !== "talking") continue;
      if (this.#isHeard(phone, call)) this.#lonelySince.delete(call);
      else {
        const since = this.#lonelySince.get(call) ?? now;
        this.#lonelySince.set(call, since);
        if (now - since > MEDIA_MS) phone.hangUp(call);
      }
    }
  }

  /** True while the other end of a call that is talked on is there. */
  #isHeard(phone: SimPhone, call: PhoneCall): boolean {
    return this.office.phones.some((other) => {
      const theirs = other === phone ? undefined : other.calls.get(call.callId);
      return theirs?.state === "talking" && (theirs.localTag === call.remoteTag || theirs.remoteTag === call.localTag);
    });
  }

  #act(): void {
    const { phones, random, network, clock } = this.office;
    const phone = phones[random.below(phones.length)];
    if (phone?.isPlugged !== true) return;
    const { address, protocol } = phone.options;
    const wants = this.#wants.get(address);
    const dice = random.below(20);
    if (dice < 2 && protocol === "tcp") network.cut("10.0.0.1", address);
    else if (dice === 2 && protocol === "tcp") {
      network.stall(address);
      clock.after(5000 + random.below(40_000), () => {
        network.stall(address, false);
      });
    } else if (dice === 3 && wants !== undefined) wants.isRegistered = !wants.isRegistered;
    else if (dice >= 4 && dice < 8) this.#publish(phone);
    else this.#callOrHangUp(phone);
  }

  /** Says something else, or nothing any more. */
  #publish(phone: SimPhone): void {
    const { random } = this.office;
    const wants = this.#wants.get(phone.options.address);
    if (wants === undefined) return;
    wants.seconds = 60 + random.below(PUBLISH_SECONDS_MAX - 59);
    wants.activity = ACTIVITIES[random.below(ACTIVITIES.length + 1)] ?? null;
    if (wants.activity === null) phone.publish("", 0);
    else phone.publish(wants.activity, wants.seconds);
  }

  #callOrHangUp(phone: SimPhone): void {
    const { random, clock } = this.office;
    const open = [...phone.calls.values()].filter((call) => call.state !== "ended");
    const chosen = open[random.below(Math.max(1, open.length))];
    if (chosen !== undefined && (open.length > 1 || random.below(2) === 0)) {
      phone.hangUp(chosen);
      return;
    }
    const call = phone.call(this.#users[random.below(this.#users.length)] ?? "");
    clock.after(PATIENCE_MS, () => {
      if (phone.isPlugged && call.state === "calling") phone.hangUp(call);
    });
  }

  /** Everything that a phone shows equals the truth, which only the phones know. */
  #check(when: string): void {
    const { phones } = this.office;
    const has = (user: string, states: readonly PhoneCall["state"][]): boolean =>
      phones.some((phone) => phone.options.user === user && [...phone.calls.values()].some((call) => states.includes(call.state)));
    // Who still calls or rings may show that, and who called the phone that rings (he may have lost his connection and given up); at the end nobody does.
    const settling = new Set(this.#users.filter((user) => has(user, ["ringing", "calling"])));
    for (const phone of phones) for (const call of phone.calls.values()) if (call.state === "ringing") settling.add(parseSipUri(call.remoteUri)?.user ?? "");
    if (when === "at the end" && settling.size > 0) this.#fault(`phones of ${[...settling].join()} still ring`);
    const lamps = new Map(this.#users.map((user) => [user, has(user, ["talking"]) ? "talking" : "dark"]));
    const truth = new Map(this.#users.map((user) => [user, truePresence(this.office, user, lamps.get(user) === "talking")]));
    for (const phone of phones) {
      const at = `${phone.options.user} at ${phone.options.address} ${when}`;
      if (phone.isRegistered !== this.#wants.get(phone.options.address)?.isRegistered) this.#fault(`${at} is ${phone.isRegistered ? "" : "not "}registered`);
      for (const [key, seen] of phone.watched) {
        const [event, user = ""] = key.split(" ");
        if (!seen.isActive) this.#fault(`${at} does not watch ${key}`);
        if (settling.has(user)) continue;
        const shown = event === "dialog" ? lampOf(seen.body) : presenceOf(seen.body);
        const expected = (event === "dialog" ? lamps : truth).get(user);
        if (expected !== null && shown !== expected) this.#fault(`${at} shows ${key} as ${shown}, the truth is ${expected ?? ""}`);
      }
    }
  }
}
