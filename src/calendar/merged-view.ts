import type { CalendarEntry, EntryKind } from "./entry.ts";

const KINDS: readonly (EntryKind | null)[] = [null, "tentative", "busy", "out-of-office", "working-elsewhere"];
/** Digits that are read: two months of quarters of an hour. */
const DIGITS_MAX = 6000;

/** Entries of a merged view, a digit each for `minutes` from `from` on (0 free, 1 tentative, 2 busy, 3 out of office, 4 elsewhere; MS-OXWAVLS 2.2.4.15): all that is told to somebody without more rights. */
export function mergedEntries(digits: string, from: number, minutes: number): readonly CalendarEntry[] {
  const entries: CalendarEntry[] = [];
  const length = minutes * 60_000;
  for (let at = 0; at < Math.min(digits.length, DIGITS_MAX); ) {
    const digit = digits[at] ?? "0";
    let next = at + 1;
    while (digits[next] === digit) next++;
    const kind = KINDS[Number(digit)] ?? null;
    if (kind !== null) entries.push({ start: from + at * length, end: from + next * length, kind, hasAttendees: false, isPrivate: false });
    at = next;
  }
  return entries;
}
