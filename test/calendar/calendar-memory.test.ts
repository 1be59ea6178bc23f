import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { parseCalendar, type ParsedCalendar } from "../../src/calendar/icalendar.ts";

const CALENDARS = 40;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 2, 2);

// A long description, as nobody's calendar lacks it: none of it may stay in memory with the few numbers that count.
const event = (number: number, ...lines: readonly string[]): string =>
  ["BEGIN:VEVENT", `UID:${String(number)}-of-somebody@office.example.test`, `DESCRIPTION:${"what nobody may see ".repeat(200)}`, "DURATION:PT1H", ...lines, "END:VEVENT"].join("\r\n");

function calendarText(which: number): string {
  const zone = `Customized Time Zone ${String(which)}`;
  const vtimezone = ["BEGIN:VTIMEZONE", `TZID:${zone}`, "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE"].join("\r\n");
  const days = Array.from({ length: 100 }, (_, day) => event(day, `DTSTART;TZID=${zone}:${new Date(NOW + day * DAY_MS).toISOString().slice(0, 19).replace(/[-:]/g, "")}`));
  return ["BEGIN:VCALENDAR", "VERSION:2.0", vtimezone, ...days, event(1000, `DTSTART;TZID=${zone}:20250302T090000`, "RRULE:FREQ=WEEKLY"), "END:VCALENDAR", ""].join("\r\n");
}

// Once: what the first try kept would hide it from the second.
test("a calendar that was read takes little memory, and keeps nothing of its text", { retry: 0 }, () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const bytes = Buffer.byteLength(calendarText(0));
  const kept: (ParsedCalendar | { readonly kind: "failure" })[] = [];
  const read = (which: number): void => {
    kept.push(parseCalendar(Buffer.from(calendarText(which), "utf8").toString("utf8"), { owner: [], zone: "Europe/Brussels", since: NOW }));
  };
  read(0);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let which = 1; which <= CALENDARS; which++) read(which);
  collect();
  const each = (process.memoryUsage().heapUsed - before) / CALENDARS;
  expect(kept.every(({ kind }) => kind === "calendar")).toBe(true);
  expect(bytes).toBeGreaterThan(400_000);
  expect(each, `${String(Math.round(each))} bytes for a text of ${String(bytes)}`).toBeLessThan(60_000);
});
