import type { Aor } from "../base/ids.ts";
import type { SourceReport } from "../presence/report.ts";
import { formatTimestamp } from "../documents/timestamp.ts";
import { timeLine, type SpokenEntry, type Stretch } from "./time-line.ts";

/** What one calendar says of a person, or why it is silent. */
export interface CalendarWord {
  /** The calendar's name. */
  readonly name: string;
  readonly entries: readonly SpokenEntry[];
  readonly silence: string | null;
  /** Since when it is silent, ms since 1970. */
  readonly silentSince: number;
}

/** Stretches that are handed in ahead: a day of meetings. */
const STRETCHES_MAX = 24;
/** Silent calendars that are named. */
const SILENT_MAX = 4;

/** The reports of a person's calendars together, `at` in ms since 1970: his day in stretches, each with its beginning and end, and a report for each calendar that should speak and cannot.
 *  What two calendars say of one time is settled here: `timeLine`. */
export function calendarReports(presentity: Aor, words: readonly CalendarWord[], at: number): readonly SourceReport[] {
  const stretches = timeLine(words.flatMap(({ entries }) => entries), at, STRETCHES_MAX);
  const silent = words.filter(({ silence }) => silence !== null).slice(0, SILENT_MAX);
  return [...stretches.map((stretch) => spoken(presentity, stretch)), ...silent.map((word) => unspoken(presentity, word))];
}

function spoken(presentity: Aor, { from, until, activity, note, blockFrom, blockUntil }: Stretch): SourceReport {
  return {
    source: "calendar",
    presentity,
    key: formatTimestamp(from),
    kind: "calendar",
    activities: [{ name: activity, from: blockFrom, until: blockUntil }],
    note,
    publishedAt: blockFrom,
    from,
    until,
  };
}

function unspoken(presentity: Aor, { name, silence, silentSince }: CalendarWord): SourceReport {
  return { source: "calendar", presentity, key: `calendar ${name}`, kind: "calendar", activities: [], publishedAt: silentSince, ...(silence === null ? {} : { silence }) };
}
