import { expect, test } from "vitest";
import { SourceRate, SubscribeRate, SUBSCRIBES_AT_ONCE_MAX, SUBSCRIBES_PER_SECOND_MAX } from "../../src/subscription/subscribe-rate.ts";
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

test("what an operator allows a source is counted apart by address, User-Agent and event; what one limit refuses costs nothing of the others", () => {
  const clock = new FakeClock();
  const rate = new SourceRate(clock, { perAddress: { count: 3, perMs: 1000 }, perUserAgent: { count: 4, perMs: 60_000 }, perEvent: null });
  const from = (address: string, userAgent: string): string | null => rate.admits({ address, user_agent: userAgent, event: "dialog" });
  expect([1, 2, 3, 4, 5].map(() => from("192.0.2.1", "Acme 1"))).toEqual([null, null, null, "address", "address"]);
  expect([from("192.0.2.2", "Acme 1"), from("192.0.2.2", "Acme 1"), from("192.0.2.2", "Other")]).toEqual([null, "user_agent", null]);
  clock.advance(1000);
  expect([1, 2, 3, 4].map(() => from("192.0.2.1", "Other"))).toEqual([null, null, null, "address"]);
  const events = new SourceRate(clock, { perAddress: null, perUserAgent: null, perEvent: { count: 1, perMs: 1000 } });
  expect(["dialog", "presence", "dialog"].map((event) => events.admits({ address: "192.0.2.1", user_agent: "", event }))).toEqual([null, null, "event"]);
});

test("sources without number do not fill the memory, and those that are no more counted begin anew", () => {
  const rate = new SourceRate(new FakeClock(), { perAddress: { count: 1, perMs: 1000 }, perUserAgent: null, perEvent: null });
  for (let count = 0; count < 100_000; count++) expect(rate.admits({ address: `198.51.100.${count}`, user_agent: "x".repeat(1000), event: "" })).toBe(null);
  expect(rate.admits({ address: "198.51.100.99999", user_agent: "", event: "" })).toBe("address");
});
