import { expect, test } from "vitest";
import { durationText, parseDuration, parseRate, parseSize, sizeText } from "../../src/config/quantity.ts";

test.each([
  ["0s", 0], ["500ms", 500], ["10s", 10_000], ["5m", 300_000], ["5min", 300_000], ["12h", 43_200_000], ["2d", 172_800_000],
  ["10", null], ["", null], ["s", null], ["1.5h", null], ["-1s", null], ["1 s", null], ["1S", null], ["1w", null], ["999999999999d", null], ["9999999999999s", null],
])("the time %s is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  ["512B", 512], ["32kB", 32_768], ["1MB", 1_048_576], ["32", null], ["32KB", null], ["32k", null], ["-1kB", null],
])("the size %s is %s bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ["5/min", { count: 5, perMs: 60_000 }], ["5/m", { count: 5, perMs: 60_000 }], ["1/s", { count: 1, perMs: 1000 }], ["100/d", { count: 100, perMs: 86_400_000 }],
  ["0/s", null], ["5", null], ["5/", null], ["/s", null], ["5/ms", null], ["-5/s", null],
])("the rate %s is %o", (text, rate) => {
  expect(parseRate(text)).toEqual(rate);
});

test.each([[0, "0s"], [1, "1ms"], [1500, "1500ms"], [60_000, "1m"], [5_400_000, "90m"], [86_400_000, "1d"]])("%d ms are written %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
  expect(parseDuration(text)).toBe(ms);
});

test.each([[100, "100B"], [32_768, "32kB"], [1_048_576, "1MB"]])("%d bytes are written %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
  expect(parseSize(text)).toBe(bytes);
});
