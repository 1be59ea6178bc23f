/** A moment on somebody's wall clock, as the ms since 1970 that the same reading has in UTC: what RFC 5545 calls local time. */
export type LocalTime = number;

/** ms of a day, of a local day at least. */
export const DAY_MS = 86_400_000;

/** Days since 1 January 1970 of a date; `month` 1-12, `day` may be out of the month's range. */
export function dayNumber(year: number, month: number, day: number): number {
  return Math.floor(Date.UTC(year, month - 1, day) / DAY_MS);
}

/** The date that a day number stands for; `weekday` 0 is Sunday. */
export interface CivilDate {
  readonly year: number;
  /** 1-12. */
  readonly month: number;
  /** 1-31. */
  readonly day: number;
  /** 0 (Sunday) to 6. */
  readonly weekday: number;
}

/** The date of a day number. */
export function civilDate(number: number): CivilDate {
  const date = new Date(number * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), weekday: date.getUTCDay() };
}

/** Days of a month; `month` 1-12. */
export function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** 0 (Sunday) to 6 of a day number. */
export function weekdayOf(number: number): number {
  return (((number + 4) % 7) + 7) % 7;
}

/** Years before are taken for mistakes: Windows itself begins its zones in 1601. */
const YEAR_MIN = 1500;

/** Reads `2026-11-20` or `2026-11-20T14:03:07` with or without `Z`; null when it is none, or names a day that the month has not. */
export function parseLocalTime(text: string): { readonly local: LocalTime; readonly isDate: boolean; readonly isUtc: boolean } | null {
  // `2026-11-20T::` is what ical.js makes of a date whose writer forgot VALUE=DATE.
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:T(?:::|(\d\d):(\d\d):(\d\d)(Z?)))?$/.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0));
  if (year === undefined || month === undefined || day === undefined || year < YEAR_MIN) return null;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 60) return null;
  // Second 60 is a leap second: the second before it (RFC 5545 §3.3.12).
  const local = dayNumber(year, month, day) * DAY_MS + (hour ?? 0) * 3_600_000 + (minute ?? 0) * 60_000 + Math.min(second ?? 0, 59) * 1000;
  return { local, isDate: parts[4] === undefined, isUtc: parts[7] === "Z" };
}
