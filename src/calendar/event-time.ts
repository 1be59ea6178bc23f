import type { ICalProperty } from "./ical-text.ts";
import { DAY_MS, parseLocalTime, type LocalTime } from "./local-time.ts";
import { UTC, type Zone } from "./zone.ts";

/** A moment as an event gives it: what the clock shows, and whose clock. */
export interface EventTime {
  readonly local: LocalTime;
  readonly isDate: boolean;
  readonly zone: Zone;
}

/** The zones of a text: by TZID, and that of times that name none. */
export interface Zones {
  /** The zone of a TZID, of what is floating when nobody knows it. */
  of(tzid: string | undefined): Zone;
}

/** The moments of a DTSTART, DTEND, RECURRENCE-ID, EXDATE or RDATE; a period counts with its start. Null when one is none. */
export function eventTimes(property: ICalProperty, zones: Zones): readonly EventTime[] | null {
  const times: EventTime[] = [];
  for (const value of property.values) {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    const read = typeof first === "string" ? parseLocalTime(first) : null;
    if (read === null) return null;
    times.push({ local: read.local, isDate: read.isDate, zone: read.isUtc ? UTC : zones.of(property.parameters.get("tzid")) });
  }
  return times;
}

/** How long an event lasts: whole days on the wall clock, then exact time (RFC 5545 §3.3.6). */
export interface EventLength {
  readonly days: number;
  readonly ms: number;
}

/** Reads `P1DT2H30M` or `P2W`; null when it is none. One below zero is no time at all. */
export function parseLength(text: string): EventLength | null {
  const parts = /^([+-]?)P(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$/.exec(text);
  if (parts === null || text.length < 3) return null;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(2).map((part: string | undefined) => Number(part ?? 0));
  return parts[1] === "-" ? { days: 0, ms: 0 } : { days: weeks * 7 + days, ms: ((hours * 60 + minutes) * 60 + seconds) * 1000 };
}

/** When something that begins at `start` ends, ms since 1970. */
export function endOf(start: LocalTime, { days, ms }: EventLength, zone: Zone): number {
  return zone.toUtc(start + days * DAY_MS) + ms;
}
