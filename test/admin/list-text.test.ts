import { expect, test } from "vitest";
import { listText } from "../../src/admin/list-text.ts";
import { systemClock } from "../../src/base/clock.ts";

async function pieces(items: Iterable<unknown>): Promise<string[]> {
  const all: string[] = [];
  for await (const piece of listText(items, systemClock)) all.push(piece);
  return all;
}

test.each([0, 1, 2, 199, 200, 201, 1000])("a list of %i is one JSON array", async (count) => {
  const items = Array.from({ length: count }, (_, n) => ({ n }));
  expect(JSON.parse((await pieces(items)).join(""))).toEqual(items);
});

test("a long list is made in slices, and others get their turn between them", async () => {
  let made = 0;
  function* items(): Generator<number> {
    for (let n = 0; n < 1000; n++) {
      made++;
      yield n;
    }
  }
  const turns: number[] = [];
  let isOver = false;
  const turn = (): void => {
    turns.push(made);
    if (!isOver) setImmediate(turn);
  };
  turn();
  await pieces(items());
  isOver = true;
  expect(new Set(turns).size).toBeGreaterThanOrEqual(4);
});
