/** How a calendar fills a stretch of time. What is free, cancelled, transparent or declined is no entry at all. */
export type EntryKind = "busy" | "tentative" | "out-of-office" | "working-elsewhere";

/** A stretch of somebody's day, and all that leaves an adapter: never a subject, a place, a body or a guest. */
export interface CalendarEntry {
  /** ms since 1970. */
  readonly start: number;
  /** ms since 1970, after `start`. */
  readonly end: number;
  readonly kind: EntryKind;
  /** Others are there: a meeting rather than an appointment. */
  readonly hasAttendees: boolean;
  /** Marked private or confidential by its owner: shown as "Busy", whatever it is. */
  readonly isPrivate: boolean;
}

/** True when two readings of a mailbox say the same, in the same order: nearly all do. */
export function sameEntries(these: readonly CalendarEntry[], those: readonly CalendarEntry[]): boolean {
  return these === those || (these.length === those.length && these.every((one, at) => isSameEntry(one, those[at])));
}

function isSameEntry(one: CalendarEntry, other: CalendarEntry | undefined): boolean {
  return other !== undefined && one.start === other.start && one.end === other.end && one.kind === other.kind && one.hasAttendees === other.hasAttendees && one.isPrivate === other.isPrivate;
}
