import { parseAor, type Aor } from "../base/ids.ts";
import type { Basic } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";
import type { MergeSettings } from "./merge-settings.ts";
import type { ReportKind, SourceName, SourceReport } from "./report.ts";
import { readActivity } from "./stored-statement.ts";
import type { PresenceDocument } from "./document.ts";

/** A person's state and all that was said of him at one moment. */
export interface StateLine {
  readonly kind: "state";
  readonly aor: Aor;
  readonly at: number;
  /** It was so before, and since before the record began. */
  readonly isCarried: boolean;
  readonly document: PresenceDocument;
  readonly reports: readonly SourceReport[];
}

/** NOTIFYs of one event about one person that said the same. */
export interface ToldLine {
  readonly kind: "told";
  readonly aor: Aor;
  readonly event: string;
  readonly what: string;
  readonly to: readonly ToldWatcher[];
}

/** One NOTIFY; times in ms since 1970, null while no answer has come. */
export interface ToldWatcher {
  readonly watcher: string;
  readonly sentAt: number;
  readonly answeredAt: number | null;
  readonly status: number | null;
}

/** What the first line of a segment says. */
export interface HeadLine {
  readonly kind: "head";
  readonly settings: MergeSettings;
}

/** A line as it is kept. The AoR comes first and in JSON's own quotes, so that a person's lines are found without reading all others. */
export function stateText({ aor, at, isCarried, document, reports }: StateLine): string {
  const { basic, activities, note, since, source, kind } = document;
  return `${JSON.stringify({ s: aor, t: at, ...(isCarried ? { c: 1 } : {}), d: [basic, activities, note, since, source, kind], r: reports.map(shortReport) })}\n`;
}

/** The line of NOTIFYs. */
export function toldText({ aor, event, what, to }: ToldLine): string {
  return `${JSON.stringify({ w: aor, e: event, x: what, to: to.map(({ watcher, sentAt, answeredAt, status }) => [watcher, sentAt, answeredAt, status]) })}\n`;
}

/** The first line of a segment. */
export function headText(settings: MergeSettings, at: number): string {
  return `${JSON.stringify({ head: 1, t: at, settings: [settings.primarySource, settings.early, settings.basicFrom] })}\n`;
}

/** Reads one line; null for what is torn or not ours. */
export function readLine(text: string): StateLine | ToldLine | HeadLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const fields: Record<string, unknown> = { ...value };
  if (fields.head === 1) return readHead(fields.settings);
  return typeof fields.s === "string" ? readState(fields) : readTold(fields);
}

const SOURCES: readonly SourceName[] = ["dialog", "override", "do-not-disturb", "calendar", "publish", "api", "registration"];
const KINDS: readonly ReportKind[] = ["early", "confirmed", "override", "do-not-disturb", "calendar", "publish", "api", "registration"];

function shortReport({ source, key, kind, basic, activities, note, publishedAt, from, until, untilBoundary, silence, onHold }: SourceReport): unknown {
  return {
    o: source,
    k: key,
    i: kind,
    b: basic,
    a: activities.length === 0 ? undefined : activities,
    n: note,
    p: publishedAt,
    f: from,
    // JSON has no endless time.
    u: until === undefined || !Number.isFinite(until) ? undefined : until,
    ub: untilBoundary === true ? 1 : undefined,
    z: silence,
    h: onHold === true ? 1 : undefined,
  };
}

function readState(fields: Readonly<Record<string, unknown>>): StateLine | null {
  const aor = typeof fields.s === "string" ? parseAor(fields.s) : null;
  const { t: at, d, r } = fields;
  if (aor === null || typeof at !== "number" || !Array.isArray(d) || !Array.isArray(r)) return null;
  const [basic, activities, note, since, source, kind] = listOf(d);
  const [readBasic, readSource, readKind] = [basicOf(basic), SOURCES.find((each) => each === source), KINDS.find((each) => each === kind)];
  if (readBasic === undefined || typeof note !== "string" || typeof since !== "number" || readSource === undefined || readKind === undefined) return null;
  return {
    kind: "state",
    aor,
    at,
    isCarried: fields.c === 1,
    document: { aor, basic: readBasic, activities: activitiesOf(activities), note, since, source: readSource, kind: readKind },
    reports: r.flatMap((each: unknown) => readReport(each, aor) ?? []),
  };
}

function readReport(value: unknown, presentity: Aor): SourceReport | null {
  if (typeof value !== "object" || value === null) return null;
  const { o, k, i, b, a, n, p, f, u, ub, z, h }: Record<string, unknown> = { ...value };
  const [source, kind, basic] = [SOURCES.find((each) => each === o), KINDS.find((each) => each === i), basicOf(b)];
  if (source === undefined || kind === undefined || typeof k !== "string" || typeof p !== "number") return null;
  return {
    source,
    presentity,
    key: k,
    kind,
    ...(basic === undefined ? {} : { basic }),
    activities: activitiesOf(a),
    ...(typeof n === "string" ? { note: n } : {}),
    publishedAt: p,
    ...(typeof f === "number" ? { from: f } : {}),
    ...(typeof u === "number" ? { until: u } : {}),
    ...(ub === 1 ? { untilBoundary: true } : {}),
    ...(typeof z === "string" ? { silence: z } : {}),
    ...(h === 1 ? { onHold: true } : {}),
  };
}

function readTold({ w, e, x, to }: Readonly<Record<string, unknown>>): ToldLine | null {
  const aor = typeof w === "string" ? parseAor(w) : null;
  if (aor === null || typeof e !== "string" || typeof x !== "string" || !Array.isArray(to)) return null;
  const watchers = to.flatMap((each: unknown): ToldWatcher[] => {
    const [watcher, sentAt, answeredAt, status] = listOf(each);
    if (typeof watcher !== "string" || typeof sentAt !== "number") return [];
    return [{ watcher, sentAt, answeredAt: typeof answeredAt === "number" ? answeredAt : null, status: typeof status === "number" ? status : null }];
  });
  return { kind: "told", aor, event: e, what: x, to: watchers };
}

function readHead(value: unknown): HeadLine | null {
  const [primary, early, basicFrom] = listOf(value);
  const [readPrimary, readEarly, readFrom] = [
    (["calendar", "api", "publish", "none"] as const).find((each) => each === primary),
    (["ringing", "busy", "ignore"] as const).find((each) => each === early),
    (["reachability", "winner"] as const).find((each) => each === basicFrom),
  ];
  if (readPrimary === undefined || readEarly === undefined || readFrom === undefined) return null;
  return { kind: "head", settings: { primarySource: readPrimary, early: readEarly, basicFrom: readFrom } };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function basicOf(value: unknown): Basic | undefined {
  return value === "open" || value === "closed" ? value : undefined;
}

function activitiesOf(value: unknown): readonly Activity[] {
  return Array.isArray(value) ? value.flatMap((each: unknown) => readActivity(each) ?? []) : [];
}
