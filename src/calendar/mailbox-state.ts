import type { FailureKind, Reading } from "./adapter.ts";
import type { CalendarEntry } from "./entry.ts";

/** What is known of one mailbox of one calendar. */
export interface MailboxState {
  /** What it said last; none before the first answer. */
  readonly entries: readonly CalendarEntry[];
  /** ms since 1970; 0 when it was never read. */
  readonly readAt: number;
  /** Polls that failed since it was read last. */
  readonly failures: number;
  readonly failure: FailureKind | null;
  /** Why it says nothing, in plain English; null while it speaks. */
  readonly silence: string | null;
  /** Since when it is silent, ms since 1970; 0 while it speaks. */
  readonly silentSince: number;
}

/** Of this many polls in a row none may fail for a calendar to go on speaking. */
const FAILURES_MAX = 3;
/** A statement lapses when it was not confirmed for this many polls, whatever became of them, at least for the second. */
const VALID_POLLS = 5;
const VALID_LEAST_MS = 600_000;

/** A mailbox that was not read yet. */
export const UNREAD: MailboxState = { entries: [], readAt: 0, failures: 0, failure: null, silence: null, silentSince: 0 };

/** The state after a poll at `at` (ms since 1970): the third failure in a row takes back what was said, and one that was never read says so at once.
 *  `name` is the calendar's. */
export function afterPoll(before: MailboxState, reading: Reading, at: number, name: string): MailboxState {
  if (reading.kind === "entries") return { entries: reading.entries, readAt: at, failures: 0, failure: null, silence: null, silentSince: 0 };
  const failures = before.failures + 1;
  const isSilent = failures >= FAILURES_MAX || before.readAt === 0 || before.silence !== null;
  const polls = failures === 1 ? "the last poll" : `the last ${String(failures)} polls`;
  return {
    entries: isSilent ? [] : before.entries,
    readAt: before.readAt,
    failures,
    failure: reading.failure,
    silence: isSilent ? `${polls} of the calendar "${name}" failed (${reading.text})` : null,
    silentSince: isSilent ? before.silentSince || at : 0,
  };
}

/** The state at a later moment: what nobody has confirmed for long lapses. The same object when nothing changed. */
export function atMoment(before: MailboxState, at: number, pollMs: number, name: string): MailboxState {
  if (before.silence !== null || before.readAt === 0 || at - before.readAt <= Math.max(VALID_LEAST_MS, VALID_POLLS * pollMs)) return before;
  return { ...before, entries: [], silence: `the calendar "${name}" was not read for ${String(Math.round((at - before.readAt) / 60_000))} minutes`, silentSince: at };
}
