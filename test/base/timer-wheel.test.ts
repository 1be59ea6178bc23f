import { expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";

/** A clock whose timers run when `to` passes them, in order of their moment. */
function handClock(): Clock & { to(ms: number): void } {
  let now = 1_000_000;
  let waiting: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    after(delayMs, run) {
      const entry = { at: now + delayMs, run };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    to(ms) {
      for (;;) {
        const next = waiting.reduce<{ at: number; run: () => void } | null>((a, b) => (a === null || b.at < a.at ? b : a), null);
        if (next === null || next.at > 1_000_000 + ms) break;
        waiting = waiting.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = 1_000_000 + ms;
    },
  };
}

test("timers fire once, in order, never early and at most a tick late, whatever was stopped", () => {
  const seed = 4711;
  const random = seededRandom(seed);
  const clock = handClock();
  const wheel = new TimerWheel(clock);
  const fired = new Map<number, number>();
  const kind = wheel.kind((payload) => {
    expect(fired.has(payload), `twice, seed ${seed}`).toBe(false);
    fired.set(payload, clock.now() - 1_000_000);
  });
  const delays = Array.from({ length: 5000 }, () => (random.below(4) === 0 ? random.below(40_000_000) : random.below(40_000)));
  const ids = delays.map((delay, index) => wheel.start(kind, delay, index));
  const stopped = new Set<number>();
  for (let index = 0; index < 5000; index += 7) {
    wheel.stop(ids[index] ?? 0);
    wheel.stop(ids[index] ?? 0);
    stopped.add(index);
  }
  clock.to(20_000);
  clock.to(45_000_000);
  for (const [index, delay] of delays.entries()) {
    const at = fired.get(index);
    if (stopped.has(index)) expect(at).toBeUndefined();
    else {
      expect(at, `timer ${index} of ${delay} ms, seed ${seed}`).toBeGreaterThanOrEqual(delay);
      expect(at).toBeLessThanOrEqual(delay + 10);
    }
  }
  expect(wheel.count).toBe(0);
});

test("a stale id stops nobody else's timer", () => {
  const clock = handClock();
  const wheel = new TimerWheel(clock);
  const fired: number[] = [];
  const kind = wheel.kind((payload) => fired.push(payload));
  const first = wheel.start(kind, 10, 1);
  clock.to(100);
  wheel.start(kind, 10, 2);
  wheel.stop(first);
  clock.to(200);
  expect(fired).toEqual([1, 2]);
});

test("a handler may start and stop timers of the same moment", () => {
  const clock = handClock();
  const wheel = new TimerWheel(clock);
  const fired: string[] = [];
  const ids: number[] = [];
  const a = wheel.kind(() => {
    fired.push("a");
    for (const id of ids) wheel.stop(id);
    wheel.start(b, 0, 0);
  });
  const b = wheel.kind(() => fired.push("b"));
  ids.push(wheel.start(a, 50, 0), wheel.start(a, 50, 0));
  clock.to(1000);
  expect(fired).toEqual(["a", "b"]);
});

test("a handler that throws keeps no other timer from running, neither of its moment nor later", () => {
  const told: unknown[] = [];
  for (const onMistake of [null, (err: unknown) => told.push(err)]) {
    const clock = handClock();
    const wheel = new TimerWheel(clock, onMistake);
    const fired: number[] = [];
    const bad = wheel.kind(() => {
      throw new Error("a mistake");
    });
    const good = wheel.kind((payload) => fired.push(payload));
    wheel.start(good, 50, 1);
    wheel.start(bad, 50, 0);
    wheel.start(good, 50, 2);
    wheel.start(good, 90, 3);
    if (onMistake === null) expect(() => clock.to(60)).toThrow("a mistake");
    clock.to(1000);
    expect(fired.sort()).toEqual([1, 2, 3]);
    expect(wheel.count).toBe(0);
  }
  expect(told).toHaveLength(1);
});
