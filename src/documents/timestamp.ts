const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** A moment (ms since 1970) as `2026-11-20T14:03:07Z`: xs:dateTime in UTC, whole seconds; moments before 1970 or after 9999 are moved to those ends. */
export function formatTimestamp(ms: number): string {
  const bounded = ms > 0 ? Math.min(ms, LATEST_MS) : 0;
  return `${new Date(bounded).toISOString().slice(0, 19)}Z`;
}

/** Reads an xs:dateTime (RFC 3339 with or without zone; none is taken as UTC) as ms since 1970; undefined when it is none. */
export function parseTimestamp(text: string | undefined): number | undefined {
  const parts = text === undefined ? null : /^\s*(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?\s*$/i.exec(text);
  if (parts === null) return undefined;
  const ms = Date.parse(`${parts[1] ?? ""}T${parts[2] ?? ""}${(parts[3] ?? "").slice(0, 4)}${(parts[4] ?? "Z").toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}
