import type { Span } from "./adapter.ts";
import type { CalendarEntry } from "./entry.ts";
import { eventMeaning, type EventMeaning, type Owner } from "./event-meaning.ts";
import { endOf, eventTimes, parseLength, type EventLength, type EventTime, type Zones } from "./event-time.ts";
import { propertyOf, textOf, type ICalComponent } from "./ical-text.ts";
import { DAY_MS, type LocalTime } from "./local-time.ts";
import { occurrences, type Budget } from "./occurrences.ts";
import { parseRule, type RecurrenceRule } from "./recurrence-rule.ts";
import type { Zone } from "./zone.ts";

/** One VEVENT, read: when it takes place and what it says then. */
interface EventPart {
  readonly start: EventTime;
  readonly length: EventLength;
  /** Null: it says nothing. */
  readonly meaning: EventMeaning | null;
}

/** A changed instance (RECURRENCE-ID), or with `isRange` that and all later ones (RFC 5545 §3.8.4.4). */
interface ChangedPart extends EventPart {
  readonly of: EventTime;
  readonly isRange: boolean;
}

interface Master extends EventPart {
  readonly rules: readonly RecurrenceRule[];
  readonly exceptRules: readonly RecurrenceRule[];
  readonly dates: readonly { readonly time: EventTime; readonly length: EventLength }[];
  readonly exceptDates: readonly EventTime[];
}

/** What single calls need to know of the calendar that an event is in. */
export interface SeriesContext {
  readonly zones: Zones;
  readonly owner: Owner;
  readonly countsTransparent: boolean;
  /** No span begins before, ms since 1970. */
  readonly since: number;
}

/** What an instance costs beyond being found, in steps of the budget: its moment and what became of it are looked up. */
const INSTANCE_STEPS = 10;

/** All components of one UID: an event, its repetitions, and what became of single ones. */
export interface EventSeries {
  /** Entries that touch the span, in no order; stops soon after there are more than `entriesMax`, and when the budget is spent. */
  addTo(entries: CalendarEntry[], span: Span, budget: Budget, entriesMax: number): void;
  /** True when nothing of it can touch what comes after that moment (ms since 1970): most of a calendar. */
  isOver(at: number): boolean;
}

/** A series of the components of one UID; `unread` of them broke the rules and are left out. */
export function eventSeries(components: readonly ICalComponent[], context: SeriesContext): { readonly series: EventSeries; readonly unread: number } {
  const masters: { readonly master: Master; readonly sequence: number }[] = [];
  const changed: { readonly part: ChangedPart; readonly sequence: number }[] = [];
  let unread = 0;
  for (const component of components) {
    const sequence = Number(propertyOf(component, "sequence")?.values[0] ?? 0) || 0;
    const part = partOf(component, context);
    const property = propertyOf(component, "recurrence-id");
    if (part === null) unread++;
    else if (property === undefined) {
      const master = masterOf(component, part, context);
      if (master === null) unread++;
      else masters.push({ master, sequence });
    } else {
      const of = eventTimes(property, context.zones)?.[0];
      if (of === undefined) unread++;
      else changed.push({ part: { ...part, of, isRange: property.parameters.get("range")?.toUpperCase() === "THISANDFUTURE" }, sequence });
    }
  }
  const newest = Math.max(...masters.map(({ sequence }) => sequence));
  // Of two that change the same instance the later version counts, and the later one in the text.
  const changes = changed.sort((a, b) => a.sequence - b.sequence).map(({ part }) => part);
  const current = masters.filter(({ sequence }) => sequence === newest).map(({ master }) => master);
  return { series: singleOf(current, changes, context.since) ?? new Series(current, changes), unread };
}

/** An event that never repeats, as most of a calendar are; null when there is more to it. */
function singleOf([master, another]: readonly Master[], changes: readonly ChangedPart[], since: number): EventSeries | null {
  if (master === undefined || another !== undefined || changes.length > 0) return null;
  const { start, length, meaning, rules, exceptRules, dates, exceptDates } = master;
  if (rules.length + exceptRules.length + dates.length + exceptDates.length > 0) return null;
  // Over on any clock: what a zone had then need not be asked for.
  if (start.local + lengthMs(length) + 2 * DAY_MS < since) return new SingleEvent(null);
  const from = start.zone.toUtc(start.local);
  const until = endOf(start.local, length, start.zone);
  return new SingleEvent(meaning === null || until <= from ? null : { start: from, end: until, ...meaning });
}

/** Nothing is kept of it but its entry; null says nothing, ever. */
class SingleEvent implements EventSeries {
  readonly #entry: CalendarEntry | null;

  constructor(entry: CalendarEntry | null) {
    this.#entry = entry;
  }

  addTo(entries: CalendarEntry[], span: Span, budget: Budget): void {
    budget.steps--;
    if (this.#entry !== null && this.#entry.start < span.to && this.#entry.end > span.from) entries.push(this.#entry);
  }

  isOver(at: number): boolean {
    return this.#entry === null || this.#entry.end <= at;
  }
}

const UNCHANGED: ReadonlyMap<string, ChangedPart> = new Map();

class Series implements EventSeries {
  readonly #masters: readonly Master[];
  /** The last of each instance. */
  readonly #single: ReadonlyMap<string, ChangedPart>;
  /** By the moment from which they hold. */
  readonly #ranges: readonly ChangedPart[];
  /** How far before its own time an instance can begin, and after it end. */
  readonly #reachMs: number;

  constructor(masters: readonly Master[], changes: readonly ChangedPart[]) {
    this.#masters = masters;
    this.#single = changes.length === 0 ? UNCHANGED : new Map(changes.filter(({ isRange }) => !isRange).map((part) => [keyOf(part.of), part]));
    const byMoment = new Map(changes.filter(({ isRange }) => isRange).map((part) => [part.of.zone.toUtc(part.of.local), part]));
    this.#ranges = [...byMoment].sort(([a], [b]) => a - b).map(([, part]) => part);
    let reach = 2 * DAY_MS;
    for (const { length } of masters) reach = Math.max(reach, 2 * DAY_MS + lengthMs(length));
    for (const { dates } of masters) for (const { length } of dates) reach = Math.max(reach, 2 * DAY_MS + lengthMs(length));
    for (const part of this.#ranges) reach = Math.max(reach, 2 * DAY_MS + lengthMs(part.length) + Math.abs(part.start.local - part.of.local));
    this.#reachMs = reach;
  }

  addTo(entries: CalendarEntry[], span: Span, budget: Budget, entriesMax: number): void {
    for (const master of this.#masters) {
      if (master.meaning === null && this.#ranges.every(({ meaning }) => meaning === null)) continue;
      const { zone } = master.start;
      const excluded = this.#excluded(master, span, budget);
      for (const { local, length } of this.#instances(master, span, budget)) {
        budget.steps -= INSTANCE_STEPS;
        if (budget.steps < 0 || entries.length > entriesMax) return;
        const time: EventTime = { local, isDate: master.start.isDate, zone };
        if (isIn(excluded, time) || isIn(this.#single, time)) continue;
        const range = this.#rangeOf(zone.toUtc(local));
        if (range === null) add(entries, master.meaning, local, length, zone, span);
        else if (range.start.zone === range.of.zone || range.of.zone === zone) add(entries, range.meaning, local + range.start.local - range.of.local, range.length, range.start.zone, span);
        else add(entries, range.meaning, range.start.zone.toLocal(zone.toUtc(local) + range.start.zone.toUtc(range.start.local) - range.of.zone.toUtc(range.of.local)), range.length, range.start.zone, span);
      }
    }
    for (const { meaning, start, length } of this.#single.values()) if (--budget.steps >= 0) add(entries, meaning, start.local, length, start.zone, span);
    // Without its master, as a guest invited to the rest of a series has it, only the first is known.
    if (this.#masters.length === 0) for (const { meaning, start, length } of this.#ranges) add(entries, meaning, start.local, length, start.zone, span);
  }

  isOver(at: number): boolean {
    const local = at - this.#reachMs;
    const isPast = ({ start, length }: EventPart): boolean => start.local + lengthMs(length) < local;
    return (
      this.#masters.every((master) => isPast(master) && master.rules.every((rule) => untilOf(rule, master.start) < local) && master.dates.every(({ time }) => time.local < local)) &&
      this.#ranges.every(isPast) &&
      [...this.#single.values()].every(isPast)
    );
  }

  *#instances(master: Master, span: Span, budget: Budget): Generator<{ readonly local: LocalTime; readonly length: EventLength }> {
    const { start, rules, dates, length } = master;
    if (rules.length === 0) yield { local: start.local, length };
    const seen = new Set<LocalTime>();
    const [from, to] = this.#window(start.zone, span);
    for (const rule of rules) {
      for (const local of occurrences(rule, start.local, from, to, untilOf(rule, start), budget)) {
        if (local < from || (rules.length > 1 && seen.has(local))) continue;
        seen.add(local);
        yield { local, length };
      }
    }
    for (const date of dates) {
      if (--budget.steps < 0) return;
      const local = date.time.zone === start.zone ? date.time.local : start.zone.toLocal(date.time.zone.toUtc(date.time.local));
      if (!seen.has(local) && (rules.length > 0 || local !== start.local)) yield { local, length: date.length };
      seen.add(local);
    }
  }

  #excluded({ start, exceptRules, exceptDates }: Master, span: Span, budget: Budget): ReadonlySet<string> {
    const excluded = new Set<string>();
    for (const time of exceptDates) excluded.add(keyOf(time));
    const [from, to] = this.#window(start.zone, span);
    for (const rule of exceptRules) {
      for (const local of occurrences(rule, start.local, from, to, untilOf(rule, start), budget)) {
        budget.steps -= INSTANCE_STEPS;
        excluded.add(keyOf({ ...start, local }));
        if (budget.steps < 0) return excluded;
      }
    }
    return excluded;
  }

  #window(zone: Zone, span: Span): readonly [LocalTime, LocalTime] {
    return [zone.toLocal(span.from) - this.#reachMs, zone.toLocal(span.to) + this.#reachMs];
  }

  #rangeOf(utc: number): ChangedPart | null {
    let found: ChangedPart | null = null;
    for (const range of this.#ranges) if (range.of.zone.toUtc(range.of.local) <= utc) found = range;
    return found;
  }
}

function partOf(component: ICalComponent, { zones, owner, countsTransparent }: SeriesContext): EventPart | null {
  const property = propertyOf(component, "dtstart");
  const start = property === undefined ? undefined : eventTimes(property, zones)?.[0];
  if (start === undefined) return null;
  const length = lengthOf(component, start, zones);
  return length === null ? null : { start, length, meaning: eventMeaning(component, owner, countsTransparent) };
}

function lengthOf(component: ICalComponent, start: EventTime, zones: Zones): EventLength | null {
  const given = propertyOf(component, "dtend");
  const duration = textOf(component, "duration");
  if (given === undefined) {
    if (duration !== "") return parseLength(duration);
    // RFC 5545 §3.6.1: a date lasts its day, a time takes none.
    return { days: start.isDate ? 1 : 0, ms: 0 };
  }
  const end = eventTimes(given, zones)?.[0];
  if (end === undefined) return null;
  if (start.isDate && end.isDate) return { days: Math.max(1, Math.round((end.local - start.local) / DAY_MS)), ms: 0 };
  return { days: 0, ms: Math.max(0, end.zone.toUtc(end.local) - start.zone.toUtc(start.local)) };
}

function masterOf(component: ICalComponent, part: EventPart, { zones }: SeriesContext): Master | null {
  const rules: RecurrenceRule[] = [];
  const exceptRules: RecurrenceRule[] = [];
  const dates: Master["dates"][number][] = [];
  const exceptDates: EventTime[] = [];
  for (const property of component.properties) {
    if (property.name === "rrule" || property.name === "exrule") {
      for (const value of property.values) {
        const rule = parseRule(String(value));
        if (rule === null) return null;
        (property.name === "rrule" ? rules : exceptRules).push(rule);
      }
    } else if (property.name === "exdate" || property.name === "rdate") {
      const times = eventTimes(property, zones);
      if (times === null) return null;
      if (property.name === "exdate") exceptDates.push(...times);
      else times.forEach((time, index) => dates.push({ time, length: periodLength(property.values[index], time) ?? part.length }));
    }
  }
  return { start: part.start, length: part.length, meaning: part.meaning, rules: kept(rules), exceptRules: kept(exceptRules), dates: kept(dates), exceptDates: kept(exceptDates) };
}

const NONE: readonly never[] = [];

/** Most lists of most events are empty: those share one. */
function kept<Item>(list: readonly Item[]): readonly Item[] {
  return list.length === 0 ? NONE : list;
}

/** The length of an RDATE that is a period of its own. */
function periodLength(value: unknown, start: EventTime): EventLength | null {
  if (!Array.isArray(value)) return null;
  const end: unknown = value[1];
  if (typeof end !== "string") return null;
  if (/^[+-]?P/.test(end)) return parseLength(end);
  const time = eventTimes({ name: "", parameters: new Map(), type: "date-time", values: [end] }, { of: () => start.zone })?.[0];
  return time === undefined ? null : { days: 0, ms: Math.max(0, time.zone.toUtc(time.local) - start.zone.toUtc(start.local)) };
}

/** UNTIL on the clock of DTSTART; one that is only a date counts to the end of that day. */
function untilOf({ until }: RecurrenceRule, start: EventTime): LocalTime {
  if (until === undefined) return Number.POSITIVE_INFINITY;
  if (until.isDate) return until.local + (start.isDate ? 0 : DAY_MS - 1);
  if (!until.isUtc) return until.local;
  return start.isDate ? until.local : start.zone.toLocal(until.local);
}

/** An instance by its moment, and by its day: EXDATE and RECURRENCE-ID of some writers are dates though the event has a time. */
function isIn(keys: { has(key: string): boolean }, time: EventTime): boolean {
  return keys.has(keyOf(time)) || keys.has(dayKey(time.local));
}

function keyOf(time: EventTime): string {
  return time.isDate ? dayKey(time.local) : `at ${String(time.zone.toUtc(time.local))}`;
}

function dayKey(local: LocalTime): string {
  return `on ${String(Math.floor(local / DAY_MS))}`;
}

function lengthMs({ days, ms }: EventLength): number {
  return days * DAY_MS + ms;
}

function add(entries: CalendarEntry[], meaning: EventMeaning | null, local: LocalTime, length: EventLength, zone: Zone, span: Span): void {
  if (meaning === null) return;
  // Far from the span on any clock: most of a calendar is in the past.
  if (local - DAY_MS > span.to || local + lengthMs(length) + DAY_MS < span.from) return;
  const start = zone.toUtc(local);
  const end = endOf(local, length, zone);
  if (end > start && start < span.to && end > span.from) entries.push({ start, end, ...meaning });
}
