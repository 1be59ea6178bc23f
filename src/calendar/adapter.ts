import type { Clock } from "../base/clock.ts";
import type { CalendarConfig } from "../config/calendars-schema.ts";
import type { CalendarEntry } from "./entry.ts";

/** What an adapter is made of. */
export interface AdapterSettings {
  readonly calendar: CalendarConfig;
  /** IANA or Windows name of the zone of the people whom it reads: whole days and floating times are theirs. People of several zones have an adapter each. */
  readonly zone: string;
  readonly clock: Clock;
}

/** A stretch of time, ms since 1970; `from` < `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Why a mailbox could not be read, in the words that `lamplight calendar test` shows. */
export type FailureKind = "name" | "connection" | "certificate" | "credentials" | "permission" | "not-found" | "throttled" | "timeout" | "too-large" | "unreadable";

/** What reading one mailbox came to. */
export type Reading =
  | { readonly kind: "entries"; readonly entries: readonly CalendarEntry[] }
  /** `text`: one plain English sentence without any credential, subject, place or guest; `retryAfterMs`: what the server asked for. */
  | { readonly kind: "failure"; readonly failure: FailureKind; readonly text: string; readonly retryAfterMs?: number };

/** How the listening for changes goes. Polls depend on none of it. */
export type WatchState =
  | { readonly kind: "watching" }
  /** Not of all mailboxes (`partly`), or of none for now (`failed`). */
  | { readonly kind: "partly" | "failed"; readonly failure: FailureKind; readonly text: string };

/** One configured calendar server. It keeps what it needs between polls (ETags, sync tokens) to itself. */
export interface CalendarAdapter {
  /** How many mailboxes one `read` may carry: 1 where each is a request of its own. */
  readonly batchSize: number;
  /** What each mailbox holds in that span, by mailbox; a mailbox that failed hurts no other, and one that is missing from the answer counts as failed. Never throws. */
  read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>>;
  /** Where the server tells of changes: calls `onChange` as a hint to poll sooner, of one of the mailboxes or of all. `onState`, where the adapter knows how that goes. Absent where it cannot. */
  watch?(onChange: (mailbox?: string) => void, mailboxes: readonly string[], onState: (state: WatchState) => void): void;
  close(): Promise<void>;
}
