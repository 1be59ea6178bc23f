import type { Aor } from "../base/ids.ts";
import { unreachable } from "../base/errors.ts";
import { formatTimestamp } from "../documents/timestamp.ts";
import type { Activity } from "../documents/rpid.ts";
import { reachability } from "./basic.ts";
import type { PresenceDocument } from "./document.ts";
import { isLive, type SourceName, type SourceReport } from "./report.ts";
import { defaultNote } from "./vocabulary.ts";

/** What an operator may choose about the merge (`presence` in the configuration). */
export interface MergeSettings {
  /** The source that wins over everything but a call, a person's own choice and do-not-disturb. */
  readonly primarySource: "calendar" | "api" | "publish" | "none";
  /** What a ringing call makes of a person. */
  readonly early: "ringing" | "busy" | "ignore";
  /** Where `basic` comes from: see `reachability`, or the winner's own. */
  readonly basicFrom: "reachability" | "winner";
}

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
  for (const report of reports) (isLive(report, at) && !isIgnored(report, settings) ? counted : idle).push(report);
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
  };
  const decider = settings.basicFrom === "reachability" ? ruling.decidedBy : null;
  const winningRank = counted.length === 0 ? RANK_NOTHING : rankOf(winner, settings);
  const inputs: RankedInput[] = [{ report: winner, rank: winningRank, won: true, reason: whyItWon(winner, winningRank, settings) + alsoDecides(winner, decider) }];
  for (let index = 1; index < counted.length; index++) {
    const report = counted[index];
    if (report === undefined) break;
    const rank = rankOf(report, settings);
    const reason = rank === winningRank ? whyItLostTheTie(report, winner) : BEATEN_BY[winner.source];
    inputs.push({ report, rank, won: false, reason: reason + alsoDecides(report, decider) });
  }
  idle.sort((a, b) => byRank(a, b, settings));
  for (const report of idle) inputs.push({ report, rank: null, won: false, reason: whyItTookNoPart(report, at) });
  return { document, inputs };
}

/** The next moment after `at` (ms since 1970) when a report lapses and the merge may come out differently; null when none does. */
export function nextChange(reports: readonly SourceReport[], at: number): number | null {
  let next: number | null = null;
  for (const { until } of reports) if (until !== undefined && until > at && (next === null || until < next)) next = until;
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

const NAMES: Readonly<Record<SourceName, string>> = {
  dialog: "the call",
  override: "the person's own choice",
  "do-not-disturb": "do-not-disturb",
  calendar: "the calendar",
  publish: "the publication",
  api: "the API state",
  registration: "the registration",
};

const BEATEN_BY: Readonly<Record<SourceName, string>> = {
  dialog: "Beaten by the call: a call beats every other source.",
  override: "Beaten by the person's own choice.",
  "do-not-disturb": "Beaten by do-not-disturb.",
  calendar: "Beaten by the calendar.",
  publish: "Beaten by the publication.",
  api: "Beaten by the API state.",
  registration: "Beaten by the registration.",
};

function whyItWon(winner: SourceReport, rank: number, settings: MergeSettings): string {
  switch (rank) {
    case 1:
      if (winner.kind !== "early") return "A call in progress beats every other source.";
      return settings.early === "busy" ? "A ringing call beats every other source; early: busy shows it as busy." : "A ringing call beats every other source.";
    case 2:
      return "The person's own choice beats everything but a call.";
    case 3:
      return "Do-not-disturb is on, and there is neither a call nor a choice of the person's own.";
    case 4:
      return `primary_source is ${settings.primarySource}: it beats all that was published and registered.`;
    case 5:
      return winner.source === "calendar" ? "The newest statement of its rank; no primary source speaks." : "The newest publication or API state; no primary source speaks.";
    case 6:
      return winner.basic === "open" ? "A phone is registered, and no other source speaks." : "No phone is registered, and no other source speaks.";
    default:
      return "No source says anything about this person: offline.";
  }
}

function whyItLostTheTie(report: SourceReport, winner: SourceReport): string {
  const by = NAMES[winner.source];
  if (precedence(report) !== precedence(winner)) {
    return report.source === "dialog" ? "Another call tells more: talking comes before held, held before ringing." : "Another phone is registered.";
  }
  if (report.publishedAt !== winner.publishedAt) return `Older than ${by} that won: of one rank the newest wins.`;
  return `As new as ${by} that won: the source's name, then the key decides.`;
}

function whyItTookNoPart(report: SourceReport, at: number): string {
  if (report.until !== undefined && report.until <= at) return `Lapsed at ${formatTimestamp(report.until)}: it no longer counts.`;
  return "early: ignore leaves ringing calls out.";
}

function alsoDecides(report: SourceReport, decider: SourceReport | null): string {
  if (report !== decider) return "";
  if (report.source === "dialog") return " Being in a call, the person can be reached: basic open.";
  if (report.source === "registration") return report.basic === "open" ? " A registered phone can be reached: basic open." : " No registered phone: basic closed.";
  return ` It decides that basic is ${report.basic ?? "closed"}.`;
}
