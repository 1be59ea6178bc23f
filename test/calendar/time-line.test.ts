import { expect, test } from "vitest";
import { timeLine, type SpokenEntry } from "../../src/calendar/time-line.ts";

const HOUR = 3_600_000;
const entry = (from: number, until: number, more: Partial<SpokenEntry> = {}): SpokenEntry => ({ start: from * HOUR, end: until * HOUR, kind: "busy", hasAttendees: true, isPrivate: false, as: null, ...more });
const alone = { hasAttendees: false };
const away = { kind: "out-of-office" } as const;

/** `9-10 meeting 9-12`: a stretch, what it says, and the whole time for which that is said. */
const inShort = (entries: readonly SpokenEntry[], at = 0): readonly string[] =>
  timeLine(entries, at * HOUR, 100).map(({ from, until, activity, note, blockFrom, blockUntil }) => `${String(from / HOUR)}-${String(until / HOUR)} ${activity}${note === "Busy" && activity === "meeting" ? "*" : ""} ${String(blockFrom / HOUR)}-${String(blockUntil / HOUR)}`);

test.each<[string, readonly SpokenEntry[], readonly string[]]>([
  ["nothing", [], []],
  ["a meeting", [entry(9, 10)], ["9-10 meeting 9-10"]],
  ["meetings that touch are one to watchers, and still end what a person chose between them", [entry(9, 10), entry(10, 12)], ["9-10 meeting 9-12", "10-12 meeting 9-12"]],
  ["meetings that overlap", [entry(9, 11), entry(10, 12)], ["9-10 meeting 9-12", "10-11 meeting 9-12", "11-12 meeting 9-12"]],
  ["meetings with a break", [entry(9, 10), entry(11, 12)], ["9-10 meeting 9-10", "11-12 meeting 11-12"]],
  ["the same twice", [entry(9, 10), entry(9, 10)], ["9-10 meeting 9-10"]],
  ["a meeting over an appointment", [entry(9, 12, alone), entry(10, 11)], ["9-10 appointment 9-10", "10-11 meeting 10-11", "11-12 appointment 11-12"]],
  ["away over a meeting", [entry(9, 12), entry(10, 11, away)], ["9-10 meeting 9-10", "10-11 away 10-11", "11-12 meeting 11-12"]],
  ["a day away is a vacation, over what is shorter", [entry(0, 24, away), entry(9, 10, away)], ["0-9 vacation 0-24", "9-10 vacation 0-24", "10-24 vacation 0-24"]],
  ["the day on which the clocks go forward is one too", [entry(0, 23, away)], ["0-23 vacation 0-23"]],
  ["tentative and working elsewhere say nothing", [entry(9, 10, { kind: "tentative" }), entry(9, 10, { kind: "working-elsewhere" })], []],
  ["private: the same, called busy", [entry(9, 10, { isPrivate: true })], ["9-10 meeting* 9-10"]],
  ["of a private and an open meeting the open one speaks", [entry(9, 11, { isPrivate: true }), entry(10, 12)], ["9-10 meeting* 9-10", "10-11 meeting 10-12", "11-12 meeting 10-12"]],
  ["a shared holiday over everything", [entry(0, 24, { as: "holiday", ...alone }), entry(9, 10, away)], ["0-9 holiday 0-24", "9-10 holiday 0-24", "10-24 holiday 0-24"]],
  ["an end before its beginning", [entry(10, 9)], []],
])("%s", (_, entries, expected) => {
  expect(inShort(entries)).toEqual(expected);
  expect(inShort([...entries].reverse()), "in whatever order").toEqual(expected);
});

test("what is over is left out, what runs is named from its beginning, and no more than asked for is given", () => {
  const day = [entry(8, 9), entry(9, 10), entry(11, 12), entry(13, 14)];
  expect(inShort(day, 9.5)).toEqual(["9-10 meeting 8-10", "11-12 meeting 11-12", "13-14 meeting 13-14"]);
  expect(timeLine(day, 0, 2)).toHaveLength(2);
});
