import { expect, test } from "vitest";
import { ACTIVITY_NAMES } from "../../src/documents/rpid.ts";
import { defaultNote, meaningOf } from "../../src/presence/vocabulary.ts";

test.each([
  ["Available", null, "Available"],
  ["Online", null, "Available"],
  ["Away", "away", "Away"],
  ["Busy", "busy", "Busy"],
  ["Lunch", "meal", "Lunch"],
  ["Be right back", "away", "Be right back"],
  ["BRB", "away", "Be right back"],
  ["On the phone", "on-the-phone", "On the phone"],
  ["on-the-phone", "on-the-phone", "On the phone"],
  ["Do not disturb", "busy", "Do not disturb"],
  ["Out to lunch", "meal", "Out to lunch"],
  ["Meeting", "meeting", "Meeting"],
  ["  Holiday ", "vacation", "Holiday"],
  ["Offline", null, "Offline"],
  ["Travel", "travel", "Travel"],
  ["Feeding the cat", "other", "Feeding the cat"],
  ["other", "other", "other"],
  ["__proto__", "other", "__proto__"],
])("%j means %s, %j", (text, activity, note) => {
  const meaning = meaningOf(text);
  expect([meaning.activity?.name ?? null, meaning.note]).toEqual([activity, note]);
});

test("only offline says anything about reachability", () => {
  expect([meaningOf("offline").basic, meaningOf("Available").basic, meaningOf("Gone").basic]).toEqual(["closed", undefined, undefined]);
});

test("what nobody knows keeps its own words", () => {
  expect(meaningOf(" Feeding the cat ").activity).toEqual({ name: "other", text: "Feeding the cat" });
});

test.each([
  [[], "open", "Available"],
  [[], "closed", "Offline"],
  [["unknown"], "open", "Available"],
  [["on-the-phone"], "open", "On the phone"],
  [["meeting"], "closed", "In a meeting"],
  [["vacation"], "open", "Out of office"],
  [["appointment"], "open", "Busy"],
  [["looking-for-work"], "open", "Looking for work"],
] as const)("the note for %j and %s is %j", (names, basic, note) => {
  expect(defaultNote(names.map((name) => ({ name })), basic)).toBe(note);
});

test("every activity has a note", () => {
  for (const name of ACTIVITY_NAMES) expect(defaultNote([{ name }], "open")).toMatch(/^[A-Z][\w ]+$/);
});
