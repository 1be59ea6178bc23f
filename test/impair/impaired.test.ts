import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { systemTransports, type SystemTransports } from "../../src/sip/transport/system-transports.ts";
import { SimPhone, type PhoneCall } from "../sim/phone.ts";
import { lampOf } from "../sim/truth.ts";
import { freeUdpPort, realServer } from "./real-server.ts";
import { openRelay, type Impairment, type Relay, type RelayCounts } from "./relay.ts";

const DOMAIN = "tel.example.test";
const PHONES = 12;
/** IMPAIRED_SECONDS and SIM_SEED choose others; the wire of a real process does not repeat itself to the packet, what the phones do does. */
const SECONDS = Number(process.env["IMPAIRED_SECONDS"] ?? 60);
const SEED = Number(process.env["SIM_SEED"] ?? 1);
const STORM: Impairment = { loss: 0.1, duplicate: 0.1, delayMs: [0, 40] };
const CALM: Impairment = { loss: 0, duplicate: 0, delayMs: [0, 5] };
/** At most: the last NOTIFY to a port that a router has forgotten is given up after timer F, and then sent again. */
const SETTLE_MS = 45_000;
const MEDIA_MS = 3000;
const PATIENCE_MS = 6000;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The phones of an office, each behind a relay of its own. */
class Lines {
  readonly phones: SimPhone[] = [];
  readonly relays: Relay[] = [];
  readonly counts: RelayCounts = { passed: 0, lost: 0, doubled: 0 };
  readonly #random: Random;
  readonly #lonelySince = new Map<PhoneCall, number>();
  #isOver = false;

  constructor(random: Random) {
    this.#random = random;
  }

  async add(user: string, serverPort: number, watched: readonly string[]): Promise<void> {
    const relay = await openRelay(serverPort, this.#random, this.counts);
    const port = await freeUdpPort();
    let transports: SystemTransports | null = null;
    const network = {
      transports: (address: string): SystemTransports => (transports = systemTransports({ listen: [{ url: `udp://${address}:${port}` }], clock: systemClock, log: silentLog })),
      crash: (): void => void transports?.stop(),
    };
    const phone = new SimPhone({ network, clock: systemClock, random: this.#random, address: "127.0.0.1", port, user, domain: DOMAIN, server: { address: "127.0.0.1", port: relay.port }, protocol: "udp" });
    await phone.start();
    this.phones.push(phone);
    this.relays.push(relay);
    this.#live(phone, watched);
    onTestFinished(() => {
      this.#isOver = true;
      phone.unplug();
      relay.close();
    });
  }

  set(impairment: Impairment): void {
    for (const relay of this.relays) relay.set(impairment);
  }

  /** Something that somebody does. */
  async act(): Promise<void> {
    const random = this.#random;
    const index = random.below(this.phones.length);
    const phone = this.phones[index];
    if (phone === undefined) return;
    const open = [...phone.calls.values()].filter((call) => call.state !== "ended");
    const talk = open.find((call) => call.state === "talking");
    const dice = random.below(100);
    if (dice < 5) {
      // The router forgets the phone's port; a phone notices by its next REGISTER, as those behind NAT send often.
      await this.relays[index]?.rebind();
      phone.register(600);
    } else if (dice < 10 && talk !== undefined) phone.forget(talk);
    else if (dice < 25 && talk !== undefined) phone.hold(talk, !talk.isHolding);
    else if (dice < 45 && open.length > 0) for (const call of open) phone.hangUp(call);
    else {
      const call = phone.call(this.phones[random.below(this.phones.length)]?.options.user ?? "");
      setTimeout(() => {
        if (call.state === "calling") phone.hangUp(call);
      }, PATIENCE_MS);
    }
  }

  hangUpAll(): void {
    for (const phone of this.phones) for (const call of phone.calls.values()) phone.hangUp(call);
  }

  /** Every phone's calls that have not ended, for who looks for a fault. */
  calls(): readonly string[] {
    return this.phones.flatMap((phone) => [...phone.calls.values()].filter((call) => call.state !== "ended").map((call) => `${phone.options.user} ${call.state} ${call.isCaller ? "to" : "from"} ${call.remoteUri} ${call.callId}`));
  }

  /** What is shown otherwise than it is. Who still rings, calls or has just lost the other side may show that. */
  faults(): readonly string[] {
    const talking = new Set<string>();
    const settling = new Set<string>();
    for (const phone of this.phones) {
      const { user } = phone.options;
      for (const call of phone.calls.values()) {
        if (call.state === "talking" && this.#isHeard(phone, call)) talking.add(user);
        else if (call.state !== "ended") {
          settling.add(user);
          for (const other of this.phones) if (call.remoteUri.includes(`:${other.options.user}@`)) settling.add(other.options.user);
        }
      }
    }
    const found: string[] = [];
    for (const phone of this.phones) {
      if (!phone.isRegistered) found.push(`${phone.options.user} is not registered`);
      for (const [key, seen] of phone.watched) {
        const user = key.split(" ")[1] ?? "";
        if (!seen.isActive) found.push(`${phone.options.user} does not watch ${user}`);
        const expected = talking.has(user) ? "talking" : "dark";
        if (!settling.has(user) && lampOf(seen.body) !== expected) found.push(`${phone.options.user} shows ${user} as ${lampOf(seen.body)}, the truth is ${expected}`);
      }
      for (const complaint of phone.complaints) found.push(complaint);
    }
    return found;
  }

  #live(phone: SimPhone, watched: readonly string[]): void {
    const random = this.#random;
    phone.register(600);
    const watch = (user: string): void => {
      if (this.#isOver) return;
      phone.subscribe(user, "dialog", 600, () => setTimeout(() => {
        watch(user);
      }, 500));
    };
    setTimeout(() => {
      for (const user of watched) watch(user);
    }, 1000 + random.below(500));
    const keep = (): void => {
      if (this.#isOver) return;
      if (!phone.isSure || !phone.isRegistered) phone.register(600);
      const now = systemClock.now();
      for (const call of phone.calls.values()) {
        if (call.state !== "talking" || this.#isHeard(phone, call)) this.#lonelySince.delete(call);
        else {
          const since = this.#lonelySince.get(call) ?? now;
          this.#lonelySince.set(call, since);
          if (now - since > MEDIA_MS) phone.hangUp(call);
        }
      }
      setTimeout(keep, 1000);
    };
    setTimeout(keep, 1000);
    phone.onRing = (call) => {
      phone.ring(call);
      const choice = random.below(10);
      setTimeout(() => {
        if (choice < 7) phone.answer(call);
        else if (choice < 9) phone.reject(call, 486);
      }, 200 + random.below(1500));
      setTimeout(() => {
        phone.reject(call, 480);
      }, 2 * PATIENCE_MS);
    };
  }

  #isHeard(phone: SimPhone, call: PhoneCall): boolean {
    return this.phones.some((other) => {
      const theirs = other === phone ? undefined : other.calls.get(call.callId);
      return theirs?.state === "talking" && (theirs.localTag === call.remoteTag || theirs.remoteTag === call.localTag);
    });
  }
}

test(`the real program over lines that lose, double and reorder, killed (-9) and started again: at quiet moments each lamp equals the truth (seed ${SEED}, ${SECONDS} s)`, { timeout: (SECONDS + 120) * 1000, retry: 0 }, async () => {
  const random = seededRandom(SEED);
  const users = Array.from({ length: PHONES }, (_, index) => String(101 + index));
  const server = await realServer(DOMAIN, users, "dialogs: { probe: 2s }\n");
  const lines = new Lines(random);
  for (const [index, user] of users.entries()) await lines.add(user, server.port, [1, 2, 5, 7].map((step) => users[(index + step) % PHONES] ?? ""));
  const began = performance.now();
  await pause(3000);
  /** Until every lamp is right, at most for a while: what is wrong then. */
  const quiet = async (): Promise<readonly string[]> => {
    lines.set(CALM);
    const end = performance.now() + SETTLE_MS;
    while (performance.now() < end && lines.faults().length > 0) await pause(200);
    return lines.faults();
  };
  const storm = async (ms: number, killAtMs: number): Promise<void> => {
    lines.set(STORM);
    const start = performance.now();
    let isKilled = false;
    while (performance.now() < start + ms) {
      await lines.act();
      await pause(random.below(300));
      if (!isKilled && performance.now() > start + killAtMs) {
        isKilled = true;
        await server.kill();
        await pause(random.below(500));
        await server.start();
      }
    }
  };
  let round = 0;
  const left = (): number => SECONDS * 1000 - (performance.now() - began);
  do {
    round++;
    await storm(Math.min(15_000, Math.max(3000, left() - 8000)), 2000 + random.below(6000));
    const faults = await quiet();
    expect(faults, faults.length === 0 ? "" : `after storm ${round}, seed ${SEED}\nthe server: ${await server.get("/api/calls")}\nthe phones: ${lines.calls().join("\n")}\n${server.lines().slice(-10).join("\n")}`).toEqual([]);
  } while (left() > 12_000);
  for (let turn = 0; turn < 4; turn++) {
    lines.hangUpAll();
    await pause(1000);
  }
  expect(await quiet(), `at the end, seed ${SEED}`).toEqual([]);
  const metrics = await server.get("/metrics");
  expect([/^lamplight_lamps_unexplained (\d+)/m.exec(metrics)?.[1], /^lamplight_lamps_mended_total (\d+)/m.exec(metrics)?.[1]]).toEqual(["0", "0"]);
  expect(lines.counts.lost, "datagrams lost").toBeGreaterThan(50);
  expect(lines.counts.doubled, "datagrams doubled").toBeGreaterThan(50);
});
