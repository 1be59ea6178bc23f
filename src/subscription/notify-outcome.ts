import type { AgentOutcome } from "../agent/agent.ts";
import { unreachable } from "../base/errors.ts";
import { Header } from "../sip/header-name.ts";

/** What the outcome of a NOTIFY means for its subscription. */
export type NotifyVerdict =
  | { readonly kind: "acknowledged" }
  /** The watcher knows nothing of it any more. */
  | { readonly kind: "gone" }
  /** Nobody knows whether it arrived; `retryAfterSeconds` is 0 when the watcher named none. */
  | { readonly kind: "suspect"; readonly retryAfterSeconds: number };

/** DEVIATION: RFC 6665 §4.2.2 ends a subscription when its NOTIFY times out or fails; here 481 and 404 alone end it, and what its phone's profile adds. Snom phones that answer late,
 *  and every phone that is restarted or behind a lost link, kept dark lamps until their next SUBSCRIBE. */
export function notifyVerdict(outcome: AgentOutcome, alsoGone: readonly number[] = []): NotifyVerdict {
  switch (outcome.kind) {
    case "answered":
      if (outcome.status < 300) return ACKNOWLEDGED;
      if (outcome.status === 481 || outcome.status === 404 || alsoGone.includes(outcome.status)) return GONE;
      return { kind: "suspect", retryAfterSeconds: leadingNumber(outcome.response.header(Header.retryAfter)) };
    case "timeout":
    case "unreachable":
      return SUSPECT;
    default:
      return unreachable(outcome, "notifyVerdict");
  }
}

const FIRST_RETRY_MS = 5_000;
const RETRY_MAX_MS = 300_000;
const RETRY_AFTER_MAX_MS = 3_600_000;

/** How long to wait after the `failures`th failure in a row (from 1): 5 s, doubling up to one try in five minutes; never sooner than the watcher
 *  asked for, up to an hour. */
export function retryDelayMs(failures: number, retryAfterSeconds: number): number {
  const backoff = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10), RETRY_MAX_MS);
  return Math.max(backoff, Math.min(retryAfterSeconds * 1000, RETRY_AFTER_MAX_MS));
}

const ACKNOWLEDGED: NotifyVerdict = { kind: "acknowledged" };
const GONE: NotifyVerdict = { kind: "gone" };
const SUSPECT: NotifyVerdict = { kind: "suspect", retryAfterSeconds: 0 };

/** The number that a Retry-After begins with: `18000;duration=3600`, `120 (in a meeting)` (RFC 3261 §20.33). */
function leadingNumber(value: string | undefined): number {
  const digits = /^\d{1,10}/.exec(value ?? "");
  return digits === null ? 0 : Number(digits[0]);
}
