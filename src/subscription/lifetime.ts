import { malformed, refused, type Refusal } from "./refusal.ts";

/** How long a subscription or publication may live, in seconds. */
export interface LifetimeLimits {
  readonly defaultSeconds: number;
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

/** The lifetime in seconds for an Expires header as the message reads it (-1: missing, NaN: no number): 0 stays 0, too long is cut, too short is
 *  refused with 423 (RFC 6665 §4.2.1.1, RFC 3903 §6 step 4). */
export function grantedSeconds(asked: number, limits: LifetimeLimits): number | Refusal {
  if (Number.isNaN(asked)) return malformed("Expires is no number");
  if (asked < 0) return limits.defaultSeconds;
  if (asked > 0 && asked < limits.minSeconds) return refused(423, undefined, `Min-Expires: ${limits.minSeconds}\r\n`);
  return Math.min(asked, limits.maxSeconds);
}
