import type { PresenceDocument } from "./document.ts";
import type { MergeSettings } from "./merge-settings.ts";
import type { MergeResult } from "./merge.ts";
import { isoTime } from "./moment.ts";

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
  /** Which one of several of its source: an API name, the first entity tag of a publication, a dialog's id. */
  readonly key: string;
  /** Null for a source that does not say. */
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly note: string | null;
  readonly since: string | null;
  /** When it begins to count; null when it does already, or never had to begin. */
  readonly from: string | null;
  /** When it lapses; null when it does not by itself. */
  readonly until: string | null;
  readonly rank: number | null;
  readonly won: boolean;
  readonly reason: string;
}

/** What of the merge can be set, by the names of the configuration. */
export interface SettingsAnswer {
  readonly primary_source: string;
  readonly early: string;
  readonly basic_from: string;
}

/** The last NOTIFY to a watcher. Times in ms since 1970. */
export interface SentFact {
  readonly at: number;
  /** What it said, in a few words or whole. */
  readonly what: string;
  /** Null while no answer has come. */
  readonly answeredAt: number | null;
  /** The status of the answer; 0 when there was none in time or no way to the watcher, null while it is awaited. */
  readonly status: number | null;
}

/** Who is told about the person. */
export interface WatcherFact {
  readonly watcher: string;
  readonly event: string;
  /** ms since 1970; null when that is not known any more. */
  readonly expiresAt: number | null;
  readonly userAgent: string | null;
  /** Null when nothing was sent since the start. */
  readonly sent: SentFact | null;
}

/** A watcher as the API lists it. */
export interface WatcherAnswer {
  readonly watcher: string;
  readonly event: string;
  readonly expires_at: string | null;
  readonly user_agent: string | null;
  /** `what` the last NOTIFY said, and what was answered to it; null when none was sent since the start. */
  readonly sent: { readonly at: string | null; readonly what: string; readonly answered_at: string | null; readonly status: number | null } | null;
}

/** Why a person's state is what it is (`GET /api/presence/AOR/why`). */
export interface WhyAnswer {
  readonly aor: string;
  readonly at: string | null;
  readonly document: PresenceAnswer;
  readonly inputs: readonly InputAnswer[];
  readonly watchers: readonly WatcherAnswer[];
  readonly settings: SettingsAnswer;
  /** When the state may change by itself, something beginning or lapsing; null when nothing does. */
  readonly next_change_at: string | null;
}

/** Beside the merge itself, what its explanation says. Times in ms since 1970. */
export interface Circumstances {
  readonly at: number;
  readonly settings: MergeSettings;
  readonly watchers: readonly WatcherFact[];
  readonly nextChangeAt: number | null;
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

/** The settings as answers name them. */
export function settingsAnswer({ primarySource, early, basicFrom }: MergeSettings): SettingsAnswer {
  return { primary_source: primarySource, early, basic_from: basicFrom };
}

/** The answer to `GET /api/presence/AOR/why`: the merge, input by input, and who was told what. */
export function explain(result: MergeResult, { at, settings, watchers, nextChangeAt }: Circumstances): WhyAnswer {
  return {
    aor: result.document.aor,
    at: isoTime(at),
    document: presenceAnswer(result.document),
    inputs: result.inputs.map(({ report, rank, won, reason }) => ({
      source: report.source,
      kind: report.kind,
      key: report.key,
      basic: report.basic ?? null,
      activities: report.activities.map((activity) => activity.name),
      note: report.note ?? null,
      since: isoTime(report.publishedAt),
      from: report.from === undefined ? null : isoTime(report.from),
      until: report.until === undefined ? null : isoTime(report.until),
      rank,
      won,
      reason,
    })),
    watchers: watchers.map(watcherAnswer),
    settings: settingsAnswer(settings),
    next_change_at: nextChangeAt === null ? null : isoTime(nextChangeAt),
  };
}

function watcherAnswer({ watcher, event, expiresAt, userAgent, sent }: WatcherFact): WatcherAnswer {
  return {
    watcher,
    event,
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
    user_agent: userAgent,
    sent: sent === null ? null : { at: isoTime(sent.at), what: sent.what, answered_at: sent.answeredAt === null ? null : isoTime(sent.answeredAt), status: sent.status },
  };
}
