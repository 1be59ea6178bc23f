import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { cast, castDirectory, PEOPLE_MAX, PEOPLE_MIN } from "../../src/demo/cast.ts";

test.each([PEOPLE_MIN, 40, PEOPLE_MAX])("%i people: names, aliases, extensions and passwords are each one's own", (count) => {
  const { people, queue, trunk } = cast(count, seededRandom(1));
  const all = [...people, queue, trunk];
  expect(people).toHaveLength(count);
  for (const of of [all.map(({ id }) => id), all.map(({ name }) => name), all.map(({ alias }) => alias), all.map(({ password }) => password)]) expect(new Set(of).size).toBe(count + 2);
});

test("there is a reception, and somebody for the support line", () => {
  const { people } = cast(PEOPLE_MIN, seededRandom(2));
  expect(people[0]?.team).toBe("Reception");
  expect(people.some(({ team }) => team === "Support")).toBe(true);
});

test("the same seed gives the same people, another one others", () => {
  expect(castDirectory(cast(40, seededRandom(3)))).toBe(castDirectory(cast(40, seededRandom(3))));
  expect(castDirectory(cast(40, seededRandom(3)))).not.toBe(castDirectory(cast(40, seededRandom(4))));
});
