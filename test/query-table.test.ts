import { describe, expect, test } from "vitest";
import { duration, table } from "../src/query-table.ts";

describe("a table", () => {
  const columns = [
    { title: "WHO", widthMax: 8 },
    { title: "NOTE", widthMax: 6 },
  ];

  test("is aligned, cut to its widths, and has no blanks at line ends", () => {
    expect(table(columns, [["101", "Free"], ["élodie", "a long note"], ["a-very-long-name", ""]])).toBe("WHO       NOTE\n101       Free\nélodie    a lon…\na-very-…\n");
  });

  test("without rows is its heading", () => {
    expect(table(columns, [])).toBe("WHO  NOTE\n");
  });

  test("lets no text steer the terminal or break a line", () => {
    expect(table(columns, [["\u001b[2Jx", "a\nb\u202e"]])).toBe("WHO    NOTE\n [2Jx  a b\n");
  });
});

describe("a length of time", () => {
  test.each([
    [0, "0 s"],
    [-5, "0 s"],
    [59_400, "59 s"],
    [60_000, "1 min"],
    [61_000, "1 min 1 s"],
    [3_599_000, "59 min 59 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_400_000, "1 d"],
    [1_047_600_000, "12 d 3 h"],
  ])("of %i ms is %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
