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

/** A line as it is kept. The AoR comes first and in JSON's own quotes, so that a person's lines are found without reading all others. Written by hand: there are many. */
export function stateText({ aor, at, isCarried, document, reports }: StateLine): string {
  const { basic, activities, note, since, source, kind } = document;
  let text = `{"s":${JSON.stringify(aor)},"t":${at}${isCarried ? ',"c":1' : ""},"d":["${basic}",${JSON.stringify(activities)},${JSON.stringify(note)},${since},"${source}","${kind}"],"r":[`;
  for (let index = 0; index < reports.length; index++) {
    const report = reports[index];
    if (report !== undefined) text += (index === 0 ? "" : ",") + shortReport(report);
  }
  return `${text}]}\n`;
}

/** The line of NOTIFYs; a watcher is `[who, ms after the line's time, ms until the answer, status]`. */
export function toldText({ aor, event, what, to }: ToldLine): string {
  const at = to[0]?.sentAt ?? 0;
  let text = `{"w":${JSON.stringify(aor)},"e":${JSON.stringify(event)},"x":${JSON.stringify(what)},"t":${at},"to":[`;
  let comma = "";
  for (const { watcher, sentAt, answeredAt, status } of to) {
    text += `${comma}[${JSON.stringify(watcher)},${sentAt - at}${answeredAt === null ? "" : `,${answeredAt - sentAt},${status ?? 0}`}]`;
    comma = ",";
  }
  return `${text}]}\n`;
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

function shortReport({ source, key, kind, basic, activities, note, publishedAt, from, until, untilBoundary, silence, onHold }: SourceReport): string {
  let text = `{"o":"${source}","k":${JSON.stringify(key)},"i":"${kind}","p":${publishedAt}`;
  if (basic !== undefined) text += `,"b":"${basic}"`;
  if (activities.length > 0) text += `,"a":${JSON.stringify(activities)}`;
  if (note !== undefined) text += `,"n":${JSON.stringify(note)}`;
  if (from !== undefined) text += `,"f":${from}`;
  // JSON has no endless time.
  if (until !== undefined && Number.isFinite(until)) text += `,"u":${until}`;
  if (untilBoundary === true) text += ',"ub":1';
  if (silence !== undefined) text += `,"z":${JSON.stringify(silence)}`;
  if (onHold === true) text += ',"h":1';
  return `${text}}`;
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

function readTold({ w, e, x, t, to }: Readonly<Record<string, unknown>>): ToldLine | null {
  const aor = typeof w === "string" ? parseAor(w) : null;
  if (aor === null || typeof e !== "string" || typeof x !== "string" || typeof t !== "number" || !Array.isArray(to)) return null;
  const watchers = to.flatMap((each: unknown): ToldWatcher[] => {
    const [watcher, afterMs, tookMs, status] = listOf(each);
    if (typeof watcher !== "string" || typeof afterMs !== "number") return [];
    const sentAt = t + afterMs;
    return [{ watcher, sentAt, answeredAt: typeof tookMs === "number" ? sentAt + tookMs : null, status: typeof status === "number" ? status : null }];
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
