/** A moment in ISO 8601 (`2026-11-20T14:03:07.250Z`; seconds may be left out, without a zone it is UTC) as ms since 1970; undefined when it is none. */
export function parseMoment(text: string): number | undefined {
  const parts = /^\s*(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?\s*$/i.exec(text);
  if (parts === null) return undefined;
  const zone = (parts[5] ?? "Z").toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  const ms = Date.parse(`${parts[1] ?? ""}T${parts[2] ?? ""}${parts[3] ?? ":00"}${(parts[4] ?? "").slice(0, 4)}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** ISO 8601 in UTC with milliseconds; null for 0 (unknown) and for what no calendar holds. */
export function isoTime(ms: number): string | null {
  return ms > 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : null;
}
