import { expect, test } from "vitest";
import type { Reading } from "../../src/calendar/adapter.ts";
import { KnownReadings } from "../../src/calendar/known-readings.ts";

const at = (start: number): Reading => ({ kind: "entries", entries: [{ start, end: start + 1, kind: "busy", hasAttendees: false, isPrivate: false }] });
const failure: Reading = { kind: "failure", failure: "timeout", text: "it was late" };

/** What the reading end sends of a reading, and what the other end makes of it: a copy, as messages of a process are. */
function carried(here: KnownReadings, there: KnownReadings, readings: ReadonlyMap<string, Reading>): { readonly sent: readonly string[]; readonly whole: ReadonlyMap<string, Reading> } {
  const news = structuredClone(here.news(readings));
  return { sent: [...news.readings.keys()], whole: there.whole(news) };
}

test("both ends have the same after every reading, and only news is sent", () => {
  const [here, there] = [new KnownReadings(), new KnownReadings()];
  for (const [readings, sent] of [
    [{ a: at(1), b: at(2) }, ["a", "b"]],
    [{ a: at(1), b: at(3) }, ["b"]],
    [{ a: failure, b: at(3) }, ["a"]],
    // A failure changes nothing of what is known.
    [{ a: failure }, ["a"]],
    [{ a: at(1), b: at(3), c: at(1) }, ["c"]],
    [{ a: at(2), b: { kind: "entries", entries: [] } }, ["a", "b"]],
    [{ b: { kind: "entries", entries: [] }, a: at(2) }, []],
  ] as const satisfies readonly (readonly [Readonly<Record<string, Reading>>, readonly string[]])[]) {
    const carriedOver = carried(here, there, new Map(Object.entries(readings)));
    expect(carriedOver.sent).toEqual(sent);
    expect(Object.fromEntries(carriedOver.whole)).toEqual(readings);
  }
});

test("what is the same is the same object", () => {
  const [here, there] = [new KnownReadings(), new KnownReadings()];
  const first = carried(here, there, new Map([["a", at(1)]])).whole.get("a");
  expect(carried(here, there, new Map([["a", at(1)]])).whole.get("a")).toBe(first);
});

test("an end that begins anew is sent everything", () => {
  const there = new KnownReadings();
  carried(new KnownReadings(), there, new Map([["a", at(1)]]));
  expect(carried(new KnownReadings(), there, new Map([["a", at(2)]])).whole.get("a")).toEqual(at(2));
});
