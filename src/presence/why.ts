import type { PresenceDocument } from "./document.ts";
import type { MergeResult } from "./merge.ts";

/** A person's state as the API answers it. Times are ISO 8601 in UTC; activities are RPID names. */
export interface PresenceAnswer {
  readonly aor: string;
  readonly basic: string;
  readonly activities: readonly string[];
  readonly note: string;
  /** Null when nobody knows since when. */
  readonly since: string | null;
  readonly source: string;
}

/** One source's statement as the API explains it. */
export interface InputAnswer {
  readonly source: string;
  readonly kind: string;
  /** Null for a source that does not say. */
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly note: string | null;
  readonly since: string | null;
  /** When it lapses; null when it does not by itself. */
  readonly until: string | null;
  readonly rank: number | null;
  readonly won: boolean;
  readonly reason: string;
}

/** Who is told about the person. */
export interface WatcherFact {
  readonly watcher: string;
  readonly event: string;
  /** ms since 1970. */
  readonly expiresAt: number;
  readonly userAgent: string | null;
}

/** A watcher as the API lists it. */
export interface WatcherAnswer {
  readonly watcher: string;
  readonly event: string;
  readonly expires_at: string | null;
  readonly user_agent: string | null;
}

/** Why a person's state is what it is (`GET /api/presence/AOR/why`). */
export interface WhyAnswer {
  readonly aor: string;
  readonly document: PresenceAnswer;
  readonly inputs: readonly InputAnswer[];
  readonly watchers: readonly WatcherAnswer[];
}

/** The answer to `GET /api/presence/AOR`. */
export function presenceAnswer(document: PresenceDocument): PresenceAnswer {
  return {
    aor: document.aor,
    basic: document.basic,
    activities: document.activities.map((activity) => activity.name),
    note: document.note,
    since: isoTime(document.since),
    source: document.source,
  };
}

/** The answer to `GET /api/presence/AOR/why`: the merge, input by input, and who was told. */
export function explain(result: MergeResult, watchers: readonly WatcherFact[]): WhyAnswer {
  return {
    aor: result.document.aor,
    document: presenceAnswer(result.document),
    inputs: result.inputs.map(({ report, rank, won, reason }) => ({
      source: report.source,
      kind: report.kind,
      basic: report.basic ?? null,
      activities: report.activities.map((activity) => activity.name),
      note: report.note ?? null,
      since: isoTime(report.publishedAt),
      until: report.until === undefined ? null : isoTime(report.until),
      rank,
      won,
      reason,
    })),
    watchers: watchers.map((fact) => ({ watcher: fact.watcher, event: fact.event, expires_at: isoTime(fact.expiresAt), user_agent: fact.userAgent })),
  };
}

/** Null for 0 (unknown) and for what no calendar holds. */
function isoTime(ms: number): string | null {
  return ms > 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : null;
}
