import type { Aor } from "../base/ids.ts";
import { unreachable } from "../base/errors.ts";
import type { Activity } from "../documents/rpid.ts";
import { reachability } from "./basic.ts";
import type { PresenceDocument } from "./document.ts";
import type { MergeSettings } from "./merge-settings.ts";
import { settled } from "./override-end.ts";
import { alsoDecides, BEATEN_BY, whyItLostTheTie, whyItTookNoPart, whyItWon } from "./reasons.ts";
import { isLive, type SourceReport } from "./report.ts";
import { defaultNote } from "./vocabulary.ts";

/** A report as the merge judged it. */
export interface RankedInput {
  readonly report: SourceReport;
  /** 1 (a call) to 7 (nothing is known); null for a report that took no part. */
  readonly rank: number | null;
  /** True for exactly one input of a result. */
  readonly won: boolean;
  /** Why, in plain English; never empty. */
  readonly reason: string;
}

/** The one state of a person and how it came about. */
export interface MergeResult {
  readonly document: PresenceDocument;
  /** Best first; the reports that took no part come last. */
  readonly inputs: readonly RankedInput[];
}

/** Makes one state of all reports about a person. The same reports give the same result in whatever order they are handed in: the lowest rank
 *  wins, then the newest, then the greater source name, then the lesser key. Losers add nothing but reachability. `at` is in ms since 1970;
 *  reports that lapsed by then are explained, not counted. Reports have distinct (source, key). */
export function merge(presentity: Aor, reports: readonly SourceReport[], at: number, settings: MergeSettings): MergeResult {
  const counted: SourceReport[] = [];
  const idle: SourceReport[] = [];
  for (const report of settled(reports)) (isLive(report, at) && !isIgnored(report, settings) ? counted : idle).push(report);
  counted.sort((a, b) => byRank(a, b, settings));
  const winner = counted[0] ?? nothing(presentity, idle, at);
  const ruling = reachability(counted);
  const basic = settings.basicFrom === "winner" ? (winner.basic ?? (winner.source === "dialog" ? "open" : ruling.basic)) : ruling.basic;
  const said = statementOf(winner, settings);
  const document: PresenceDocument = {
    aor: presentity,
    basic,
    activities: said.activities,
    note: said.note ?? defaultNote(said.activities, basic),
    since: winner.publishedAt,
    source: winner.source,
    kind: winner.kind,
    ...(winner.im === undefined ? {} : { im: winner.im }),
    ...(winner.cipid === undefined ? {} : { cipid: winner.cipid }),
  };
  const decider = settings.basicFrom === "reachability" ? ruling.decidedBy : null;
  const winningRank = counted.length === 0 ? RANK_NOTHING : rankOf(winner, settings);
  const inputs: RankedInput[] = [{ report: winner, rank: winningRank, won: true, reason: whyItWon(winner, winningRank, settings) + alsoDecides(winner, decider) }];
  for (let index = 1; index < counted.length; index++) {
    const report = counted[index];
    if (report === undefined) break;
    const rank = rankOf(report, settings);
    const reason = rank === winningRank ? whyItLostTheTie(report, winner, precedence(report) !== precedence(winner)) : BEATEN_BY[winner.source];
    inputs.push({ report, rank, won: false, reason: reason + alsoDecides(report, decider) });
  }
  idle.sort((a, b) => byRank(a, b, settings));
  for (const report of idle) inputs.push({ report, rank: null, won: false, reason: whyItTookNoPart(report, at) });
  return { document, inputs };
}

/** The next moment after `at` (ms since 1970) when a report begins or lapses and the merge may come out differently; null when none does. */
export function nextChange(reports: readonly SourceReport[], at: number): number | null {
  let next: number | null = null;
  for (const { from, until } of settled(reports)) {
    if (until !== undefined && until > at && (next === null || until < next)) next = until;
    if (from !== undefined && from > at && (next === null || from < next)) next = from;
  }
  return next;
}

const RANK_NOTHING = 7;

function rankOf(report: SourceReport, settings: MergeSettings): number {
  if (report.source === settings.primarySource) return 4;
  switch (report.source) {
    case "dialog":
      return 1;
    case "override":
      return 2;
    case "do-not-disturb":
      return 3;
    case "calendar":
    case "publish":
    case "api":
      return 5;
    case "registration":
      return 6;
    default:
      return unreachable(report.source, "rankOf");
  }
}

/** Order within a rank that comes before age: of several calls the one that is talked on, then the held one, then the ringing one; of several
 *  bindings one that is there. */
function precedence(report: SourceReport): number {
  if (report.source === "dialog") return report.kind === "early" ? 2 : report.onHold === true ? 1 : 0;
  return report.source === "registration" && report.basic !== "open" ? 1 : 0;
}

function byRank(a: SourceReport, b: SourceReport, settings: MergeSettings): number {
  const first = rankOf(a, settings) - rankOf(b, settings) || precedence(a) - precedence(b) || b.publishedAt - a.publishedAt;
  if (first !== 0) return first;
  if (a.source !== b.source) return a.source > b.source ? -1 : 1;
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1;
}

function isIgnored(report: SourceReport, settings: MergeSettings): boolean {
  return report.source === "dialog" && report.kind === "early" && settings.early === "ignore";
}

interface Statement {
  readonly activities: readonly Activity[];
  readonly note: string | undefined;
}

const ON_THE_PHONE: readonly Activity[] = [{ name: "on-the-phone" }];
const BUSY: readonly Activity[] = [{ name: "busy" }];
const RINGS_AS_BUSY: Statement = { activities: BUSY, note: "Busy" };

function statementOf(report: SourceReport, settings: MergeSettings): Statement {
  switch (report.source) {
    case "dialog":
      if (report.kind !== "early") return { activities: ON_THE_PHONE, note: report.note ?? (report.onHold === true ? "On hold" : "On the phone") };
      return settings.early === "busy" ? RINGS_AS_BUSY : { activities: ON_THE_PHONE, note: report.note ?? "Ringing" };
    case "do-not-disturb":
      return { activities: report.activities.length === 0 ? BUSY : report.activities, note: report.note ?? "Do not disturb" };
    case "override":
    case "calendar":
    case "publish":
    case "api":
    case "registration":
      return { activities: report.activities, note: report.note };
    default:
      return unreachable(report.source, "statementOf");
  }
}

/** The report that stands for silence: offline since the last report lapsed, or since nobody knows when (0). */
function nothing(presentity: Aor, idle: readonly SourceReport[], at: number): SourceReport {
  let since = 0;
  for (const { until } of idle) if (until !== undefined && until <= at && until > since) since = until;
  return { source: "registration", presentity, key: "", kind: "registration", basic: "closed", activities: [], publishedAt: since };
}
