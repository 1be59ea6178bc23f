import type { Clock } from "../base/clock.ts";
import type { AdapterSettings, CalendarAdapter, Reading, Span } from "./adapter.ts";
import { CaldavCalendar } from "./caldav-calendar.ts";
import { CaldavClient, type CaldavAccess } from "./caldav-client.ts";
import { findHome, listCalendars, type CalendarHome } from "./caldav-discovery.ts";
import type { CalendarEntry } from "./entry.ts";

/** The adapter of a calendar of kind `caldav`. */
export function caldavAdapter({ calendar, zone, clock }: AdapterSettings): CalendarAdapter {
  const { url, username, password, authentication, ca, timeoutMs } = calendar;
  const isChosen = authentication === "basic" || authentication === "digest";
  return new CaldavAdapter({ url, timeoutMs, ...(username === null ? {} : { username, password: password ?? "" }), ...(isChosen ? { auth: authentication } : {}), ...(ca === null ? {} : { ca }) }, zone, clock);
}

/** Where somebody's calendars are is looked up again after so long, and when they are gone. */
const HOME_MS = 6 * 3_600_000;
/** Events of one person in a span. */
const ENTRIES_MAX = 5000;

interface Person {
  readonly home: CalendarHome;
  readonly foundAt: number;
  /** By address. */
  readonly calendars: Map<string, CaldavCalendar>;
}

/** Calendars of a CalDAV server (RFC 4791), read by a service account or by the person's own: where they are is found out, then one request a poll tells whether anything has changed. */
export class CaldavAdapter implements CalendarAdapter {
  readonly batchSize = 1;
  readonly #access: CaldavAccess;
  readonly #zone: string;
  readonly #clock: Clock;
  readonly #client: CaldavClient;
  readonly #people = new Map<string, Person>();

  constructor(access: CaldavAccess, zone: string, clock: Clock) {
    this.#access = access;
    this.#zone = zone;
    this.#clock = clock;
    this.#client = new CaldavClient(access, clock);
  }

  async read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const readings = new Map<string, Reading>();
    for (const mailbox of mailboxes) readings.set(mailbox, await this.#person(mailbox, span, signal));
    return readings;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #person(mailbox: string, span: Span, signal: AbortSignal): Promise<Reading> {
    let person = this.#people.get(mailbox);
    if (person === undefined || this.#clock.now() >= person.foundAt + HOME_MS) {
      const home = await findHome(this.#client, this.#access.url, this.#access.username, mailbox, signal);
      if ("failure" in home) return home;
      // What is known of the calendars stays good while they stay where they are.
      person = { home, foundAt: this.#clock.now(), calendars: person?.calendars ?? new Map<string, CaldavCalendar>() };
      this.#people.set(mailbox, person);
    }
    const found = await listCalendars(this.#client, person.home, signal);
    if ("failure" in found) {
      if (found.failure === "not-found") this.#people.delete(mailbox);
      return found;
    }
    const entries: CalendarEntry[] = [];
    for (const href of [...person.calendars.keys()]) if (!found.some(({ url }) => url.href === href)) person.calendars.delete(href);
    for (const one of found) {
      let calendar = person.calendars.get(one.url.href);
      if (calendar === undefined) {
        calendar = new CaldavCalendar(this.#client, one.url, { owner: [mailbox], zone: this.#zone });
        person.calendars.set(one.url.href, calendar);
      }
      // A calendar of his that cannot be read leaves open whether he is free.
      const reading = await calendar.read(one, span, signal);
      if (reading.kind === "failure") return reading;
      entries.push(...reading.entries);
      if (entries.length > ENTRIES_MAX) return { kind: "failure", failure: "too-large", text: `more than ${String(ENTRIES_MAX)} events in a few days` };
    }
    return { kind: "entries", entries: entries.sort((a, b) => a.start - b.start || a.end - b.end) };
  }
}
