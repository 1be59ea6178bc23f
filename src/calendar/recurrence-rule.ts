import { parseLocalTime, type LocalTime } from "./local-time.ts";

/** How often a rule repeats. */
export type Frequency = "YEARLY" | "MONTHLY" | "WEEKLY" | "DAILY" | "HOURLY" | "MINUTELY" | "SECONDLY";

/** A recurrence rule (RFC 5545 §3.3.10), its numbers within their ranges, each list sorted. */
export interface RecurrenceRule {
  readonly frequency: Frequency;
  /** 1 or more. */
  readonly interval: number;
  readonly count?: number;
  readonly until?: { readonly local: LocalTime; readonly isDate: boolean; readonly isUtc: boolean };
  /** 0 (Sunday) to 6; Monday unless the rule says otherwise. */
  readonly weekStart: number;
  readonly bySecond: readonly number[];
  readonly byMinute: readonly number[];
  readonly byHour: readonly number[];
  /** `nth`: 0 every, 1 the first, -1 the last of the month or year. */
  readonly byDay: readonly { readonly weekday: number; readonly nth: number }[];
  readonly byMonthDay: readonly number[];
  readonly byYearDay: readonly number[];
  readonly byWeekNumber: readonly number[];
  readonly byMonth: readonly number[];
  readonly bySetPosition: readonly number[];
}

const FREQUENCIES: ReadonlyMap<string, Frequency> = new Map((["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"] as const).map((name) => [name, name]));
const WEEKDAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const COUNT_MAX = 1_000_000_000;

/** Reads the value of RRULE or EXRULE; null when it breaks RFC 5545 §3.3.10. A number that is out of its range, as `BYMONTH=0`, is left out; parts that
 *  nobody knows are skipped. */
export function parseRule(text: string): RecurrenceRule | null {
  const parts = new Map<string, readonly string[]>();
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0) parts.set(part.slice(0, equals).trim().toUpperCase(), part.slice(equals + 1).split(",").map((value) => value.trim()));
  }
  const frequency = FREQUENCIES.get(parts.get("FREQ")?.[0]?.toUpperCase() ?? "");
  const interval = whole(parts.get("INTERVAL"), 1, COUNT_MAX);
  const count = whole(parts.get("COUNT"), 1, COUNT_MAX);
  const untilText = parts.get("UNTIL")?.[0];
  const until = untilText === undefined ? undefined : parseLocalTime(extended(untilText));
  const weekStart = WEEKDAYS.indexOf((parts.get("WKST")?.[0] ?? "MO").toUpperCase());
  const byDay = (parts.get("BYDAY") ?? []).map(dayOf);
  const lists = {
    bySecond: numbers(parts.get("BYSECOND"), 0, 60, false),
    byMinute: numbers(parts.get("BYMINUTE"), 0, 59, false),
    byHour: numbers(parts.get("BYHOUR"), 0, 23, false),
    byMonthDay: numbers(parts.get("BYMONTHDAY"), 1, 31, true),
    byYearDay: numbers(parts.get("BYYEARDAY"), 1, 366, true),
    byWeekNumber: numbers(parts.get("BYWEEKNO"), 1, 53, true),
    byMonth: numbers(parts.get("BYMONTH"), 1, 12, false),
    bySetPosition: numbers(parts.get("BYSETPOS"), 1, 366, true),
  };
  if (frequency === undefined || interval === null || count === null || until === null || weekStart < 0) return null;
  const days = byDay.filter((day) => day !== null);
  if (days.length < byDay.length) return null;
  const { bySecond, byMinute, byHour, byMonthDay, byYearDay, byWeekNumber, byMonth, bySetPosition } = lists;
  if (bySecond === null || byMinute === null || byHour === null || byMonthDay === null || byYearDay === null || byWeekNumber === null || byMonth === null || bySetPosition === null) return null;
  return {
    frequency,
    interval: interval ?? 1,
    ...(count === undefined ? {} : { count }),
    ...(until === undefined ? {} : { until }),
    weekStart,
    // A second 60 is a leap second: the one before it.
    bySecond: unique(bySecond.map((second) => Math.min(second, 59))),
    byMinute,
    byHour,
    byDay: days,
    byMonthDay,
    byYearDay,
    byWeekNumber,
    byMonth,
    bySetPosition,
  };
}

function whole(texts: readonly string[] | undefined, min: number, max: number): number | undefined | null {
  const text = texts?.[0];
  if (text === undefined) return undefined;
  const number = /^\+?\d{1,12}$/.test(text) ? Number(text) : 0;
  return number >= min ? Math.min(number, max) : null;
}

/** `19971224T000000Z` as `1997-12-24T00:00:00Z`. */
function extended(text: string): string {
  return text.replace(/^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/i, (_, year: string, month: string, day: string, hour?: string, minute?: string, second?: string, zulu?: string) =>
    hour === undefined ? `${year}-${month}-${day}` : `${year}-${month}-${day}T${hour}:${minute ?? ""}:${second ?? ""}${(zulu ?? "").toUpperCase()}`,
  );
}

/** Shared: most rules have most parts empty. */
const NONE: readonly number[] = [];

/** Sorted and each once; null when one is no number. With `isSigned`, -max..-min are in range too. */
function numbers(texts: readonly string[] | undefined, min: number, max: number, isSigned: boolean): readonly number[] | null {
  if (texts === undefined) return NONE;
  const found: number[] = [];
  for (const text of texts) {
    if (!/^[+-]?\d{1,4}$/.test(text)) return null;
    const number = Number(text);
    const size = isSigned ? Math.abs(number) : number;
    if (size >= min && size <= max) found.push(number);
  }
  return unique(found);
}

function unique(numbers: readonly number[]): readonly number[] {
  return numbers.length === 0 ? NONE : [...new Set(numbers)].sort((a, b) => a - b);
}

function dayOf(text: string): { readonly weekday: number; readonly nth: number } | null {
  const parts = /^([+-]?\d{1,2})?(SU|MO|TU|WE|TH|FR|SA)$/i.exec(text);
  if (parts === null) return null;
  const nth = Number(parts[1] ?? 0);
  if (Math.abs(nth) > 53 || (parts[1] !== undefined && nth === 0)) return null;
  return { weekday: WEEKDAYS.indexOf((parts[2] ?? "").toUpperCase()), nth };
}
