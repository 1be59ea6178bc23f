import { expect, test } from "vitest";
import { SubscribeRate, SUBSCRIBES_AT_ONCE_MAX, SUBSCRIBES_PER_SECOND_MAX } from "../../src/subscription/subscribe-rate.ts";
import { FakeClock } from "../sim/fake-clock.ts";

test("a watcher may begin with many, goes on at a bounded rate, and takes nothing from others", () => {
  const clock = new FakeClock();
  const rate = new SubscribeRate(clock);
  const taken = (who: string, count: number): number => Array.from({ length: count }, () => rate.admits(who)).filter(Boolean).length;
  expect(taken("mad", SUBSCRIBES_AT_ONCE_MAX + 500)).toBe(SUBSCRIBES_AT_ONCE_MAX);
  expect(taken("good", 10)).toBe(10);
  clock.advance(2000);
  expect(taken("mad", 1000)).toBe(2 * SUBSCRIBES_PER_SECOND_MAX);
  clock.advance(3_600_000);
  expect(taken("mad", SUBSCRIBES_AT_ONCE_MAX + 1)).toBe(SUBSCRIBES_AT_ONCE_MAX);
});

test("watchers without number do not fill the memory", () => {
  const clock = new FakeClock();
  const rate = new SubscribeRate(clock);
  for (let count = 0; count < 100_000; count++) expect(rate.admits(`198.51.100.${count}`)).toBe(true);
});
