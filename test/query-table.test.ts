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

describe("a table in a terminal", () => {
  const columns = [
    { title: "WHO", widthMax: 24, rank: 0 },
    { title: "LAMP", widthMax: 8, rank: 1, hues: { busy: "red" as const } },
    { title: "SINCE", widthMax: 16, rank: 3 },
    { title: "WITH", widthMax: 44, rank: 2 },
  ];
  const rows = [["alice.adams@office.example", "busy", "3 min 20 s ago", "Miller Bakery and Daughters"], ["102@office.example", "idle", "", ""]];
  const shown = (room: number): string[] => table(columns, rows, { columns: room, isColoured: false }).trimEnd().split("\n");

  test("that has room for all shows all", () => {
    expect(shown(100)).toEqual(table(columns, rows).trimEnd().split("\n"));
  });

  test.each([100, 75, 60, 50, 40, 30, 20])("of %i columns is never wider", (room) => {
    expect(Math.max(...shown(room).map((line) => line.length))).toBeLessThanOrEqual(room);
  });

  test("narrows the widest first, then leaves out what matters least, and never who it is about", () => {
    expect(shown(60)).toEqual(["WHO                 LAMP  SINCE           WITH", "alice.adams@offic…  busy  3 min 20 s ago  Miller Bakery and…", "102@office.example  idle"]);
    expect(shown(30)[0]).toMatch(/^WHO +LAMP +WITH$/);
    expect(shown(20)[0]).toMatch(/^WHO +LAMP$/);
  });

  test("has colour where it is one, and no paint on blanks", () => {
    const lines = table(columns, rows, { columns: 80, isColoured: true }).split("\n");
    expect(lines[0]).toContain("\u001b[1mWHO\u001b[0m");
    expect(lines[1]).toContain("\u001b[31mbusy\u001b[0m  3 min");
    expect(lines[2]).toBe("102@office.example        idle");
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
