import { describe, expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "../../src/base/random.ts";

describe("FakeClock", () => {
  test("timers run in order of time, equal times in order of making, at their own time", () => {
    const clock = new FakeClock(0);
    const seen: string[] = [];
    for (const [delay, name] of [[30, "c"], [10, "a"], [10, "b"], [40, "never"]] as const) {
      clock.after(delay, () => seen.push(`${name}@${String(clock.now())}`));
    }
    clock.advance(35);
    expect(seen).toEqual(["a@10", "b@10", "c@30"]);
    expect(clock.now()).toBe(35);
    expect(clock.nextAtMs).toBe(40);
  });

  test("a timer that a timer starts runs in the same advance when it is due", () => {
    const clock = new FakeClock(0);
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(clock.now());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(45);
    expect(seen).toEqual([10, 20, 30, 40]);
  });

  test("a cancelled timer does not run, and cancelling twice or late is harmless", () => {
    const clock = new FakeClock(0);
    let ran = 0;
    const cancel = clock.after(10, () => ran++);
    const late = clock.after(5, () => ran++);
    cancel();
    cancel();
    clock.advance(20);
    late();
    expect(ran).toBe(1);
    expect(clock.nextAtMs).toBeNull();
  });

  test("runUntil stops at the moment the predicate comes true, or at the limit", () => {
    const clock = new FakeClock(0);
    let ran = 0;
    for (let i = 1; i <= 10; i++) clock.after(i, () => ran++);
    expect(clock.runUntil(() => ran === 4, 100)).toBe(true);
    expect(clock.now()).toBe(4);
    expect(clock.runUntil(() => ran === 99, 100)).toBe(false);
    expect(clock.now()).toBe(104);
  });

  test("promises that a timer resolves run before the next timer", async () => {
    const clock = new FakeClock(0);
    const seen: string[] = [];
    clock.after(1, () => {
      void Promise.resolve().then(() => Promise.resolve()).then(() => seen.push("promise"));
    });
    clock.after(1, () => seen.push("second"));
    await clock.advanceAsync(5);
    expect(seen).toEqual(["promise", "second"]);
  });

  test("a thousand random timers run sorted", () => {
    const seed = 7;
    const random = seededRandom(seed);
    const clock = new FakeClock(0);
    const seen: number[] = [];
    const cancels = Array.from({ length: 1000 }, () => clock.after(random.below(500), () => seen.push(clock.now())));
    for (let i = 0; i < 1000; i += 3) cancels[i]?.();
    clock.advance(500);
    expect(seen, `seed ${String(seed)}`).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length, `seed ${String(seed)}`).toBe(666);
  });
});
