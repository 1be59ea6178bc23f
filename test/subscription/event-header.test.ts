import { expect, test } from "vitest";
import { formatEvent, parseEvent } from "../../src/subscription/event-header.ts";

const table: readonly (readonly [string | undefined, { name: string; id: string } | null])[] = [
  ["presence", { name: "presence", id: "" }],
  ["presence.winfo", { name: "presence.winfo", id: "" }],
  ["dialog;id=7", { name: "dialog", id: "7" }],
  ["dialog ; sla ; ID = x-1", { name: "dialog", id: "x-1" }],
  ["dialog;shared=true", { name: "dialog", id: "" }],
  [`dialog;id=${"7".repeat(129)}`, null],
  ['dialog;id="a b"', null],
  ["dialog;id=a\r\nX: y", null],
  ["two words", null],
  ["", null],
  [undefined, null],
];

test.each(table)("Event %j is read as %j", (value, wanted) => {
  expect(parseEvent(value)).toEqual(wanted);
});

test("our own Event echoes the id", () => {
  expect([formatEvent("dialog", ""), formatEvent("dialog", "7")]).toEqual(["dialog", "dialog;id=7"]);
});
