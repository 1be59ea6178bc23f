import { unreachable } from "../base/errors.ts";
import { DAY_MS, civilDate, dayNumber, daysInMonth, weekdayOf, type LocalTime } from "./local-time.ts";
import type { RecurrenceRule } from "./recurrence-rule.ts";

/** How much work reading a calendar may still be: one step is a day or a time that is looked at. Shared by all rules of a text; below 0 it is spent. */
export interface Budget {
  steps: number;
}

/** The local times of a rule from `start` (DTSTART) on, in order, each once: all that lie in `from`..`to`, mostly none before `from` (RFC 5545 §3.3.10).
 *  A rule without COUNT begins at the period of `from`, however long ago it started: each period is by itself. `until` is inclusive. DTSTART itself is no
 *  instance unless the rule makes it one. Ends early when the budget is spent. */
export function* occurrences(rule: RecurrenceRule, start: LocalTime, from: LocalTime, to: LocalTime, until: LocalTime, budget: Budget): Generator<LocalTime> {
  const periods = periodsOf(rule, start);
  const last = Math.min(to, until);
  let count = rule.count ?? Number.POSITIVE_INFINITY;
  let index = Math.max(0, periods.indexAt(from) - 1);
  if (rule.count !== undefined) {
    // Where each period has exactly one instance, those that are skipped are counted all the same.
    if (periods.isRegular) count -= index;
    else index = 0;
  }
  while (count > 0) {
    if (periods.beginOf(index) > last || --budget.steps < 0) return;
    const found = periods.instances(index, budget);
    if (typeof found === "number") {
      index = Math.max(index + 1, found);
      continue;
    }
    for (const time of found) {
      if (time < start) continue;
      if (time > last || --budget.steps < 0) return;
      yield time;
      if (--count <= 0) return;
    }
    index++;
  }
}

/** The stretches of time that a rule's frequency divides it into, every `interval`-th of them: 0 is that of DTSTART. */
interface Periods {
  beginOf(index: number): LocalTime;
  /** The last period that begins at or before that moment; may be negative. */
  indexAt(time: LocalTime): number;
  /** The instances of a period, in order; or the index of the next period that may have any. */
  instances(index: number, budget: Budget): Iterable<LocalTime> | number;
  readonly isRegular: boolean;
}

function periodsOf(rule: RecurrenceRule, start: LocalTime): Periods {
  switch (rule.frequency) {
    case "YEARLY":
    case "MONTHLY":
    case "WEEKLY":
    case "DAILY":
      return new DayPeriods(rule, start);
    case "HOURLY":
      return new TimePeriods(rule, start, 3_600_000);
    case "MINUTELY":
      return new TimePeriods(rule, start, 60_000);
    case "SECONDLY":
      return new TimePeriods(rule, start, 1000);
    default:
      return unreachable(rule.frequency, "periodsOf");
  }
}

/** Periods of whole days: the days of each that the rule leaves, times its times of day. */
class DayPeriods implements Periods {
  readonly isRegular: boolean;
  readonly #rule: RecurrenceRule;
  readonly #days: DayFilter;
  readonly #times: readonly number[];
  readonly #first: number;
  readonly #stride: number;

  constructor(rule: RecurrenceRule, start: LocalTime) {
    const day = Math.floor(start / DAY_MS);
    const { year, month } = civilDate(day);
    this.#rule = rule;
    this.#days = new DayFilter(rule, day);
    this.#times = timesOfDay(rule, start - day * DAY_MS);
    this.#stride = rule.frequency === "WEEKLY" ? 7 * rule.interval : rule.interval;
    this.#first =
      rule.frequency === "YEARLY" ? year : rule.frequency === "MONTHLY" ? year * 12 + month - 1 : rule.frequency === "WEEKLY" ? day - ((weekdayOf(day) - rule.weekStart + 7) % 7) : day;
    this.isRegular = (rule.frequency === "DAILY" || rule.frequency === "WEEKLY") && hasNoParts(rule);
  }

  beginOf(index: number): LocalTime {
    return this.#firstDay(index) * DAY_MS;
  }

  indexAt(time: LocalTime): number {
    const day = Math.floor(time / DAY_MS);
    const { year, month } = civilDate(day);
    const { frequency } = this.#rule;
    const at = frequency === "YEARLY" ? year : frequency === "MONTHLY" ? year * 12 + month - 1 : day;
    return Math.floor((at - this.#first) / this.#stride);
  }

  instances(index: number, budget: Budget): Iterable<LocalTime> {
    const first = this.#firstDay(index);
    const days: number[] = [];
    const length = this.#length(index);
    budget.steps -= length >> 3;
    for (let day = first; day < first + length; day++) if (this.#days.has(day)) days.push(day);
    return placed(days, this.#times, this.#rule.bySetPosition);
  }

  #firstDay(index: number): number {
    const at = this.#first + index * this.#stride;
    const { frequency } = this.#rule;
    return frequency === "YEARLY" ? dayNumber(Math.min(at, 20_000), 1, 1) : frequency === "MONTHLY" ? dayNumber(Math.min(Math.floor(at / 12), 20_000), (at % 12) + 1, 1) : at;
  }

  #length(index: number): number {
    const at = this.#first + index * this.#stride;
    const { frequency } = this.#rule;
    return frequency === "YEARLY" ? dayNumber(at + 1, 1, 1) - dayNumber(at, 1, 1) : frequency === "MONTHLY" ? daysInMonth(Math.floor(at / 12), (at % 12) + 1) : frequency === "WEEKLY" ? 7 : 1;
  }
}

/** Periods of an hour, a minute or a second: whole days, hours and minutes that the rule leaves out are stepped over. */
class TimePeriods implements Periods {
  readonly isRegular: boolean;
  readonly #rule: RecurrenceRule;
  readonly #days: DayFilter;
  readonly #unit: number;
  readonly #first: LocalTime;
  readonly #stride: number;
  readonly #within: readonly number[];

  constructor(rule: RecurrenceRule, start: LocalTime, unit: number) {
    this.#rule = rule;
    this.#days = new DayFilter(rule, Math.floor(start / DAY_MS));
    this.#unit = unit;
    this.#first = Math.floor(start / unit) * unit;
    this.#stride = unit * rule.interval;
    this.isRegular = hasNoParts(rule);
    const seconds = rule.bySecond.length > 0 ? rule.bySecond : [Math.floor(start / 1000) % 60];
    const minutes = rule.byMinute.length > 0 ? rule.byMinute : [Math.floor(start / 60_000) % 60];
    this.#within = unit === 1000 ? [0] : unit === 60_000 ? seconds.map((second) => positive(second) * 1000) : minutes.flatMap((minute) => seconds.map((second) => positive(minute) * 60_000 + positive(second) * 1000));
  }

  beginOf(index: number): LocalTime {
    return this.#first + index * this.#stride;
  }

  indexAt(time: LocalTime): number {
    return Math.floor((time - this.#first) / this.#stride);
  }

  instances(index: number): Iterable<LocalTime> | number {
    const { byHour, byMinute, bySecond, bySetPosition } = this.#rule;
    const begin = this.beginOf(index);
    const day = Math.floor(begin / DAY_MS);
    if (!this.#days.has(day)) return this.#indexFrom((day + 1) * DAY_MS);
    const time = begin - day * DAY_MS;
    if (byHour.length > 0 && !byHour.includes(Math.floor(time / 3_600_000))) return this.#indexFrom(begin - (time % 3_600_000) + 3_600_000);
    if (this.#unit < 3_600_000 && byMinute.length > 0 && !byMinute.includes(Math.floor(time / 60_000) % 60)) return this.#indexFrom(begin - (time % 60_000) + 60_000);
    if (this.#unit < 60_000 && bySecond.length > 0 && !bySecond.includes(Math.floor(time / 1000) % 60)) return index + 1;
    return placed([0], this.#within.map((offset) => begin + offset), bySetPosition);
  }

  #indexFrom(time: LocalTime): number {
    return Math.ceil((time - this.#first) / this.#stride);
  }
}

function positive(sixtieth: number): number {
  return (sixtieth + 60) % 60;
}

/** Which days a rule leaves; what the rule does not say, DTSTART does. */
class DayFilter {
  readonly #rule: RecurrenceRule;
  readonly #months: readonly number[];
  readonly #monthDays: readonly number[];
  readonly #weekdays: RecurrenceRule["byDay"];
  readonly #ordinals: "month" | "year" | "none";

  constructor(rule: RecurrenceRule, startDay: number) {
    const { month, day, weekday } = civilDate(startDay);
    const { frequency, byMonth, byMonthDay, byDay, byYearDay, byWeekNumber } = rule;
    const isOpen = byMonthDay.length + byDay.length + byYearDay.length === 0;
    this.#rule = rule;
    this.#months = frequency === "YEARLY" && isOpen && byWeekNumber.length === 0 && byMonth.length === 0 ? [month] : byMonth;
    this.#monthDays = isOpen && (frequency === "MONTHLY" || (frequency === "YEARLY" && byWeekNumber.length === 0)) ? [day] : byMonthDay;
    this.#weekdays = isOpen && (frequency === "WEEKLY" || (frequency === "YEARLY" && byWeekNumber.length > 0)) ? [{ weekday, nth: 0 }] : byDay;
    this.#ordinals = frequency === "MONTHLY" || (frequency === "YEARLY" && byMonth.length > 0) ? "month" : frequency === "YEARLY" && byWeekNumber.length === 0 ? "year" : "none";
  }

  has(number: number): boolean {
    const weekday = weekdayOf(number);
    if (this.#weekdays.length > 0 && !this.#weekdays.some((day) => day.weekday === weekday)) return false;
    const { byYearDay, byWeekNumber, weekStart } = this.#rule;
    const hasOrdinals = this.#ordinals !== "none" && this.#weekdays.some((day) => day.nth !== 0);
    if (this.#months.length + this.#monthDays.length + byYearDay.length + byWeekNumber.length === 0 && !hasOrdinals) return true;
    const date = civilDate(number);
    if (this.#months.length > 0 && !this.#months.includes(date.month)) return false;
    const monthLength = daysInMonth(date.year, date.month);
    if (this.#monthDays.length > 0 && !this.#monthDays.includes(date.day) && !this.#monthDays.includes(date.day - monthLength - 1)) return false;
    const newYear = dayNumber(date.year, 1, 1);
    const yearLength = dayNumber(date.year + 1, 1, 1) - newYear;
    const yearDay = number - newYear + 1;
    if (byYearDay.length > 0 && !byYearDay.includes(yearDay) && !byYearDay.includes(yearDay - yearLength - 1)) return false;
    if (byWeekNumber.length > 0) {
      const week = weekOf(number, weekStart);
      if (!byWeekNumber.includes(week.number) && !byWeekNumber.includes(week.number - week.ofYear - 1)) return false;
    }
    if (!hasOrdinals) return true;
    const [at, length] = this.#ordinals === "month" ? [date.day, monthLength] : [yearDay, yearLength];
    const fromFirst = Math.ceil(at / 7);
    const fromLast = -Math.ceil((length - at + 1) / 7);
    return this.#weekdays.some((day) => day.weekday === weekday && (day.nth === 0 || day.nth === fromFirst || day.nth === fromLast));
  }
}

/** The week of a day and how many weeks its year has: week 1 is the first with at least four days in the year. */
function weekOf(number: number, weekStart: number): { readonly number: number; readonly ofYear: number } {
  const begin = number - ((weekdayOf(number) - weekStart + 7) % 7);
  // The year of a week is that of its fourth day.
  const { year } = civilDate(begin + 3);
  const first = firstWeek(year, weekStart);
  return { number: (begin - first) / 7 + 1, ofYear: (firstWeek(year + 1, weekStart) - first) / 7 };
}

function firstWeek(year: number, weekStart: number): number {
  const fourth = dayNumber(year, 1, 4);
  return fourth - ((weekdayOf(fourth) - weekStart + 7) % 7);
}

function hasNoParts({ bySecond, byMinute, byHour, byDay, byMonthDay, byYearDay, byWeekNumber, byMonth, bySetPosition }: RecurrenceRule): boolean {
  return [bySecond, byMinute, byHour, byDay, byMonthDay, byYearDay, byWeekNumber, byMonth, bySetPosition].every((part) => part.length === 0);
}

function timesOfDay({ byHour, byMinute, bySecond }: RecurrenceRule, startTime: number): readonly number[] {
  const hours = byHour.length > 0 ? byHour : [Math.floor(startTime / 3_600_000)];
  const minutes = byMinute.length > 0 ? byMinute : [Math.floor(startTime / 60_000) % 60];
  const seconds = bySecond.length > 0 ? bySecond : [Math.floor(startTime / 1000) % 60];
  return hours.flatMap((hour) => minutes.flatMap((minute) => seconds.map((second) => hour * 3_600_000 + minute * 60_000 + second * 1000)));
}

/** Days times times, in order; with BYSETPOS only those places of them. */
function* placed(days: readonly number[], times: readonly number[], positions: readonly number[]): Generator<LocalTime> {
  const size = days.length * times.length;
  const at = (place: number): LocalTime => (days[Math.floor(place / times.length)] ?? 0) * DAY_MS + (times[place % times.length] ?? 0);
  if (positions.length === 0) {
    for (let place = 0; place < size; place++) yield at(place);
    return;
  }
  const places = new Set(positions.map((position) => (position > 0 ? position - 1 : size + position)).filter((place) => place >= 0 && place < size));
  for (const place of [...places].sort((a, b) => a - b)) yield at(place);
}
