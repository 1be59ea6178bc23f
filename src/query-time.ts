import { ConfigError } from "./base/errors.ts";
import { parseDuration } from "./config/quantity.ts";
import { parseMoment } from "./presence/moment.ts";

/** The moment that somebody wrote on the command line, ms since 1970: `14:03` or `14:03:20` (the last one that is over, in the clock of this machine), `10m` (so long ago),
 *  or ISO 8601. Throws ConfigError when it is none. */
export function pastMoment(text: string, now: number): number {
  const [, hours, minutes, seconds] = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hours !== undefined && minutes !== undefined && Number(hours) < 24 && Number(minutes) < 60 && Number(seconds ?? "0") < 60) {
    const today = new Date(now).setHours(Number(hours), Number(minutes), Number(seconds ?? "0"), 0);
    // A day of the clock is not always 24 hours long.
    return today <= now ? today : new Date(today).setDate(new Date(today).getDate() - 1);
  }
  const ago = parseDuration(text);
  if (ago !== null) return now - ago;
  const moment = parseMoment(text);
  if (moment === undefined) throw new ConfigError([`"${text}" is no time; write 14:03, 10m (ten minutes ago) or 2026-11-20T14:03:00Z`]);
  if (moment > now) throw new ConfigError([`${text} is still to come; "lamplight simulate" says what would be`]);
  return moment;
}
