import { paramOf } from "../sip/uri.ts";

/** Values of one Accept header that are read; more are ignored. */
const ACCEPT_VALUES_MAX = 32;

/** Which of `types` (lower case, the preferred one first) the values of an Accept header name, in its order; null when it names none of them, and
 *  so also for an empty header (RFC 3261 §20.1). Wildcards are written out; a type with q=0 is not named. */
export function acceptedTypes(values: readonly string[], types: readonly string[]): readonly string[] | null {
  const found: string[] = [];
  const read = values.slice(0, ACCEPT_VALUES_MAX);
  const unwanted = read.filter(isUnwanted).map(mediaType);
  for (const value of read) {
    const type = mediaType(value);
    for (const ours of types) if (matches(type, ours) && !unwanted.includes(ours) && !unwanted.includes(type) && !found.includes(ours)) found.push(ours);
  }
  return found.length === 0 ? null : found;
}

/** The media type of a Content-Type or Accept value: lower case, without parameters. */
export function mediaType(value: string): string {
  const semicolon = value.indexOf(";");
  return (semicolon === -1 ? value : value.slice(0, semicolon)).trim().toLowerCase();
}

function isUnwanted(value: string): boolean {
  const semicolon = value.indexOf(";");
  const q = semicolon === -1 ? undefined : paramOf(value.slice(semicolon), "q");
  return q !== undefined && Number(q) === 0;
}

function matches(asked: string, ours: string): boolean {
  return asked === ours || asked === "*/*" || (asked.endsWith("/*") && ours.startsWith(asked.slice(0, -1)));
}
