import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { occurrences } from "../../src/calendar/occurrences.ts";
import { parseRule } from "../../src/calendar/recurrence-rule.ts";

// The naive expansion: every day is looked at by itself, and neither our code nor a library is used.

interface Naive {
  freq: string;
  interval: number;
  wkst: number;
  count: number | null;
  month: number[];
  weekNo: number[];
  yearDay: number[];
  monthDay: number[];
  day: { weekday: number; nth: number }[];
  hour: number[];
  minute: number[];
  setPos: number[];
}

const NAMES = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const DAY = 86_400_000;

function weekNumber(date: Date, wkst: number): { number: number; weeks: number } {
  const beginOfWeek1 = (year: number): number => {
    let day = Date.UTC(year, 0, 1) - 6 * DAY;
    // The first week with at least four days in the year.
    for (;;) {
      if (new Date(day).getUTCDay() === wkst) {
        let inside = 0;
        for (let offset = 0; offset < 7; offset++) if (new Date(day + offset * DAY).getUTCFullYear() === year) inside++;
        if (inside >= 4) return day;
      }
      day += DAY;
    }
  };
  const time = date.getTime();
  for (const year of [date.getUTCFullYear() + 1, date.getUTCFullYear(), date.getUTCFullYear() - 1]) {
    const begin = beginOfWeek1(year);
    if (time >= begin) return { number: Math.floor((time - begin) / (7 * DAY)) + 1, weeks: Math.round((beginOfWeek1(year + 1) - begin) / (7 * DAY)) };
  }
  throw new Error("no week");
}

/** Whether a day fits, by the table of RFC 5545 §3.3.10; what the rule leaves open is taken from DTSTART. */
function fits(rule: Naive, start: Date, date: Date): boolean {
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  const lastOfMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const ofYear = Math.round((Date.UTC(year, month, date.getUTCDate()) - Date.UTC(year, 0, 1)) / DAY) + 1;
  const daysOfYear = Math.round((Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / DAY);
  const says = rule.yearDay.length + rule.monthDay.length + rule.day.length > 0;
  if (rule.month.length > 0 && !rule.month.includes(month + 1)) return false;
  if (rule.weekNo.length > 0) {
    const { number, weeks } = weekNumber(date, rule.wkst);
    if (!rule.weekNo.some((week) => (week > 0 ? week === number : weeks + 1 + week === number))) return false;
  }
  if (rule.yearDay.length > 0 && !rule.yearDay.some((day) => (day > 0 ? day === ofYear : daysOfYear + 1 + day === ofYear))) return false;
  if (rule.monthDay.length > 0 && !rule.monthDay.some((day) => (day > 0 ? day === date.getUTCDate() : lastOfMonth + 1 + day === date.getUTCDate()))) return false;
  if (rule.day.length > 0) {
    const byYear = rule.freq === "YEARLY" && rule.month.length === 0 && rule.weekNo.length === 0;
    const byMonth = rule.freq === "MONTHLY" || (rule.freq === "YEARLY" && rule.month.length > 0);
    const matches = rule.day.some(({ weekday, nth }) => {
      if (weekday !== date.getUTCDay()) return false;
      if (nth === 0 || !(byYear || byMonth)) return true;
      // Count the same weekdays of the month or year, from its beginning and from its end.
      const same: number[] = [];
      const first = byMonth ? Date.UTC(year, month, 1) : Date.UTC(year, 0, 1);
      const end = byMonth ? Date.UTC(year, month + 1, 1) : Date.UTC(year + 1, 0, 1);
      for (let day = first; day < end; day += DAY) if (new Date(day).getUTCDay() === weekday) same.push(day);
      const midnight = Date.UTC(year, month, date.getUTCDate());
      return same[nth > 0 ? nth - 1 : same.length + nth] === midnight;
    });
    if (!matches) return false;
  }
  if (says) return true;
  if (rule.freq === "WEEKLY" || rule.weekNo.length > 0) return rule.freq === "DAILY" || date.getUTCDay() === start.getUTCDay();
  if (rule.freq === "MONTHLY") return date.getUTCDate() === start.getUTCDate();
  if (rule.freq === "YEARLY") return date.getUTCDate() === start.getUTCDate() && (rule.month.length > 0 || month === start.getUTCMonth());
  return true;
}

/** Which period a day is in, counted from that of DTSTART. */
function period(rule: Naive, start: Date, date: Date): number {
  const days = Math.round((Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate())) / DAY);
  if (rule.freq === "YEARLY") return date.getUTCFullYear() - start.getUTCFullYear();
  if (rule.freq === "MONTHLY") return (date.getUTCFullYear() - start.getUTCFullYear()) * 12 + date.getUTCMonth() - start.getUTCMonth();
  if (rule.freq === "WEEKLY") return Math.floor((days + ((start.getUTCDay() - rule.wkst + 7) % 7)) / 7);
  return days;
}

function naive(rule: Naive, startMs: number, toMs: number): number[] {
  const start = new Date(startMs);
  const hours = rule.hour.length > 0 ? rule.hour : [start.getUTCHours()];
  const minutes = rule.minute.length > 0 ? rule.minute : [start.getUTCMinutes()];
  const sets = new Map<number, number[]>();
  // From the beginning of DTSTART's year: BYSETPOS counts what is before DTSTART in its period too.
  for (let day = Date.UTC(start.getUTCFullYear(), 0, 1) - 7 * DAY; day <= toMs + 370 * DAY; day += DAY) {
    const date = new Date(day);
    const number = period(rule, start, date);
    if (number < 0 || number % rule.interval !== 0 || !fits(rule, start, date)) continue;
    const set = sets.get(number) ?? [];
    sets.set(number, set);
    for (const hour of hours) for (const minute of minutes) set.push(day + hour * 3_600_000 + minute * 60_000 + start.getUTCSeconds() * 1000);
  }
  const all: number[] = [];
  for (const number of [...sets.keys()].sort((a, b) => a - b)) {
    const set = (sets.get(number) ?? []).sort((a, b) => a - b);
    const chosen = rule.setPos.length === 0 ? set : set.filter((_, index) => rule.setPos.includes(index + 1) || rule.setPos.includes(index - set.length));
    all.push(...chosen.filter((time) => time >= startMs));
  }
  return (rule.count === null ? all : all.slice(0, rule.count)).filter((time) => time <= toMs);
}

test("rules give what a naive expansion day by day gives, wherever one begins to look", () => {
  const seed = 20_261_121;
  const random = seededRandom(seed);
  const some = <T>(chance: number, make: () => T, most = 3): T[] => (random.below(100) < chance ? Array.from({ length: 1 + random.below(most) }, make) : []);
  const signed = (max: number): number => (1 + random.below(max)) * (random.below(3) === 0 ? -1 : 1);
  const ascending = (numbers: number[]): number[] => [...new Set(numbers)].sort((a, b) => a - b);
  for (let round = 0; round < 600; round++) {
    const freq = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY"][random.below(4)] ?? "DAILY";
    const weekNo = freq === "YEARLY" ? ascending(some(20, () => signed(53))) : [];
    const mayCount = freq === "MONTHLY" || (freq === "YEARLY" && weekNo.length === 0);
    const rule: Naive = {
      freq,
      interval: 1 + random.below(4),
      wkst: random.below(7),
      count: random.below(4) === 0 ? 1 + random.below(60) : null,
      month: ascending(some(30, () => 1 + random.below(12))),
      weekNo,
      yearDay: freq === "YEARLY" ? ascending(some(15, () => signed(366))) : [],
      monthDay: freq === "WEEKLY" ? [] : ascending(some(30, () => signed(31))),
      day: some(45, () => ({ weekday: random.below(7), nth: mayCount && random.below(2) === 0 ? signed(5) : 0 })),
      hour: ascending(some(20, () => random.below(24))),
      minute: ascending(some(20, () => random.below(60))),
      setPos: ascending(some(25, () => signed(4), 2)),
    };
    const start = Date.UTC(2015 + random.below(4), random.below(12), 1 + random.below(28), random.below(24), random.below(60), random.below(60));
    const to = start + (400 + random.below(1800)) * DAY;
    const list = (name: string, numbers: readonly number[]): string => (numbers.length === 0 ? "" : `;${name}=${numbers.join(",")}`);
    const text =
      `FREQ=${freq};INTERVAL=${String(rule.interval)};WKST=${NAMES[rule.wkst] ?? "MO"}${rule.count === null ? "" : `;COUNT=${String(rule.count)}`}` +
      `${list("BYMONTH", rule.month)}${list("BYWEEKNO", rule.weekNo)}${list("BYYEARDAY", rule.yearDay)}${list("BYMONTHDAY", rule.monthDay)}` +
      (rule.day.length === 0 ? "" : `;BYDAY=${rule.day.map(({ weekday, nth }) => `${nth === 0 ? "" : String(nth)}${NAMES[weekday] ?? ""}`).join(",")}`) +
      `${list("BYHOUR", rule.hour)}${list("BYMINUTE", rule.minute)}${list("BYSETPOS", rule.setPos)}`;
    const parsed = parseRule(text);
    const saying = `seed ${String(seed)}, round ${String(round)}: DTSTART ${new Date(start).toISOString()} ${text}`;
    if (parsed === null) expect.fail(`refused, ${saying}`);
    const wanted = naive(rule, start, to);
    const ours = (from: number): number[] => [...occurrences(parsed, start, from, to, Number.POSITIVE_INFINITY, { steps: 10_000_000 })];
    expect(ours(start), saying).toEqual(wanted);
    const from = start + random.below(1500) * DAY;
    expect(ours(from).filter((time) => time >= from), `from ${new Date(from).toISOString()}, ${saying}`).toEqual(wanted.filter((time) => time >= from));
  }
}, 120_000);

test("a rule that began a quarter of a century ago costs no more than one of today", () => {
  for (const text of ["FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=DAILY", "FREQ=MONTHLY;BYDAY=2TU", "FREQ=MINUTELY;INTERVAL=7", "FREQ=SECONDLY;INTERVAL=11;COUNT=900000000", "FREQ=DAILY;COUNT=100000"]) {
    const rule = parseRule(text);
    if (rule === null) expect.fail(text);
    const budget = { steps: 5000 };
    const from = Date.UTC(2026, 10, 21, 12);
    const found = [...occurrences(rule, Date.UTC(2001, 0, 1, 9), from, from + 3_600_000, Number.POSITIVE_INFINITY, budget)];
    expect(budget.steps, text).toBeGreaterThan(4000);
    expect(found.filter((time) => time < from).length, text).toBeLessThan(10);
  }
});
