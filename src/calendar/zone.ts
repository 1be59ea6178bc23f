import { keptUnicode } from "../base/kept-text.ts";
import { DAY_MS, type LocalTime } from "./local-time.ts";
import { WINDOWS_ZONES } from "./windows-zones.ts";

/** A time zone: what a wall clock there shows, and when. */
export interface Zone {
  /** What the wall clock shows at that moment (ms since 1970). */
  toLocal(utc: number): LocalTime;
  /** The moment at which the wall clock shows that. A time that the clock skips is taken with the offset before the change, one that it shows twice is the
   *  first (RFC 5545 §3.3.5). */
  toUtc(local: LocalTime): number;
}

/** The zone in which both are the same. */
export const UTC: Zone = { toLocal: (utc) => utc, toUtc: (local) => local };

/** A zone that is `offsetAt` (ms, east is positive) away from UTC. */
export function zoneOf(offsetAt: (utc: number) => number): Zone {
  return {
    toLocal: (utc) => utc + offsetAt(utc),
    toUtc(local) {
      const before = offsetAt(local - DAY_MS);
      const after = offsetAt(local + DAY_MS);
      if (before === after || offsetAt(local - before) === before) return local - before;
      return offsetAt(local - after) === after ? local - after : local - before;
    },
  };
}

const known = new Map<string, Zone | null>();
/** Names that are remembered, the unknown ones too: a peer writes them. */
const NAMES_MAX = 2000;
/** No zone has a longer name. */
const NAME_MAX = 128;

/** The zone of that name as the server's own set has it: an IANA name (`Europe/Brussels`, whatever its case), a Windows name (`Romance Standard Time`), one with
 *  a prefix as some clients write it (`/citadel.org/20190914_1/Europe/Brussels`), `(UTC+01:00) Brussels, Madrid`, `GMT+0100`; null when it is none. */
export function namedZone(name: string): Zone | null {
  if (name.length > NAME_MAX) return null;
  const found = known.get(name);
  if (found !== undefined) return found;
  const zone = findZone(name.trim().replace(/^"(.*)"$/, "$1"));
  if (known.size >= NAMES_MAX) known.clear();
  known.set(keptUnicode(name), zone);
  return zone;
}

function findZone(name: string): Zone | null {
  if (/^(?:utc|gmt|z|etc\/utc|etc\/gmt|tzone:\/\/microsoft\/utc|coordinated universal time)$/i.test(name)) return UTC;
  const exact = namedByIana(WINDOWS_ZONES.get(name) ?? name);
  if (exact !== null) return exact;
  const parts = name.split("/").filter((part) => part !== "");
  for (let from = 1; from < Math.min(parts.length, 8); from++) {
    const zone = namedByIana(parts.slice(from).join("/"));
    if (zone !== null) return zone;
  }
  return namedByPlace(name) ?? fixed(name);
}

/** The zone of an IANA name (RFC 6557); null when this Node has none of that name. */
function namedByIana(name: string): Zone | null {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(name) || /^(?:bst|ist|cst|pst|ast|ect)$/i.test(name)) return null;
  try {
    return zoneOf(offsetsOf(new Intl.DateTimeFormat("en-US", { timeZone: name, hourCycle: "h23", era: "short", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" })));
  } catch {
    // RangeError: no such zone.
    return null;
  }
}

const QUARTER_MS = 900_000;
/** Quarters of an hour of which a zone remembers its offset: five years of work days. */
const QUARTERS_MAX = 50_000;

/** Zones change at full quarters of an hour, and to ask for an offset costs microseconds: each quarter is asked for once. */
function offsetsOf(format: Intl.DateTimeFormat): (utc: number) => number {
  const offsets = new Map<number, number>();
  return (utc) => {
    const quarter = Math.floor(utc / QUARTER_MS);
    const found = offsets.get(quarter);
    if (found !== undefined) return found;
    const parts = new Map(format.formatToParts(quarter * QUARTER_MS).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type) ?? 0);
    const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
    const offset = Number.isNaN(shown) ? 0 : shown - quarter * QUARTER_MS;
    if (offsets.size >= QUARTERS_MAX) offsets.clear();
    offsets.set(quarter, offset);
    return offset;
  };
}

/** `(UTC+01:00) Brussels, Copenhagen, Madrid, Paris`, as Outlook shows its zones: that of the first place that is an IANA zone's. */
function namedByPlace(name: string): Zone | null {
  const places = /^\((?:UTC|GMT)[^)]*\)\s*(.{1,100})$/i.exec(name)?.[1]?.split(/[,;]/) ?? [];
  for (const place of places.slice(0, 8)) {
    const word = place.trim().replaceAll(" ", "_").toLowerCase();
    const found = word === "" ? undefined : Intl.supportedValuesOf("timeZone").find((zone) => zone.toLowerCase().endsWith(`/${word}`));
    if (found !== undefined) return namedByIana(found);
  }
  return null;
}

/** `GMT+0100`, `(UTC-05:00) somewhere`, `UTC+2`. */
function fixed(name: string): Zone | null {
  const parts = /^\(?(?:UTC|GMT)\s*([+-])(\d{1,2}):?(\d\d)?(?:\)|$)/i.exec(name);
  if (parts === null || Number(parts[2]) > 14) return null;
  const offset = (Number(parts[2]) * 60 + Number(parts[3] ?? 0)) * 60_000 * (parts[1] === "-" ? -1 : 1);
  return zoneOf(() => offset);
}
