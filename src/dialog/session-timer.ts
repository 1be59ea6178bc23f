import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";

/** The shortest interval that is believed (RFC 4028 §4: 90 s); a shorter one counts as this. */
export const sessionSecondsMin = 90;
/** Longer than a session lasts: what says so expects no refresh. */
const SECONDS_MAX = 86_400;
/** How much longer than the interval a session may go without a refresh: by then the other side has said BYE (RFC 4028 §10). */
export const sessionGraceMs = 32_000;

/** When a session that this 2xx agrees on is over unless it is refreshed (RFC 4028 §8.2), ms since 1970; 0 when none is expected: a 2xx without
 *  Session-Expires ends the timer. */
export function sessionEnd(success: Message, now: number): number {
  if (!success.has(Header.sessionExpires)) return 0;
  const seconds = Number(/^\s*(\d{1,9})\s*(?:;|$)/.exec(success.header(Header.sessionExpires) ?? "")?.[1] ?? NaN);
  if (!(seconds > 0 && seconds <= SECONDS_MAX)) return 0;
  return now + Math.max(seconds, sessionSecondsMin) * 1000 + sessionGraceMs;
}
