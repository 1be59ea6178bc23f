import { expect, test } from "vitest";
import { Restoration } from "../../src/subscription/restoration.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const COUNT = 5000;
const tagOf = (n: number): string => `tag-${String(n)}`;
const records = Array.from({ length: COUNT }, (_, n) => ({ key: tagOf(n), value: n, node: "a", version: n }));

function restoring(): { readonly clock: FakeClock; readonly restoration: Restoration; readonly taken: string[] } {
  const clock = new FakeClock(1000);
  const taken: string[] = [];
  const restoration = new Restoration(clock, ({ key }) => {
    taken.push(key);
  });
  restoration.begin(records);
  return { clock, restoration, taken };
}

test("the first two thousand are there at once, the others soon, each once and in order", () => {
  const { clock, restoration, taken } = restoring();
  expect([taken.length, restoration.size]).toEqual([2000, COUNT - 2000]);
  clock.advance(1000);
  expect([taken, restoration.size]).toEqual([records.map(({ key }) => key), 0]);
});

test("one that is asked for is taken up then, and only then", () => {
  const { clock, restoration, taken } = restoring();
  restoration.bring(tagOf(4999));
  restoration.bring(tagOf(4999));
  restoration.bring(tagOf(0));
  restoration.bring("nobody's");
  expect(taken.slice(2000)).toEqual([tagOf(4999)]);
  clock.advance(1000);
  expect(new Set(taken).size).toBe(COUNT);
  expect(taken).toHaveLength(COUNT);
});

test("all can be had at once", () => {
  const { clock, restoration, taken } = restoring();
  restoration.bringAll();
  expect([taken.length, restoration.size]).toEqual([COUNT, 0]);
  clock.advance(1000);
  expect(taken).toHaveLength(COUNT);
});

test("after the end nothing is taken up", () => {
  const { clock, restoration, taken } = restoring();
  restoration.close();
  clock.advance(1000);
  restoration.bring(tagOf(4999));
  expect(taken).toHaveLength(2000);
});
