import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { cast } from "../../src/demo/cast.ts";
import { DemoCall } from "../../src/demo/demo-call.ts";
import { OfficeDay, type DayPhone } from "../../src/demo/office-day.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const SPEED = 60;
const PEOPLE = 30;

/** A phone that notes what is done with it; its calls go nowhere. */
function notedPhone(id: string, clock: FakeClock, note: (what: string) => void): DayPhone & { registered: Set<string> } {
  const calls = new Map<string, DemoCall>();
  let count = 0;
  const registered = new Set<string>();
  return {
    registered,
    isPlugged: true,
    calls,
    onRing: () => undefined,
    plug: () => {
      note(`${id} plug`);
      return Promise.resolve();
    },
    unplug: () => {
      note(`${id} unplug`);
      return Promise.resolve();
    },
    register(account) {
      registered.add(account?.id ?? id);
      note(`${id} register ${account?.id ?? id}`);
    },
    unregister(account) {
      registered.delete(account?.id ?? id);
      note(`${id} unregister ${account?.id ?? id}`);
    },
    publish(state) {
      note(`${id} publish ${state === null ? "nothing" : `${state.activity} ${state.note}`}`);
    },
    watch(user, event) {
      note(`${id} watch ${event} ${user}`);
    },
    call(user, display) {
      const callId = `${id}-${String(++count)}`;
      const line = { clock, layer: () => null, contact: () => "", via: () => "", send: () => 1, signed: (text: string) => text, challenged: (text: string) => text, acknowledge: () => undefined, ask: () => undefined, over: (over: string) => calls.delete(over) };
      const call = new DemoCall(line, { callId, localTag: "t", isCaller: true, localUri: "", remoteUri: "", display: display ?? "" });
      calls.set(callId, call);
      note(`${id} call ${user} ${display ?? ""}`);
      clock.after(1000, () => {
        call.ended();
      });
      return call;
    },
  };
}

function office(seed: number) {
  const clock = new FakeClock();
  const log: string[] = [];
  let day: OfficeDay | null = null;
  const note = (what: string): void => void log.push(`${day?.summary.time ?? ""} ${what}`);
  const members = cast(PEOPLE, seededRandom(seed));
  const phones = new Map([...members.people, members.trunk].map(({ id }) => [id, notedPhone(id, clock, note)]));
  const states = new Map<string, string>();
  day = new OfficeDay({
    clock,
    random: seededRandom(seed),
    cast: members,
    phones,
    speed: SPEED,
    say: (id, state) => {
      if (state === null) states.delete(id);
      else states.set(id, state.note);
    },
  });
  day.start();
  /** Until the office's clock shows that time. */
  const until = async (time: string): Promise<void> => {
    for (let step = 0; day.summary.time !== time; step++) {
      if (step > 4000) throw new Error(`it is never ${time}, but ${day.summary.time}`);
      clock.advance(500);
      await Promise.resolve();
    }
  };
  return { clock, day, log, phones, states, members, until };
}

describe("a day in the demo's office", () => {
  test("begins with people at their desks, registered and watching their teams", async () => {
    const { day, phones, members, until, log } = office(1);
    await until("09:20");
    expect(day.summary.here).toBeGreaterThan(PEOPLE * 0.8);
    expect(phones.get("101")?.registered).toEqual(new Set(["101"]));
    const [agent] = members.people.filter(({ team }) => team === "Support");
    expect(phones.get(agent?.id ?? "")?.registered).toContain("800");
    expect(log.filter((line) => line.includes(" 101 watch dialog ")).length).toBe(PEOPLE - 1);
  });

  test("has a stand-up of the engineers at 9:30, lunch at noon, calls to the support line, and ends", async () => {
    const { day, phones, states, members, until, log } = office(2);
    await until("09:35");
    const engineers = members.people.filter(({ team }) => team === "Engineering").map(({ id }) => id);
    expect([...states].filter(([, note]) => note === "Stand-up").length).toBeGreaterThan(engineers.length / 3);
    expect([...states.keys()].every((id) => engineers.includes(id))).toBe(true);
    await until("09:50");
    expect([...states.values()]).not.toContain("Stand-up");
    await until("12:30");
    expect(day.summary.lunch).toBeGreaterThan(2);
    expect(log.some((line) => /publish meal Lunch, back at 1[23]:\d\d$/.test(line))).toBe(true);
    await until("18:29");
    expect([day.summary.here, states.size]).toEqual([0, 0]);
    for (const { id } of members.people) expect(phones.get(id)?.registered.size, id).toBe(0);
    expect(log.filter((line) => line.includes(" 900 call 800 ")).length).toBeGreaterThan(50);
    expect(log.filter((line) => / 1\d\d call 1\d\d /.test(line)).length).toBeGreaterThan(30);
  });

  test("is followed by the next one, without the night", async () => {
    const { day, until } = office(3);
    await until("18:29");
    await until("07:59");
    expect(day.summary.here).toBe(0);
    await until("09:30");
    expect(day.summary.here).toBeGreaterThan(PEOPLE * 0.8);
  });

  test("phones break and come back", async () => {
    const { until, log } = office(4);
    await until("18:29");
    const times = (what: string): number => log.filter((line) => line.endsWith(` ${what}`)).length;
    expect(times("unplug")).toBeGreaterThan(0);
    expect(times("plug")).toBeGreaterThan(0);
  });

  test("goes alike for the same seed", async () => {
    const [one, two] = [office(5), office(5)];
    await one.until("14:00");
    await two.until("14:00");
    expect(one.log).toEqual(two.log);
  });

  test("stands still once it is stopped", async () => {
    const { clock, day, log, until } = office(6);
    await until("10:00");
    day.stop();
    const { length } = log;
    clock.advance(600_000);
    await Promise.resolve();
    expect(log.slice(length).filter((line) => line.includes("register"))).toEqual([]);
  });
});
