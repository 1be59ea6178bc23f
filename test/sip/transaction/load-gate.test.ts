import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { LoadGate, STANDING_SHARE } from "../../../src/sip/transaction/load-gate.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

/** A server that can begin `capacity` calls a second, with a receive buffer of `room` calls: each millisecond as many calls come as `offered` says. */
function server(capacity: number, room = 200) {
  const clock = new FakeClock();
  const gate = new LoadGate({ clock, random: seededRandom(1) });
  let queue = 0;
  let credit = 0;
  let arrivals = 0;
  const run = (offered: number, forMs: number): { admitted: number; shed: number; lost: number } => {
    let admitted = 0;
    let shed = 0;
    let lost = 0;
    for (let ms = 0; ms < forMs; ms++) {
      clock.advance(1);
      arrivals += offered / 1000;
      for (; arrivals >= 1; arrivals--) {
        if (queue < room) queue++;
        else lost++;
      }
      credit = Math.min(credit + 1, 5);
      const wasFull = queue > 0;
      while (queue > 0 && credit > 0) {
        queue--;
        // To turn one away costs a tenth of a call.
        if (gate.admits()) {
          admitted++;
          credit -= 1000 / capacity;
        } else {
          shed++;
          credit -= 100 / capacity;
        }
      }
      if (wasFull) gate.backlog(queue / room);
    }
    return { admitted, shed, lost };
  };
  return { clock, gate, run };
}

describe("the gate for new calls", () => {
  test("lets all in while they can be served, near the capacity too", () => {
    const { gate, run } = server(1000);
    expect(run(950, 20_000).shed).toBe(0);
    expect(gate.isLimiting).toBe(false);
  });

  test("a burst that is worked off is no overload, nor is a pause", () => {
    const { gate, run } = server(1000);
    run(500, 1000);
    expect(run(20_000, 9).shed).toBe(0);
    expect(run(0, 500).shed).toBe(0);
    expect(gate.shed).toBe(0);
  });

  test.each([1.5, 3, 5])("at %s times the capacity it goes on serving nearly as much as it can, and turns the rest away", (times) => {
    const { run } = server(1000);
    run(500, 1000);
    run(1000 * times, 2000); // it learns
    const { admitted, shed, lost } = run(1000 * times, 10_000);
    expect(admitted).toBeGreaterThan(10_000 * (times < 4 ? 0.6 : 0.4));
    expect(shed).toBeGreaterThan(0);
    expect(lost).toBeLessThan((admitted + shed) * 0.35);
  });

  test("all are let in within a second after the load has ended", () => {
    const { gate, run } = server(1000);
    run(3000, 5000);
    expect(gate.isLimiting).toBe(true);
    run(100, 1000);
    expect(gate.isLimiting).toBe(false);
    expect(run(900, 5000).shed).toBe(0);
  });

  test("after a silence all are let in", () => {
    const { clock, gate, run } = server(1000);
    run(3000, 5000);
    clock.advance(1000);
    expect(gate.admits()).toBe(true);
    expect(gate.isLimiting).toBe(false);
  });

  test("a buffer that was filled and emptied within a window does not count, one that stands does", () => {
    const clock = new FakeClock();
    const gate = new LoadGate({ clock, random: seededRandom(1) });
    const fill = (least: number): void => {
      for (let at = 0; at < 30; at++) {
        gate.backlog(at % 6 === 0 ? least : 0.9);
        gate.admits();
        clock.advance(10);
      }
    };
    fill(0);
    expect(gate.isLimiting).toBe(false);
    fill(STANDING_SHARE);
    expect(gate.isLimiting).toBe(true);
  });

  test("those who are turned away are told different times", () => {
    const gate = new LoadGate({ clock: new FakeClock(), random: seededRandom(7) });
    const told = new Set(Array.from({ length: 100 }, () => gate.retryAfter()));
    expect(told.size).toBeGreaterThan(5);
    for (const line of told) expect(line).toMatch(/^Retry-After: ([2-9]|10)\r\n$/);
  });
});
