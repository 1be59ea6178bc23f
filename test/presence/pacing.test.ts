import { expect, test } from "vitest";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { paced } from "../../src/presence/pacing.ts";
import { person } from "../dialog/calls.ts";
import { FakeClock } from "../sim/fake-clock.ts";

function worldOf(intervalMs: number): { readonly clock: FakeClock; readonly change: (user: string) => void; readonly told: string[] } {
  const clock = new FakeClock();
  const start = clock.now();
  const told: string[] = [];
  const change = paced({ wheel: new TimerWheel(clock), intervalMs }, (aor) => told.push(`${aor.slice(4, 7)} ${Math.round((clock.now() - start) / 100) / 10}`));
  return { clock, told, change: (user) => { change(person(user)); } };
}

test("the first change is told at once, later ones at most once an interval, and the last one always", () => {
  const { clock, change, told } = worldOf(5000);
  change("101");
  for (let second = 0; second < 12; second++) {
    clock.advance(1000);
    if (second < 8) change("101");
  }
  clock.advance(20_000);
  expect(told).toEqual(["101 0", "101 5", "101 10"]);
  change("101");
  expect(told.at(-1)).toBe("101 32");
});

test("each person has his own pace", () => {
  const { clock, change, told } = worldOf(5000);
  change("101");
  clock.advance(1000);
  change("102");
  change("101");
  clock.advance(10_000);
  expect(told).toEqual(["101 0", "102 1", "101 5"]);
});

test("without an interval every change is told at once", () => {
  const { change, told } = worldOf(0);
  change("101");
  change("101");
  expect(told).toHaveLength(2);
});
