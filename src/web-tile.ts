import type { Aor } from "./base/ids.ts";
import type { PresenceDocument } from "./presence/document.ts";
import { merge, nextChange } from "./presence/merge.ts";
import { isoTime } from "./presence/moment.ts";
import type { PresenceService } from "./presence/presence-service.ts";
import type { SourceReport } from "./presence/report.ts";
import { presenceAnswer, type PresenceAnswer } from "./presence/why.ts";

/** A person's state as the pages show it: beside what it is, what it will be next, and which source says nothing although it should. */
export interface TileAnswer extends PresenceAnswer {
  /** The next state that a calendar or a choice with an end will bring; null when nothing is known to come. */
  readonly next: { readonly at: string | null; readonly basic: string; readonly activities: readonly string[]; readonly note: string } | null;
  readonly silent: readonly { readonly source: string; readonly reason: string }[];
}

/** What is to come of a person's state. */
export interface Forecast {
  readonly at: number;
  readonly document: PresenceDocument;
}

/** Boundaries that are looked at until one brings a change: back-to-back meetings are no change. */
const BOUNDARIES_MAX = 12;

/** What a tile says of a person at `now`, ms since 1970. */
export function tileAnswer(presence: Pick<PresenceService, "status" | "reportsOf" | "settings">, aor: Aor, now: number): TileAnswer {
  const document = presence.status(aor);
  const reports = presence.reportsOf(aor);
  const [next] = forecasts(presence, document, reports, now, Infinity, 1);
  return {
    ...presenceAnswer(document),
    next: next === undefined ? null : { at: isoTime(next.at), basic: next.document.basic, activities: next.document.activities.map(({ name }) => name), note: next.document.note },
    silent: reports.flatMap(({ source, silence }) => (silence === undefined ? [] : [{ source, reason: silence }])),
  };
}

/** What a tile says to someone who is to see a person as offline: the same at all times. */
export function offlineTile(aor: Aor): TileAnswer {
  return { aor, basic: "closed", activities: [], note: "Offline", since: null, source: "registration", next: null, silent: [] };
}

/** The states that follow `document` until `until`, as far as calendars, choices and API states tell; at most `max`. That a publication must be refreshed is no change to come. */
export function forecasts(presence: Pick<PresenceService, "settings">, document: PresenceDocument, reports: readonly SourceReport[], now: number, until: number, max: number): readonly Forecast[] {
  const said = reports.map((report) => (isPlanned(report) || report.until === undefined || report.until <= now ? report : withoutEnd(report)));
  const found: Forecast[] = [];
  let before = document;
  let at: number | null = now;
  for (let looked = 0; looked < BOUNDARIES_MAX * max && found.length < max; looked++) {
    at = nextChange(said, at);
    if (at === null || at > until) break;
    const next = merge(document.aor, said, at, presence.settings).document;
    if (saysTheSame(before, next)) continue;
    found.push({ at, document: next });
    before = next;
  }
  return found;
}

/** Whether two states look the same on a page. */
export function saysTheSame(a: PresenceDocument, b: PresenceDocument): boolean {
  return a.basic === b.basic && a.note === b.note && a.activities.length === b.activities.length && a.activities.every(({ name }, index) => name === b.activities[index]?.name);
}

function isPlanned({ source }: SourceReport): boolean {
  return source === "calendar" || source === "override" || source === "api";
}

function withoutEnd(report: SourceReport): SourceReport {
  const { until: _until, ...rest } = report;
  return rest;
}
