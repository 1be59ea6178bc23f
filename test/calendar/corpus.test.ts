import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readCalendar } from "../../src/calendar/icalendar.ts";

const FOLDER = fileURLToPath(new URL("ics/", import.meta.url));
const SPAN = { from: 0, to: Date.UTC(2200, 0, 1) };

const rules = [...readFileSync(join(FOLDER, "recur.txt"), "utf8").matchAll(/BEGIN:VEVENT[\s\S]*?END:VEVENT/g)].flatMap(([block]) => {
  // One of them is commented out line by line, and folds its values on lines of their own.
  const text = block.replace(/\r?\n;/g, "\n").replace(/\r?\n /g, "");
  const count = /X-EXPECT-NUMEVENTS: *(\d+)/.exec(text)?.[1];
  return count === undefined ? [] : [{ rule: /RRULE[^\n]*/.exec(text)?.[0] ?? "", text, count: Number(count) }];
});

describe("libical's counts", () => {
  test("there are 58", () => {
    expect(rules).toHaveLength(58);
  });

  test.each(rules)("$rule has $count", ({ text, count }) => {
    const event = text.replace(/DTEND[^\n]*\n/, "").replace("END:VEVENT", "DURATION:PT1S\nEND:VEVENT");
    const reading = readCalendar(`BEGIN:VCALENDAR\n${event}\nEND:VCALENDAR\n`, { owner: [], zone: "UTC", span: SPAN });
    expect(reading.kind === "entries" ? reading.entries.length : reading.text).toBe(count);
  });
});

const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => /\.(?:ics|vcf)$/.test(name)).sort();

test("the corpus is whole", () => {
  expect(files).toHaveLength(56);
});

test.each(files)("%s is read or refused, and soon", (name) => {
  const began = performance.now();
  const reading = readCalendar(readFileSync(join(FOLDER, name), "utf8"), { owner: [], zone: "Europe/Brussels", span: { from: Date.UTC(2000, 0, 1), to: Date.UTC(2030, 0, 1) } });
  if (reading.kind === "entries") for (const { start, end } of reading.entries) expect(end).toBeGreaterThan(start);
  else expect(reading.text).not.toBe("");
  expect(performance.now() - began).toBeLessThan(5000);
});

test.each(files)("%s says the same of what is to come when what is over is dropped", (name) => {
  const text = readFileSync(join(FOLDER, name), "utf8");
  for (const year of [1998, 2009, 2013, 2020]) {
    const since = Date.UTC(year, 5, 1);
    const settings = { owner: [], zone: "Europe/Brussels", span: { from: since, to: Date.UTC(year + 5, 0, 1) } };
    expect(readCalendar(text, { ...settings, since })).toEqual(readCalendar(text, settings));
  }
});
