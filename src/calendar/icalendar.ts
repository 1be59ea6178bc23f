import type { Reading, Span } from "./adapter.ts";
import type { CalendarEntry, EntryKind } from "./entry.ts";
import type { Owner } from "./event-meaning.ts";
import { eventSeries, type EventSeries } from "./event-series.ts";
import { endOf, eventTimes, parseLength, type Zones } from "./event-time.ts";
import { readICalText, textOf, type ICalComponent } from "./ical-text.ts";
import { DAY_MS } from "./local-time.ts";
import type { Budget } from "./occurrences.ts";
import { describedZone } from "./zone-block.ts";
import { UTC, namedZone, type Zone } from "./zone.ts";

/** What one calendar may cost. */
export interface CalendarLimits {
  /** Characters of text. */
  readonly textMax: number;
  /** Events and parts of zones. */
  readonly componentsMax: number;
  /** Work for repeating events of one text and span: a step is a day or a time that is looked at, some tenths of a microsecond. */
  readonly stepsMax: number;
  /** Entries in one span. */
  readonly entriesMax: number;
}

/** Far more than people have. */
export const calendarLimits: CalendarLimits = { textMax: 32 * 1024 * 1024, componentsMax: 100_000, stepsMax: 2_000_000, entriesMax: 5000 };

/** How a text is read. */
export interface CalendarSettings {
  /** The mail addresses of the person whose calendar it is, in any case, with or without `mailto:`: what they declined says nothing. Empty for a shared calendar. */
  readonly owner: Owner;
  /** His time zone, an IANA or Windows name: whole days and floating times are his. */
  readonly zone: string;
  /** Events that block no time count too, as in calendars of holidays; default false. */
  readonly countsTransparent?: boolean;
  /** No span that is asked for later begins before (ms since 1970): what is over then is not kept. Left out: everything is. */
  readonly since?: number;
  readonly limits?: CalendarLimits;
}

/** A calendar that was read, without a word of what its events are about: it can be asked for one span after another. */
export interface ParsedCalendar {
  readonly kind: "calendar";
  /** The entries that touch the span, by start. A failure when its repetitions are too many. */
  entries(span: Span): Reading;
}

/** How far beyond a span it is expanded, for those that follow. */
const AHEAD_MS = DAY_MS;

type Failure = Reading & { readonly kind: "failure" };

/** Reads iCalendar text (RFC 5545), once for many spans. Never throws: what is no calendar is a failure, an event that breaks the rules is left out. */
export function parseCalendar(text: string, settings: CalendarSettings): ParsedCalendar | Failure {
  const limits = settings.limits ?? calendarLimits;
  if (text.length > limits.textMax) return failure("too-large", `the calendar has more than ${String(limits.textMax)} characters`);
  const read = readICalText(text, limits.componentsMax);
  if (read.kind === "unreadable") {
    if (read.why === "too many events") return failure("too-large", `the calendar has more than ${String(limits.componentsMax)} events`);
    return failure("unreadable", read.why === "cut off" ? "the calendar is cut off before its end" : "this is no calendar in iCalendar format");
  }
  const floating = namedZone(settings.zone) ?? UTC;
  const budget: Budget = { steps: limits.stepsMax };
  const zones = zonesOf(read.components, floating, budget);
  const owner = settings.owner.map((address) => address.trim().toLowerCase().replace(/^mailto:/, ""));
  const since = settings.since ?? Number.NEGATIVE_INFINITY;
  const context = { zones, owner, countsTransparent: settings.countsTransparent ?? false, since };
  const all: EventSeries[] = [];
  let unread = read.broken;
  for (const components of byUid(read.components)) {
    const { series, unread: some } = eventSeries(components, context);
    if (!series.isOver(since)) all.push(series);
    unread += some;
  }
  const periods = read.components.filter(({ name }) => name === "vfreebusy").flatMap((component) => freeBusy(component, zones));
  if (unread > 0 && unread >= read.components.filter(({ name }) => name === "vevent" || name === "vfreebusy").length) return failure("unreadable", "no event of the calendar can be read");
  return parsed(all, periods, limits);
}

/** Made apart from the reading: what it closes over is kept as long as the calendar, and a zone's name alone would keep the whole text.
 *  Who asks every minute for a day ahead is answered for a day from one expansion. */
function parsed(all: readonly EventSeries[], periods: readonly CalendarEntry[], limits: CalendarLimits): ParsedCalendar {
  let known: { readonly span: Span; readonly entries: readonly CalendarEntry[] } | null = null;
  return {
    kind: "calendar",
    entries(span) {
      if (known === null || span.from < known.span.from || span.to > known.span.to) {
        const wide = { from: span.from, to: span.to + AHEAD_MS };
        const reading = expand(all, periods, wide, limits);
        // What is too much for the longer time may do for that which was asked for.
        if (reading.kind === "failure") return expand(all, periods, span, limits);
        known = { span: wide, entries: reading.entries };
      }
      return { kind: "entries", entries: known.entries.filter(({ start, end }) => start < span.to && end > span.from) };
    },
  };
}

/** What a text says of one span: `parseCalendar` for those who ask once. */
export function readCalendar(text: string, settings: CalendarSettings & { readonly span: Span }): Reading {
  const calendar = parseCalendar(text, settings);
  return calendar.kind === "calendar" ? calendar.entries(settings.span) : calendar;
}

function expand(all: readonly EventSeries[], periods: readonly CalendarEntry[], span: Span, limits: CalendarLimits): Reading {
  const budget: Budget = { steps: limits.stepsMax };
  const entries: CalendarEntry[] = [];
  for (const series of all) {
    series.addTo(entries, span, budget, limits.entriesMax);
    if (entries.length > limits.entriesMax) return failure("too-large", `more than ${String(limits.entriesMax)} events in a few days`);
    if (budget.steps < 0) return failure("too-large", "its repeating events take more work than one calendar may cost");
  }
  for (const period of periods) if (period.start < span.to && period.end > span.from) entries.push(period);
  if (entries.length > limits.entriesMax) return failure("too-large", `more than ${String(limits.entriesMax)} events in a few days`);
  return { kind: "entries", entries: entries.sort((a, b) => a.start - b.start || a.end - b.end) };
}

function zonesOf(components: readonly ICalComponent[], floating: Zone, budget: Budget): Zones {
  const blocks = new Map(components.filter(({ name }) => name === "vtimezone").map((block) => [textOf(block, "tzid"), block]));
  const made = new Map<string, Zone>();
  return {
    of(tzid) {
      if (tzid === undefined || tzid === "") return floating;
      const known = made.get(tzid);
      if (known !== undefined) return known;
      const block = blocks.get(tzid);
      // Our own set comes first: it is newer than what a calendar carries.
      const zone = namedZone(tzid) ?? (block === undefined ? null : describedZone(block, budget)) ?? floating;
      made.set(tzid, zone);
      return zone;
    },
  };
}

function byUid(components: readonly ICalComponent[]): Iterable<readonly ICalComponent[]> {
  const groups = new Map<string, ICalComponent[]>();
  let nameless = 0;
  for (const component of components) {
    if (component.name !== "vevent") continue;
    const uid = textOf(component, "uid");
    const key = uid === "" ? `\n${String(nameless++)}` : uid;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [component]);
    else group.push(component);
  }
  return groups.values();
}

const FREE_BUSY_KINDS: ReadonlyMap<string, EntryKind> = new Map([["BUSY", "busy"], ["BUSY-UNAVAILABLE", "out-of-office"], ["BUSY-TENTATIVE", "tentative"]]);

/** Busy times without events (RFC 5545 §3.6.4). What is of no known type counts as busy (§3.2.9). */
function freeBusy(component: ICalComponent, zones: Zones): readonly CalendarEntry[] {
  return component.properties.flatMap((property) => {
    const type = property.parameters.get("fbtype")?.toUpperCase() ?? "BUSY";
    if (property.name !== "freebusy" || type === "FREE") return [];
    const starts = eventTimes(property, zones) ?? [];
    return starts.flatMap(({ local, zone }, index) => {
      const value = property.values[index];
      const end: unknown = Array.isArray(value) ? value[1] : undefined;
      const start = zone.toUtc(local);
      const until = typeof end === "string" ? endOfPeriod(end, local, zone, zones) : null;
      return until === null || until <= start ? [] : [{ start, end: until, kind: FREE_BUSY_KINDS.get(type) ?? "busy", hasAttendees: false, isPrivate: false }];
    });
  });
}

function endOfPeriod(text: string, start: number, zone: Zone, zones: Zones): number | null {
  const length = parseLength(text);
  if (length !== null) return endOf(start, length, zone);
  const time = eventTimes({ name: "dtend", parameters: new Map(), type: "date-time", values: [text] }, zones)?.[0];
  return time === undefined ? null : time.zone.toUtc(time.local);
}

function failure(kind: Failure["failure"], text: string): Failure {
  return { kind: "failure", failure: kind, text };
}
