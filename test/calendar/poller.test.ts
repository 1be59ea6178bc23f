import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { aorOf } from "../../src/base/ids.ts";
import type { CalendarAdapter, Reading } from "../../src/calendar/adapter.ts";
import { UNREAD, afterPoll, atMoment } from "../../src/calendar/mailbox-state.ts";
import { poller, type Poller } from "../../src/calendar/poller.ts";
import type { CalendarConfig } from "../../src/config/calendars-schema.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const calendar: CalendarConfig = { kind: "ics", name: "office", url: "", loginUrl: "", users: "all", pollMs: 60_000, timeoutMs: 20_000, as: null, zone: null, ca: null, authentication: "auto", username: null, password: null, tenant: null, clientId: null, secret: null };
const spoke: Reading = { kind: "entries", entries: [] };
const failed = (retryAfterMs?: number): Reading => ({ kind: "failure", failure: retryAfterMs === undefined ? "connection" : "throttled", text: "it failed", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

interface Rig {
  readonly clock: FakeClock;
  readonly polling: Poller;
  /** When each mailbox was asked for, s after the start. */
  readonly asked: Map<string, number[]>;
  readonly readings: [string, Reading][];
  readonly most: () => number;
  readonly hint: (mailbox?: string) => void;
  pass(seconds: number): Promise<void>;
}

/** A poller of `count` mailboxes `m0`, `m1` …; an answer takes `takesMs`. */
function rig(count: number, answer: (mailbox: string, times: number) => Reading | null, { batchSize = 1, takesMs = 100 } = {}): Rig {
  const clock = new FakeClock();
  const begin = clock.now();
  const asked = new Map<string, number[]>();
  const readings: [string, Reading][] = [];
  let [running, most] = [0, 0];
  let hint: (mailbox?: string) => void = () => undefined;
  const adapter: CalendarAdapter = {
    batchSize,
    read: (mailboxes) => {
      most = Math.max(most, ++running);
      const found = new Map<string, Reading>();
      for (const mailbox of mailboxes) {
        const times = [...(asked.get(mailbox) ?? []), (clock.now() - begin) / 1000];
        asked.set(mailbox, times);
        const said = answer(mailbox, times.length);
        if (said !== null) found.set(mailbox, said);
      }
      return new Promise((resolve) => {
        clock.after(takesMs, () => {
          running--;
          resolve(found);
        });
      });
    },
    watch: (onChange) => {
      hint = onChange;
    },
    close: () => Promise.resolve(),
  };
  const aor = aorOf("101", "tel.example.test");
  const people = new Map(Array.from({ length: count }, (_, at) => [`m${String(at)}`, [aor]]));
  const polling = poller({ calendar, zone: "UTC", people }, { clock, random: seededRandom(7), log: silentLog, open: () => Promise.resolve(adapter), onReading: (mailbox, reading) => readings.push([mailbox, reading]), onPoll: () => undefined });
  return {
    clock,
    polling,
    asked,
    readings,
    most: () => most,
    hint: (mailbox) => {
      hint(mailbox);
    },
    async pass(seconds) {
      for (let step = 0; step < seconds * 10; step++) {
        clock.advance(100);
        for (let turn = 0; turn < 12; turn++) await Promise.resolve();
      }
    },
  };
}

const gaps = (times: readonly number[] = []): readonly number[] => times.slice(1).map((time, at) => time - (times[at] ?? 0));

describe("polling", () => {
  test("every mailbox is asked for about once a minute, never all at once, and few at a time", async () => {
    const { polling, asked, most, pass } = rig(200, () => spoke);
    polling.start();
    await pass(310);
    expect(asked.size).toBe(200);
    for (const times of asked.values()) {
      expect(times.length).toBeGreaterThanOrEqual(5);
      // The first ones come close together; each then finds its place in the minute.
      for (const gap of gaps(times.slice(1))) expect(gap).toBeGreaterThan(53);
      for (const gap of gaps(times)) expect(gap).toBeLessThan(68);
    }
    expect(most()).toBeLessThanOrEqual(8);
    expect(new Set([...asked.values()].map(([first]) => first)).size, "spread").toBeGreaterThan(20);
    await polling.stop();
  });

  test("after the first time the polls of many are spread over the whole minute", async () => {
    const { polling, asked, pass } = rig(400, () => spoke);
    polling.start();
    await pass(300);
    const inTenSeconds = Array.from({ length: 12 }, () => 0);
    for (const times of asked.values()) for (const time of times) if (time >= 180) inTenSeconds[Math.floor((time - 180) / 10)] = (inTenSeconds[Math.floor((time - 180) / 10)] ?? 0) + 1;
    // Evenly: 67 in ten seconds.
    expect(Math.max(...inTenSeconds), inTenSeconds.join()).toBeLessThan(120);
    expect(Math.min(...inTenSeconds), inTenSeconds.join()).toBeGreaterThan(25);
    await polling.stop();
  });

  test("one that fails is asked less and less often, and hurts no other", async () => {
    const { polling, asked, pass } = rig(2, (mailbox, times) => (mailbox === "m0" && times < 5 ? failed() : spoke));
    polling.start();
    await pass(1800);
    const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = gaps(asked.get("m0"));
    for (const [gap, wanted] of [[first, 60], [second, 120], [third, 240], [fourth, 480], [fifth, 60]] as const) expect(Math.abs(gap - wanted) / wanted).toBeLessThan(0.12);
    expect(Math.max(...gaps(asked.get("m1")))).toBeLessThan(68);
    await polling.stop();
  });

  test("a server that names a time is asked nothing before it", async () => {
    const { polling, asked, pass } = rig(20, (mailbox, times) => (mailbox === "m3" && times === 1 ? failed(300_000) : spoke));
    polling.start();
    await pass(280);
    const throttledAt = asked.get("m3")?.[0] ?? 0;
    // Those that were on their way already may still have been asked.
    for (const times of asked.values()) expect(times.filter((time) => time > throttledAt + 1)).toEqual([]);
    await pass(200);
    for (const times of asked.values()) expect(times.some((time) => time >= throttledAt + 300)).toBe(true);
    await polling.stop();
  });

  test("a mailbox that is missing from an answer counts as failed", async () => {
    const { polling, readings, pass } = rig(3, (mailbox) => (mailbox === "m1" ? null : spoke), { batchSize: 3 });
    polling.start();
    await pass(2);
    expect(readings.map(([mailbox, reading]) => `${mailbox} ${reading.kind}`)).toEqual(["m0 entries", "m1 failure", "m2 entries"]);
    await polling.stop();
  });

  test("an answer that never comes is a failure in time, and the next poll is made", async () => {
    const { polling, asked, readings, pass } = rig(1, () => spoke, { takesMs: 1e9 });
    polling.start();
    await pass(120);
    expect(readings[0]).toEqual(["m0", { kind: "failure", failure: "timeout", text: "there was no answer within 20 s" }]);
    expect(asked.get("m0")?.length).toBeGreaterThan(1);
    await polling.stop();
  });

  test("a hint brings the next poll forward, of that mailbox alone, once a second at most", async () => {
    const { polling, asked, hint, pass } = rig(3, () => spoke);
    polling.start();
    await pass(10);
    for (let times = 0; times < 20; times++) {
      hint("m1");
      await pass(0.5);
    }
    expect(asked.get("m0")).toHaveLength(1);
    expect(asked.get("m1")?.length ?? 0).toBeGreaterThanOrEqual(2);
    expect(asked.get("m1")?.length ?? 0).toBeLessThanOrEqual(12);
    await polling.stop();
  });

  test("after the stop nothing is asked or told", async () => {
    const { polling, asked, readings, pass } = rig(5, () => spoke);
    polling.start();
    await pass(20);
    await polling.stop();
    const [before, told] = [[...asked.values()].flat().length, readings.length];
    await pass(300);
    expect([[...asked.values()].flat().length, readings.length]).toEqual([before, told]);
  });
});

describe("what a mailbox says", () => {
  const entries = [{ start: 0, end: 1, kind: "busy", hasAttendees: true, isPrivate: false }] as const;
  const good = afterPoll(UNREAD, { kind: "entries", entries }, 1000, "office");

  test("it goes on speaking through two failures, and is silent from the third until it is read again", () => {
    const [one, two, three] = [1, 2, 3].reduce<(typeof good)[]>((states, at) => [...states, afterPoll(states.at(-1) ?? good, failed(), 1000 + at, "office")], []);
    expect([one, two].map((state) => [state?.silence, state?.entries])).toEqual([[null, entries], [null, entries]]);
    expect(three).toMatchObject({ entries: [], silence: 'the last 3 polls of the calendar "office" failed (it failed)', silentSince: 1003 });
    expect(afterPoll(three ?? good, { kind: "entries", entries }, 2000, "office")).toEqual({ ...good, readAt: 2000 });
  });

  test("one that was never read says at once why", () => {
    expect(afterPoll(UNREAD, failed(), 5, "office")).toMatchObject({ silence: 'the last poll of the calendar "office" failed (it failed)', entries: [] });
  });

  test("what nobody confirmed for five polls, and ten minutes at least, lapses", () => {
    expect(atMoment(good, 1000 + 600_000, 60_000, "office")).toBe(good);
    expect(atMoment(good, 1000 + 600_001, 60_000, "office")).toMatchObject({ entries: [], silence: 'the calendar "office" was not read for 10 minutes' });
    expect(atMoment(good, 1000 + 5 * 3_600_000, 3_600_000, "office")).toBe(good);
    expect(atMoment(UNREAD, 1e12, 60_000, "office")).toBe(UNREAD);
  });
});
