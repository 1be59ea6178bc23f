import { formatTimestamp } from "../documents/timestamp.ts";
import type { MergeSettings } from "./merge-settings.ts";
import type { SourceName, SourceReport } from "./report.ts";

const NAMES: Readonly<Record<SourceName, string>> = {
  dialog: "the call",
  override: "the person's own choice",
  "do-not-disturb": "do-not-disturb",
  calendar: "the calendar",
  publish: "the publication",
  api: "the API state",
  registration: "the registration",
};

/** Why a report of a lesser rank lost, by the source that won. */
export const BEATEN_BY: Readonly<Record<SourceName, string>> = {
  dialog: "Beaten by the call: a call beats every other source.",
  override: "Beaten by the person's own choice.",
  "do-not-disturb": "Beaten by do-not-disturb.",
  calendar: "Beaten by the calendar.",
  publish: "Beaten by the publication.",
  api: "Beaten by the API state.",
  registration: "Beaten by the registration.",
};

/** Why the winner won; `rank` is its own. */
export function whyItWon(winner: SourceReport, rank: number, settings: MergeSettings): string {
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

/** Why a report lost to another of its own rank. `tellsLess`: it was not age that decided. */
export function whyItLostTheTie(report: SourceReport, winner: SourceReport, tellsLess: boolean): string {
  const by = NAMES[winner.source];
  if (tellsLess) {
    return report.source === "dialog" ? "Another call tells more: talking comes before held, held before ringing." : "Another phone is registered.";
  }
  if (report.publishedAt !== winner.publishedAt) return `Older than ${by} that won: of one rank the newest wins.`;
  return `As new as ${by} that won: the source's name, then the key decides.`;
}

/** Why a report was not counted at all. */
export function whyItTookNoPart(report: SourceReport, at: number): string {
  if (report.silence !== undefined) return `Silent: ${report.silence}. What it said before no longer counts.`;
  if (report.from !== undefined && report.from > at) return `Begins at ${formatTimestamp(report.from)}: it does not count yet.`;
  if (report.untilBoundary === true && report.until !== undefined && report.until <= at) {
    return `Gave way at ${formatTimestamp(report.until)}: a choice holds until its own end or the calendar's next boundary.`;
  }
  if (report.until !== undefined && report.until <= at) return `Lapsed at ${formatTimestamp(report.until)}: it no longer counts.`;
  return "early: ignore leaves ringing calls out.";
}

/** What a report adds, if it is the one that decides `basic`. */
export function alsoDecides(report: SourceReport, decider: SourceReport | null): string {
  if (report !== decider) return "";
  if (report.source === "dialog") return " Being in a call, the person can be reached: basic open.";
  if (report.source === "registration") return report.basic === "open" ? " A registered phone can be reached: basic open." : " No registered phone: basic closed.";
  return ` It decides that basic is ${report.basic ?? "closed"}.`;
}
