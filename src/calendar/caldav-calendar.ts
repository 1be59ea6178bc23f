import type { FailureKind, Reading, Span } from "./adapter.ts";
import type { CaldavClient } from "./caldav-client.ts";
import type { FoundCalendar } from "./caldav-discovery.ts";
import { freeBusyReport, multigetReport, plainPath, queryReport, readMultistatus, repeatingReport, syncReport, type DavMultistatus, type DavResource } from "./caldav-xml.ts";
import type { CalendarEntry } from "./entry.ts";
import { parseCalendar, readCalendar, type CalendarSettings, type ParsedCalendar } from "./icalendar.ts";
import { bodyOf } from "./web-client.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";

const DAY_MS = 86_400_000;
/** What is fetched around the span that is asked for, so that tomorrow's span needs no new query. */
const MARGIN_MS = 7 * DAY_MS;
/** Events of one calendar that touch those days, or that changed since. */
const RESOURCES_MAX = 5000;
/** How a server answers that cannot look for events that repeat; such servers find them by their times. */
const UNKNOWN_FILTER: ReadonlySet<FailureKind> = new Set<FailureKind>(["permission", "not-found", "unreadable", "too-large"]);
/** Events that one request fetches. */
const MULTIGET_MAX = 50;

interface Kept {
  readonly etag: string;
  readonly calendar: ParsedCalendar | WebFailure;
}

/** One calendar and what is known of it. While its change tag stays the same nothing is asked; then only what changed since its sync token, or whose entity tag changed, is fetched and read. */
export class CaldavCalendar {
  readonly #client: CaldavClient;
  readonly #settings: CalendarSettings;
  readonly #url: URL;
  /** By path. */
  #events = new Map<string, Kept>();
  #covered: Span | null = null;
  #changeTag: string | null = null;
  #syncToken: string | null = null;
  /** The server lets us see when, not what. */
  #hasOnlyTimes = false;

  constructor(client: CaldavClient, url: URL, settings: CalendarSettings) {
    this.#client = client;
    this.#url = url;
    this.#settings = settings;
  }

  /** Entries of the span; `found`: as the calendar was listed just now. */
  async read(found: FoundCalendar, span: Span, signal: AbortSignal): Promise<Reading> {
    if (this.#hasOnlyTimes) return this.#times(span, signal);
    const isCovered = this.#covered !== null && this.#covered.from <= span.from && this.#covered.to >= span.to;
    // The sync token is a change tag too.
    const tag = found.changeTag ?? found.syncToken;
    if (!isCovered || tag === null || tag !== this.#changeTag) {
      const failed = await this.#refresh(found, isCovered, span, signal);
      if (failed?.failure === "permission") {
        const reading = await this.#times(span, signal);
        this.#hasOnlyTimes = reading.kind === "entries";
        return reading.kind === "entries" ? reading : failed;
      }
      if (failed !== null) return failed;
      this.#changeTag = tag;
      this.#syncToken = found.syncToken;
    }
    return this.#entries(span);
  }

  #entries(span: Span): Reading {
    const entries: CalendarEntry[] = [];
    let failed: WebFailure | null = null;
    let good = 0;
    for (const { calendar } of this.#events.values()) {
      const reading = calendar.kind === "calendar" ? calendar.entries(span) : calendar;
      if (reading.kind === "failure") failed = reading;
      else {
        good++;
        entries.push(...reading.entries);
      }
    }
    // One event that breaks the rules does not silence a calendar; a calendar of which nothing can be read is no free one.
    return failed !== null && good === 0 ? failed : { kind: "entries", entries };
  }

  async #refresh(found: FoundCalendar, isCovered: boolean, span: Span, signal: AbortSignal): Promise<WebFailure | null> {
    if (isCovered && this.#syncToken !== null) {
      const changes = await this.#report(syncReport(this.#syncToken), "0", signal);
      // The token may be too old (RFC 6578 §3.2: 403 or 409), or there are too many changes (§3.6): everything is looked at anew.
      if (!("failure" in changes)) {
        if (!isTruncated(changes)) return this.#applyChanges(changes, signal);
      } else if (changes.failure === "credentials" || changes.failure === "timeout" || changes.failure === "throttled") return changes;
    }
    const covered = { from: span.from - DAY_MS, to: span.to + MARGIN_MS };
    const query = await this.#report(queryReport(covered), "1", signal);
    if ("failure" in query) return query;
    if (isTruncated(query)) return webFailure("too-large", `${this.#url.host} tells only a part of the calendar`);
    // Some servers, Xandikos among them, find of a repeating event its first time only.
    const repeating = await this.#report(repeatingReport(), "1", signal);
    if ("failure" in repeating && !UNKNOWN_FILTER.has(repeating.failure)) return repeating;
    const resources = new Map<string, DavResource>();
    for (const resource of [...query.resources, ...("failure" in repeating ? [] : repeating.resources)]) {
      const path = this.#pathOf(resource);
      if (path !== null && resource.status === 200) resources.set(path, resource);
    }
    if (resources.size > RESOURCES_MAX) return webFailure("too-large", `a calendar has more than ${String(RESOURCES_MAX)} events within days`);
    const kept = new Map<string, Kept>();
    const wanted: string[] = [];
    for (const [path, resource] of resources) {
      const known = this.#events.get(path);
      if (known !== undefined && known.etag !== "" && known.etag === etagOf(resource)) kept.set(path, known);
      else wanted.push(resource.href);
    }
    const failed = await this.#fetch(wanted, kept, signal);
    if (failed !== null) return failed;
    this.#events = kept;
    this.#covered = covered;
    return null;
  }

  async #applyChanges(changes: DavMultistatus, signal: AbortSignal): Promise<WebFailure | null> {
    if (changes.resources.length > RESOURCES_MAX) return webFailure("too-large", `more than ${String(RESOURCES_MAX)} events of a calendar changed at once`);
    const kept = new Map(this.#events);
    const wanted: string[] = [];
    for (const resource of changes.resources) {
      const path = this.#pathOf(resource);
      if (path === null) continue;
      const known = kept.get(path);
      if (resource.status === 404) kept.delete(path);
      else if (known === undefined || known.etag !== etagOf(resource)) wanted.push(resource.href);
    }
    const failed = await this.#fetch(wanted, kept, signal);
    if (failed === null) this.#events = kept;
    // Changes bring events of any time: what has gathered is left behind by the next look at everything.
    if (kept.size > RESOURCES_MAX) this.#covered = null;
    return failed;
  }

  async #fetch(hrefs: readonly string[], into: Map<string, Kept>, signal: AbortSignal): Promise<WebFailure | null> {
    for (let at = 0; at < hrefs.length; at += MULTIGET_MAX) {
      const answer = await this.#report(multigetReport(hrefs.slice(at, at + MULTIGET_MAX)), "0", signal);
      if ("failure" in answer) return answer;
      for (const resource of answer.resources) {
        const path = this.#pathOf(resource);
        const text = resource.properties.get("calendar-data")?.text;
        if (path === null) continue;
        // Gone since it was listed.
        if (text === undefined) into.delete(path);
        else {
          const calendar = parseCalendar(text, this.#settings);
          into.set(path, { etag: etagOf(resource), calendar: calendar.kind === "calendar" ? calendar : webFailure(calendar.failure, calendar.text) });
        }
      }
    }
    return null;
  }

  async #times(span: Span, signal: AbortSignal): Promise<Reading> {
    const answer = await this.#client.request({ method: "REPORT", url: this.#url, depth: "1", body: freeBusyReport(span), signal });
    if (answer.kind === "failure") return answer;
    return readCalendar(Buffer.concat(answer.parts).toString("utf8"), { ...this.#settings, span });
  }

  async #report(body: string, depth: "0" | "1", signal: AbortSignal): Promise<DavMultistatus | WebFailure> {
    const answer = await this.#client.request({ method: "REPORT", url: this.#url, depth, body, signal });
    if (answer.kind === "failure") return answer;
    return readMultistatus(bodyOf(answer)) ?? webFailure("unreadable", `what ${this.#url.host} answers is not to be understood: it is malformed or cut off`);
  }

  /** Its path when it is one of this calendar's events. */
  #pathOf({ href }: DavResource): string | null {
    if (!URL.canParse(href, this.#url.href)) return null;
    const url = new URL(href, this.#url.href);
    const path = plainPath(url);
    return url.origin === this.#url.origin && path !== plainPath(this.#url) ? path : null;
  }
}

function etagOf({ properties }: DavResource): string {
  return properties.get("getetag")?.text ?? "";
}

/** The server says that there is more (RFC 6578 §3.6). */
function isTruncated({ resources }: DavMultistatus): boolean {
  return resources.some(({ status }) => status === 507);
}
