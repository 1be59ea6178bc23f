import type { Aor } from "../base/ids.ts";
import type { Basic, ParsedPresence } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";

/** Who says something about a person. */
export type SourceName = "dialog" | "override" | "do-not-disturb" | "calendar" | "publish" | "api" | "registration";

/** What kind of statement it is: the stage of a call, else the source's own word. */
export type ReportKind = "early" | "confirmed" | Exclude<SourceName, "dialog">;

/** What one source believes about one person now. It replaces the last report with the same source, presentity and key, and lapses by itself. */
export interface SourceReport {
  readonly source: SourceName;
  readonly presentity: Aor;
  /** ETag lineage, dialog id, calendar id, binding or API name. */
  readonly key: string;
  readonly kind: ReportKind;
  /** Left out by a source that does not know whether the person can be reached. */
  readonly basic?: Basic;
  readonly activities: readonly Activity[];
  /** Unicode, in the source's words; shown unchanged when the source wins. */
  readonly note?: string;
  /** When it came to believe this, ms since 1970; a refresh is not news and does not change it. */
  readonly publishedAt: number;
  /** When it begins to count, ms since 1970; left out by a source that reports what is so now. A calendar hands in its day ahead. */
  readonly from?: number;
  /** When it lapses, ms since 1970; left out by a source that withdraws its reports itself. */
  readonly until?: number;
  /** A choice that gives way when a calendar entry begins or ends after it was made (`overrideEnd`). */
  readonly untilBoundary?: boolean;
  /** Why the source says nothing although it should, in plain English: `the last 3 polls failed`. Such a report takes no part; it is there to be explained. */
  readonly silence?: string;
  /** A call that the person has put on hold. */
  readonly onHold?: boolean;
  /** A status in the old `im:` vocabulary, kept as it came while `im_to_rpid` is off. */
  readonly im?: string;
  /** Contact information of RFC 4482 by element name, as a publication gave it. */
  readonly cipid?: ReadonlyMap<string, string>;
  /** The tuples and persons of a publication as they were written, for the classic aggregate (`merge: false`). */
  readonly written?: ParsedPresence;
}

/** Whether a report still counts at that moment. */
export function isLive({ from, until, silence }: SourceReport, at: number): boolean {
  return (until === undefined || until > at) && (from === undefined || from <= at) && silence === undefined;
}
