import { expect, test } from "vitest";
import { FAILED_MS, FAILED_TARGETS_MAX, targetHealth } from "../../../src/sip/resolver/target-health.ts";
import type { Hop } from "../../../src/sip/transport/transport.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const hop = (n: number): Hop => ({ protocol: "udp", address: `10.0.0.${String(n)}`, port: 5060 });
const way = (n: number) => ({ protocol: "udp", remoteAddress: `10.0.0.${String(n)}`, remotePort: 5060 }) as const;
const hops = [hop(1), hop(2), hop(3)];
const order = (ordered: readonly Hop[]): string => ordered.map(({ address }) => address.slice(-1)).join("");

test("a target that failed comes last for half a minute, then is back by itself", () => {
  const clock = new FakeClock();
  const health = targetHealth(clock);
  expect(health.ordered(hops)).toBe(hops);
  health.failed(way(1));
  expect(order(health.ordered(hops))).toBe("231");
  clock.advance(FAILED_MS - 1);
  expect(order(health.ordered(hops))).toBe("231");
  clock.advance(1);
  expect(order(health.ordered(hops))).toBe("123");
});

test("when all have failed all are tried, the longest ago first", () => {
  const clock = new FakeClock();
  const health = targetHealth(clock);
  for (const n of [2, 3, 1]) {
    health.failed(way(n));
    clock.advance(10);
  }
  expect(order(health.ordered(hops))).toBe("231");
});

test.each([
  ["what the 503 asked for", 120_000, 120_000],
  ["ten minutes at most", 86_400_000, 600_000],
  ["a second at least", 0, 1_000],
  ["half a minute when it cannot be read", Number.NaN, 30_000],
  ["half a minute for infinity", Infinity, 30_000],
])("Retry-After: %s", (_, asked, ms) => {
  const clock = new FakeClock();
  const health = targetHealth(clock);
  health.failed(way(1), asked);
  clock.advance(ms - 1);
  expect(order(health.ordered(hops))).toBe("231");
  clock.advance(1);
  expect(order(health.ordered(hops))).toBe("123");
});

test("another port or protocol of the same host is another target", () => {
  const health = targetHealth(new FakeClock());
  health.failed({ protocol: "tcp", remoteAddress: "10.0.0.1", remotePort: 5060 });
  health.failed({ protocol: "udp", remoteAddress: "10.0.0.1", remotePort: 5061 });
  expect(order(health.ordered(hops))).toBe("123");
});

test("the table is bounded: the longest known is forgotten", () => {
  const health = targetHealth(new FakeClock());
  health.failed(way(1));
  for (let port = 1; port <= FAILED_TARGETS_MAX; port++) health.failed({ protocol: "tcp", remoteAddress: "10.9.9.9", remotePort: port });
  expect(order(health.ordered(hops))).toBe("123");
});
