import { textOf, type ICalComponent } from "./ical-text.ts";
import { parseLocalTime, type LocalTime } from "./local-time.ts";
import { occurrences, type Budget } from "./occurrences.ts";
import { parseRule } from "./recurrence-rule.ts";
import { namedZone, zoneOf, type Zone } from "./zone.ts";

/** When a zone changes its offset: the moment, and what it is from then on (ms). */
interface Change {
  readonly at: number;
  readonly offset: number;
}

/** Changes before are taken as one; no calendar speaks of what is after. */
const CHANGES_FROM = Date.UTC(1970, 0, 1);
const CHANGES_TO = Date.UTC(2100, 0, 1);
const CHANGES_MAX = 2000;

/** The zone that a VTIMEZONE describes (RFC 5545 §3.6.5); one with X-LIC-LOCATION is that place's. Null when it describes none. */
export function describedZone(block: ICalComponent, budget: Budget): Zone | null {
  const location = textOf(block, "x-lic-location");
  const named = location === "" ? null : namedZone(location);
  if (named !== null) return named;
  const changes: Change[] = [];
  let before: { readonly at: number; readonly offset: number } | null = null;
  for (const observance of block.children) {
    if (observance.name !== "standard" && observance.name !== "daylight") continue;
    const from = offsetOf(textOf(observance, "tzoffsetfrom"));
    const offset = offsetOf(textOf(observance, "tzoffsetto"));
    const start = parseLocalTime(textOf(observance, "dtstart"));
    if (from === null || offset === null || start === null) return null;
    for (const local of onsets(observance, start.local, from, budget)) {
      const at = local - from;
      changes.push({ at, offset });
      if (before === null || at < before.at) before = { at, offset: from };
      if (changes.length > CHANGES_MAX) return null;
    }
  }
  if (before === null) return null;
  changes.sort((a, b) => a.at - b.at);
  const first = before.offset;
  return zoneOf((utc) => lastBefore(changes, utc)?.offset ?? first);
}

function* onsets(observance: ICalComponent, start: LocalTime, from: number, budget: Budget): Generator<LocalTime> {
  yield start;
  for (const property of observance.properties) {
    if (property.name === "rdate") {
      for (const value of property.values) {
        const time = parseLocalTime(String(Array.isArray(value) ? value[0] : value));
        if (time !== null) yield time.isUtc ? time.local + from : time.local;
      }
    }
  }
  const text = textOf(observance, "rrule");
  const rule = text === "" ? null : parseRule(text);
  if (rule === null) return;
  const until = rule.until === undefined ? CHANGES_TO : rule.until.isUtc ? rule.until.local + from : rule.until.local;
  for (const time of occurrences(rule, start, CHANGES_FROM, CHANGES_TO, until, budget)) if (time !== start) yield time;
}

/** `+01:00`, `-04:56:02` in ms. */
function offsetOf(text: string): number | null {
  const parts = /^([+-])(\d\d):?(\d\d)(?::?(\d\d))?$/.exec(text);
  if (parts === null) return null;
  return ((Number(parts[2]) * 60 + Number(parts[3])) * 60 + Number(parts[4] ?? 0)) * 1000 * (parts[1] === "-" ? -1 : 1);
}

function lastBefore(changes: readonly Change[], utc: number): Change | undefined {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changes[middle]?.at ?? 0) <= utc) low = middle + 1;
    else high = middle;
  }
  return changes[low - 1];
}
