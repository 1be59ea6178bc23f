import type { CalendarActivity } from "../config/calendars-schema.ts";
import type { ActivityName } from "../documents/rpid.ts";
import type { CalendarEntry } from "./entry.ts";

/** An entry, and what a shared calendar wants it to mean. */
export interface SpokenEntry extends CalendarEntry {
  /** Null: what the entry itself says. */
  readonly as: CalendarActivity | null;
}

/** A stretch of a person's day of which the calendar says one thing. */
export interface Stretch {
  /** ms since 1970: from one beginning or end of an entry to the next. */
  readonly from: number;
  readonly until: number;
  readonly activity: ActivityName;
  readonly note: string;
  /** The whole time for which the same is said without a break: what watchers are told. */
  readonly blockFrom: number;
  readonly blockUntil: number;
}

interface Statement {
  readonly activity: ActivityName;
  readonly note: string;
  /** Who speaks when entries overlap: the greatest. */
  readonly weight: number;
}

/** A day away is a vacation; the day on which the clocks go forward has 23 hours. */
const DAY_AWAY_MS = 23 * 3_600_000;

/** What entries make of a person, in order and without overlap, from the first that has not ended at `at` (ms since 1970): out of office over busy,
 *  a meeting over an appointment; tentative and working elsewhere say nothing. Where an entry begins or ends is always a seam, since a choice
 *  of the person's own ends there, but entries that say the same without a break are one block. At most `stretchesMax`, the earliest. */
export function timeLine(entries: readonly SpokenEntry[], at: number, stretchesMax: number): readonly Stretch[] {
  const spoken = entries.flatMap((entry) => {
    const said = statementOf(entry);
    return said === null || entry.end <= entry.start ? [] : [{ entry, said }];
  });
  spoken.sort((a, b) => a.entry.start - b.entry.start);
  const seams = [...new Set(spoken.flatMap(({ entry }) => [entry.start, entry.end]))].sort((a, b) => a - b);
  const stretches: { from: number; until: number; said: Statement; blockFrom: number; blockUntil: number }[] = [];
  let running: typeof spoken = [];
  let next = 0;
  for (let index = 0; index + 1 < seams.length; index++) {
    const [from = 0, until = 0] = [seams[index], seams[index + 1]];
    running = running.filter(({ entry }) => entry.end > from);
    for (; next < spoken.length; next++) {
      const one = spoken[next];
      if (one === undefined || one.entry.start > from) break;
      running.push(one);
    }
    const [first] = running;
    if (first === undefined) continue;
    let { said } = first;
    for (const one of running) if (one.said.weight > said.weight) said = one.said;
    const before = stretches.at(-1);
    const isSame = before !== undefined && before.until === from && before.said.activity === said.activity && before.said.note === said.note;
    stretches.push({ from, until, said, blockFrom: isSame ? before.blockFrom : from, blockUntil: until });
  }
  for (let index = stretches.length - 2; index >= 0; index--) {
    const [one, after] = [stretches[index], stretches[index + 1]];
    if (one !== undefined && after !== undefined && after.blockFrom === one.blockFrom) one.blockUntil = after.blockUntil;
  }
  return stretches
    .filter(({ until }) => until > at)
    .slice(0, stretchesMax)
    .map(({ from, until, said, blockFrom, blockUntil }) => ({ from, until, activity: said.activity, note: said.note, blockFrom, blockUntil }));
}

const SHARED: Readonly<Record<CalendarActivity, Statement>> = {
  vacation: { activity: "vacation", note: "Out of office", weight: 61 },
  holiday: { activity: "holiday", note: "Holiday", weight: 61 },
  away: { activity: "away", note: "Out of office", weight: 51 },
  meeting: { activity: "meeting", note: "In a meeting", weight: 41 },
  appointment: { activity: "appointment", note: "Busy", weight: 21 },
  busy: { activity: "busy", note: "Busy", weight: 21 },
};

/** The table of what an entry makes of its owner; null for nothing. What is private keeps its activity and is called "Busy", whatever it is. */
function statementOf({ kind, as, hasAttendees, isPrivate, start, end }: SpokenEntry): Statement | null {
  if (as !== null) return SHARED[as];
  // Of two that say as much the one that is no secret speaks.
  const note = (text: string): string => (isPrivate ? "Busy" : text);
  const secrecy = isPrivate ? 0 : 1;
  if (kind === "out-of-office") {
    return end - start >= DAY_AWAY_MS ? { activity: "vacation", note: note("Out of office"), weight: 60 + secrecy } : { activity: "away", note: note("Out of office"), weight: 50 + secrecy };
  }
  if (kind !== "busy") return null;
  return hasAttendees ? { activity: "meeting", note: note("In a meeting"), weight: 40 + secrecy } : { activity: "appointment", note: note("Busy"), weight: 20 + secrecy };
}
