import { describe, expect, test } from "vitest";
import { Office } from "./office.ts";
import type { PhoneCall, SimPhone } from "./phone.ts";

/** SIM_SEEDS=n runs more, SIM_SEED=n one: the seed of a failure is in its message. */
const SEEDS = process.env["SIM_SEED"] === undefined ? Array.from({ length: Number(process.env["SIM_SEEDS"] ?? 200) }, (_, index) => index + 1) : [Number(process.env["SIM_SEED"])];
const BATCH = 25;
const USERS = ["200", "201", "202", "203", "204"];
const STORM = { loss: 0.08, duplicate: 0.05, reorder: 0.2, delayMs: [1, 30] } as const;
const CALM = { loss: 0, duplicate: 0, reorder: 0, delayMs: [1, 5] } as const;

/** Lit as a dialog document says it: the state of its liveliest dialog. */
function lampOf(body: string): "dark" | "ringing" | "talking" {
  if (body.includes("<state>early</state>")) return "ringing";
  return body.includes("<state>confirmed</state>") ? "talking" : "dark";
}

/** One office, one storm: phones register, watch each other, call, fork, cancel, reject and hang up while packets are lost and the server may crash. */
class Day {
  readonly office: Office;
  readonly #seed: number;
  #isOver = false;

  constructor(office: Office, seed: number) {
    this.office = office;
    this.#seed = seed;
  }

  async run(): Promise<void> {
    const { office } = this;
    for (const [index, user] of [...USERS, "200"].entries()) this.#live(await office.phone(user, `10.0.1.${index + 1}`));
    office.clock.advance(30_000);
    const hasCrash = office.random.below(3) === 0;
    for (let action = 0; action < 30; action++) {
      this.#act();
      office.clock.advance(office.random.below(6000));
      if (hasCrash && action === 15) await office.crash();
    }
    // A quiet moment: the weather clears, timers settle; who is in a call stays in it.
    office.network.set(CALM);
    office.clock.advance(120_000);
    this.#check("in the middle");
    for (const phone of office.phones) for (const call of phone.calls.values()) phone.hangUp(call);
    office.clock.advance(120_000);
    for (const phone of office.phones) for (const call of phone.calls.values()) phone.hangUp(call);
    office.clock.advance(60_000);
    this.#check("at the end");
    expect(office.server.dialogs.calls(), this.#says("a call is left")).toEqual([]);
    expect(office.errors, this.#says("the server logged errors")).toEqual([]);
    expect(office.phones.flatMap((phone) => phone.complaints), this.#says("phones complain")).toEqual([]);
    this.#isOver = true;
    office.clock.advance(40_000);
    expect(office.server.layer.table.count, this.#says("transactions are left")).toBe(0);
  }

  #says(what: string): string {
    return `${what}; seed ${this.#seed} (SIM_SEED=${this.#seed} repeats it)`;
  }

  /** A phone keeps itself registered and its lamps subscribed, as real ones do. */
  #live(phone: SimPhone): void {
    const { clock, random } = this.office;
    const keepRegistered = (): void => {
      if (this.#isOver) return;
      if (!phone.isRegistered) phone.register(3600);
      clock.after(5000, keepRegistered);
    };
    // One loop for each lamp: the refresh after 100 s, or a new attempt a second after a failure.
    const watch = (user: string, event: string): void => {
      if (this.#isOver) return;
      let isNext = false;
      const again = (afterMs: number): void => {
        clock.after(afterMs, () => {
          if (isNext) return;
          isNext = true;
          watch(user, event);
        });
      };
      phone.subscribe(user, event, 3600, () => {
        again(1000);
      });
      again(100_000);
    };
    clock.after(random.below(500), keepRegistered);
    for (const user of USERS) {
      if (user === phone.options.user) continue;
      for (const event of ["dialog", "presence"]) {
        clock.after(8000 + random.below(500), () => {
          watch(user, event);
        });
      }
    }
    phone.onRing = (call) => {
      clock.after(random.below(300), () => {
        phone.ring(call);
      });
      const choice = random.below(10);
      clock.after(500 + random.below(4000), () => {
        if (choice < 6) phone.answer(call);
        else if (choice < 8) phone.reject(call, choice === 6 ? 486 : 603);
      });
      // A phone that nobody answers, nor cancels because the server is not the one that it was, stops by itself.
      clock.after(100_000, () => {
        phone.reject(call, 480);
      });
    };
  }

  #act(): void {
    const { phones, random } = this.office;
    const phone = phones[random.below(phones.length)];
    if (phone === undefined) return;
    const open = [...phone.calls.values()].filter((call) => call.state !== "ended");
    const chosen = open[random.below(Math.max(1, open.length))];
    if (chosen !== undefined && (open.length > 1 || random.below(2) === 0)) phone.hangUp(chosen);
    else phone.call(USERS[random.below(USERS.length)] ?? "200");
  }

  /** Every lamp that a phone shows equals the truth, which only the phones know. */
  #check(when: string): void {
    const { phones } = this.office;
    const talking = new Set<string>();
    const isLive = (call: PhoneCall): boolean => call.state === "talking";
    for (const phone of phones) if ([...phone.calls.values()].some(isLive)) talking.add(phone.options.user);
    // Who still calls or rings may show that; the end of the day has nobody left who does.
    const isSettling = (call: PhoneCall): boolean => call.state === "ringing" || call.state === "calling";
    const settling = new Set(phones.filter((phone) => [...phone.calls.values()].some(isSettling)).map((phone) => phone.options.user));
    if (when === "at the end") expect([...settling], this.#says("phones still ring")).toEqual([]);
    for (const phone of phones) {
      expect(phone.isRegistered, this.#says(`${phone.options.address} is registered ${when}`)).toBe(true);
      for (const [key, seen] of phone.watched) {
        const [event, user = ""] = key.split(" ");
        expect(seen.isActive, this.#says(`${phone.options.address} watches ${key} ${when}`)).toBe(true);
        if (event === "dialog" && !settling.has(user)) {
          expect(lampOf(seen.body), this.#says(`the lamp of ${user} at ${phone.options.address} ${when}`)).toBe(talking.has(user) ? "talking" : "dark");
        }
        if (event === "presence" && !settling.has(user)) {
          expect(seen.body.includes("on-the-phone"), this.#says(`the presence of ${user} at ${phone.options.address} ${when}`)).toBe(talking.has(user));
        }
      }
    }
  }
}

describe("an office in a storm: at every quiet moment each lamp equals the truth", () => {
  const batches = Array.from({ length: Math.ceil(SEEDS.length / BATCH) }, (_, index) => SEEDS.slice(index * BATCH, (index + 1) * BATCH));
  test.each(batches)("seeds %i to …", { timeout: 120_000 }, async (...seeds) => {
    for (const seed of seeds) await new Day(await Office.open(seed, USERS, STORM), seed).run();
  });
});

test("the same seed gives the same run", async () => {
  const trace = async (): Promise<string[]> => {
    const lines: string[] = [];
    const office = await Office.open(42, USERS, STORM);
    office.network.onTraffic = (traffic) => lines.push(`${office.clock.now()} ${traffic.from} ${traffic.to} ${traffic.fate} ${traffic.text.length}`);
    await new Day(office, 42).run();
    return lines;
  };
  const first = await trace();
  expect(first.length).toBeGreaterThan(1000);
  expect(await trace()).toEqual(first);
});
