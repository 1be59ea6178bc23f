import type { Reading, Span } from "./adapter.ts";
import type { CalendarEntry, EntryKind } from "./entry.ts";
import { failureOfCode } from "./ews-answer.ts";
import { parseLocalTime } from "./local-time.ts";
import { mergedEntries } from "./merged-view.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";
import { namedZone } from "./zone.ts";

/** Minutes that each digit of an availability view stands for; Graph takes 5 to 1440. */
const VIEW_MINUTES = 15;
/** Entries that one mailbox may have in a span. */
const ENTRIES_MAX = 5000;

/** The body of getSchedule for up to 20 mailboxes, all times in UTC. */
export function scheduleRequest(mailboxes: readonly string[], span: Span): string {
  const time = (ms: number): unknown => ({ dateTime: new Date(ms).toISOString().slice(0, 19), timeZone: "UTC" });
  return JSON.stringify({ schedules: mailboxes, startTime: time(viewStart(span)), endTime: time(Math.ceil(span.to / 1000) * 1000), availabilityViewInterval: VIEW_MINUTES });
}

/** What getSchedule answered, by mailbox as it was asked for; a mailbox that is missing in the answer is missing here. Subjects and places are never looked at. */
export function readSchedules(body: string, mailboxes: readonly string[], span: Span): ReadonlyMap<string, Reading> | WebFailure {
  const answer = fieldsOf(parsedJson(body));
  const value = answer?.["value"];
  if (!Array.isArray(value)) return webFailure("unreadable", "Microsoft Graph's answer is not to be understood");
  const asked = new Map(mailboxes.map((mailbox) => [mailbox.toLowerCase(), mailbox]));
  const readings = new Map<string, Reading>();
  const schedules: readonly unknown[] = value;
  for (const one of schedules.slice(0, mailboxes.length * 2)) {
    const schedule = fieldsOf(one);
    const mailbox = asked.get(textOf(schedule?.["scheduleId"]).toLowerCase());
    if (schedule === null || mailbox === undefined || readings.has(mailbox)) continue;
    readings.set(mailbox, readingOf(schedule, span));
  }
  return readings;
}

type Fields = Readonly<Record<string, unknown>>;

function readingOf(schedule: Fields, span: Span): Reading {
  const error = fieldsOf(schedule["error"]);
  if (error !== null) {
    const code = textOf(error["responseCode"]);
    return failureOfCode(/^[A-Za-z0-9.]{1,80}$/.test(code) ? code : "");
  }
  const items: unknown = schedule["scheduleItems"];
  const view: unknown = schedule["availabilityView"];
  if (!Array.isArray(items)) {
    if (typeof view === "string") return { kind: "entries", entries: within(mergedEntries(view, viewStart(span), VIEW_MINUTES), span) };
    return webFailure("unreadable", "Microsoft Graph's answer says nothing of this mailbox");
  }
  if (items.length > ENTRIES_MAX) return webFailure("too-large", `more than ${String(ENTRIES_MAX)} events in a few days`);
  // Who may see no details gets an empty list and a view that is not.
  if (items.length === 0 && typeof view === "string") return { kind: "entries", entries: within(mergedEntries(view, viewStart(span), VIEW_MINUTES), span) };
  const entries: CalendarEntry[] = [];
  let broken = 0;
  const all: readonly unknown[] = items;
  for (const item of all) {
    const entry = entryOf(fieldsOf(item));
    if (entry === "broken") broken++;
    else if (entry !== null) entries.push(entry);
  }
  if (broken > 0 && broken === items.length) return webFailure("unreadable", "no event of the mailbox can be read");
  return { kind: "entries", entries: within(entries, span) };
}

const KINDS: ReadonlyMap<string, EntryKind | null> = new Map([["free", null], ["unknown", null], ["tentative", "tentative"], ["busy", "busy"], ["oof", "out-of-office"], ["workingelsewhere", "working-elsewhere"]]);

/** Null for free time; a status that nobody knows fills the time. */
function entryOf(item: Fields | null): CalendarEntry | null | "broken" {
  const start = timeOf(item?.["start"]);
  const end = timeOf(item?.["end"]);
  if (item === null || start === null || end === null || end < start) return "broken";
  const known = KINDS.get(textOf(item["status"]).toLowerCase());
  if (known === null || end === start) return null;
  return { start, end, kind: known ?? "busy", hasAttendees: item["isMeeting"] === true, isPrivate: item["isPrivate"] === true };
}

/** `{ "dateTime": "2026-11-21T09:00:00.0000000", "timeZone": "UTC" }`, the zone an IANA or a Windows name. */
function timeOf(value: unknown): number | null {
  const fields = fieldsOf(value);
  const local = parseLocalTime(textOf(fields?.["dateTime"]).replace(/\.\d{1,9}(?=Z?$)/, ""));
  if (local === null || local.isDate) return null;
  if (local.isUtc) return local.local;
  const zone = namedZone(textOf(fields?.["timeZone"]) || "UTC");
  return zone === null ? null : zone.toUtc(local.local);
}

function viewStart(span: Span): number {
  return Math.floor(span.from / 1000) * 1000;
}

function within(entries: readonly CalendarEntry[], span: Span): readonly CalendarEntry[] {
  return entries.filter(({ start, end }) => start < span.to && end > span.from).sort((a, b) => a.start - b.start || a.end - b.end);
}

/** JSON (bytes as latin1) or undefined; never throws. */
export function parsedJson(body: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(body, "latin1").toString("utf8"));
    return value;
  } catch {
    // SyntaxError: no JSON.
    return undefined;
  }
}

/** The fields of an object; null for anything else. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
