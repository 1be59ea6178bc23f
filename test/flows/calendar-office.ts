import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openAdapter } from "../../src/calendar/adapters.ts";
import type { CalendarWorld } from "../../src/calendar/calendars.ts";

/** Calendars that are read at once, in the test's own thread. */
export const calendarsAtHand: CalendarWorld = { open: (settings) => openAdapter({ ...settings, clock: systemClock }), zone: "UTC", close: () => Promise.resolve() };

/** A directory of five whose mailboxes are `101@office.test` …. */
export const PEOPLE_WITH_MAILBOXES = `users:\n${["101", "102", "103", "104", "105"].map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id}, mailbox: "${id}@office.test" }\n`).join("")}`;

/** An event of a calendar; times in ms since 1970, whole seconds of which are kept. */
export function calendarEvent(from: number, until: number, ...lines: readonly string[]): string {
  return ["BEGIN:VEVENT", `UID:${String(from)}-${String(until)}`, "DTSTAMP:20260101T000000Z", `DTSTART:${stamp(from)}`, `DTEND:${stamp(until)}`, ...lines, "END:VEVENT"].join("\r\n");
}

/** With somebody else: a meeting. */
export const WITH_OTHERS = ["ORGANIZER:mailto:102@office.test", "ATTENDEE:mailto:guest@elsewhere.test"];

/** The text of a calendar of these events. */
export function calendarText(...events: readonly string[]): string {
  return ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", ...events, "END:VCALENDAR", ""].join("\r\n");
}

/** Puts a file in the place of another at one stroke, as good programs do: nothing is seen in the folder before it is whole. */
export function putFile(folder: string, name: string, text: string): void {
  mkdirSync(join(folder, "incoming"), { recursive: true });
  writeFileSync(join(folder, "incoming", name), text);
  renameSync(join(folder, "incoming", name), join(folder, name));
}

/** The beginning of the next second but `seconds`. */
export function secondsAhead(now: number, seconds: number): number {
  return (Math.floor(now / 1000) + seconds) * 1000;
}

function stamp(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");
}
