import { expect, test } from "vitest";
import { formatTimestamp, parseTimestamp } from "../../src/documents/timestamp.ts";

test.each([
  [Date.UTC(2026, 10, 20, 14, 3, 7, 999), "2026-11-20T14:03:07Z"],
  [0, "1970-01-01T00:00:00Z"],
  [-5, "1970-01-01T00:00:00Z"],
  [Number.NaN, "1970-01-01T00:00:00Z"],
  [1e300, "9999-12-31T23:59:59Z"],
])("%d is written as %s", (ms, text) => {
  expect(formatTimestamp(ms)).toBe(text);
});

test.each([
  ["2026-11-20T14:03:07Z", Date.UTC(2026, 10, 20, 14, 3, 7)],
  ["2026-11-20T15:03:07.216123+01:00", Date.UTC(2026, 10, 20, 14, 3, 7, 216)],
  ["2026-11-20T14:03:07z ", Date.UTC(2026, 10, 20, 14, 3, 7)],
  ["2026-11-20T14:03:07", Date.UTC(2026, 10, 20, 14, 3, 7)],
  ["2026-13-20T14:03:07Z", undefined],
  ["yesterday", undefined],
  ["", undefined],
  [undefined, undefined],
])("%s is read as %s", (text, ms) => {
  expect(parseTimestamp(text)).toBe(ms);
});
