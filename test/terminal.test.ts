import { describe, expect, test } from "vitest";
import { lookOf, painted, plainLook, progressBar } from "../src/terminal.ts";

describe("the look of an output", () => {
  const terminal = { isTTY: true, columns: 90 };
  test.each([
    ["a terminal", terminal, {}, { columns: 90, isColoured: true }],
    ["a pipe", {}, {}, { columns: null, isColoured: false }],
    ["a pipe with COLUMNS", {}, { COLUMNS: "60" }, { columns: 60, isColoured: false }],
    ["COLUMNS beats the terminal", terminal, { COLUMNS: "72" }, { columns: 72, isColoured: true }],
    ["COLUMNS that is none", terminal, { COLUMNS: "wide" }, { columns: 90, isColoured: true }],
    ["COLUMNS of nought", terminal, { COLUMNS: "0" }, { columns: 90, isColoured: true }],
    ["hardly any columns", terminal, { COLUMNS: "3" }, { columns: 20, isColoured: true }],
    ["NO_COLOR", terminal, { NO_COLOR: "1" }, { columns: 90, isColoured: false }],
    ["NO_COLOR that is empty", terminal, { NO_COLOR: "" }, { columns: 90, isColoured: true }],
    ["a dumb terminal", terminal, { TERM: "dumb" }, { columns: 90, isColoured: false }],
  ])("%s", (_, output, env, look) => {
    expect(lookOf(output, env)).toEqual(look);
  });
});

test("paint is for colour alone, and not for blanks", () => {
  const coloured = { columns: null, isColoured: true };
  expect([painted("busy", "red", coloured), painted("busy", "red", plainLook), painted("  ", "red", coloured), painted("x", undefined, coloured)]).toEqual(["\u001b[31mbusy\u001b[0m", "busy", "  ", "x"]);
});

test.each([
  [0, "[                        ]   0 %  sent"],
  [0.5, "[############            ]  50 %  sent"],
  [1, "[########################] 100 %  sent"],
  [7, "[########################] 100 %  sent"],
  [NaN, "sent"],
])("a bar at %s", (share, text) => {
  expect(progressBar(share, "sent")).toBe(text);
});
