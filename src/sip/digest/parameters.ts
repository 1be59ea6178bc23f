import { ParseError } from "../../base/errors.ts";

/** Longest Authorization or WWW-Authenticate value that is read; a longer one is a ParseError. */
export const AUTHORIZATION_LENGTH_MAX = 4096;
/** Most parameters in one value; more is a ParseError. */
export const PARAMETERS_MAX = 32;

/** Calls `take` for each `name=value` of a header's comma list, the name in lower case, the value without its quotes but with its
 *  escapes: RFC 7616 §3.4.1 hashes it so. Reads what the field sends: spaces around `=` and `,`, unquoted values, empty elements.
 *  Throws ParseError when a name is given twice or the text is not such a list. */
export function readParameters(text: string, from: number, take: (name: string, value: string) => void): void {
  if (text.length > AUTHORIZATION_LENGTH_MAX) throw new ParseError("authentication header longer than 4096 characters");
  const seen: string[] = [];
  let at = from;
  for (;;) {
    while (isSpace(text, at) || text.charCodeAt(at) === COMMA) at++;
    if (at >= text.length) return;
    const equals = text.indexOf("=", at);
    if (equals <= at) throw new ParseError("authentication parameter without a value");
    const name = text.slice(at, lastOf(text, at, equals)).toLowerCase();
    if (!TOKEN.test(name)) throw new ParseError("authentication parameter with an unreadable name");
    if (seen.includes(name)) throw new ParseError(`authentication parameter ${name} given twice`);
    if (seen.push(name) > PARAMETERS_MAX) throw new ParseError("too many authentication parameters");
    at = equals + 1;
    while (isSpace(text, at)) at++;
    if (text.charCodeAt(at) === QUOTE) {
      const end = closingQuote(text, at + 1);
      take(name, text.slice(at + 1, end));
      at = end + 1;
      while (isSpace(text, at)) at++;
      if (at < text.length && text.charCodeAt(at) !== COMMA) throw new ParseError(`text after the quoted value of ${name}`);
    } else {
      const comma = text.indexOf(",", at);
      const end = comma === -1 ? text.length : comma;
      take(name, text.slice(at, lastOf(text, at, end)));
      at = end;
    }
  }
}

/** A quoted value with its backslash escapes taken away. */
export function unescaped(value: string): string {
  return value.includes("\\") ? value.replace(/\\([\s\S])/g, "$1") : value;
}

/** A value as it may stand between quotes: backslash and quote escaped, line ends refused. */
export function quoted(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new ParseError("line end in a quoted value");
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

const COMMA = 44;
const QUOTE = 34;
const BACKSLASH = 92;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || code === 9 || code === 13 || code === 10;
}

/** The end of text[from, to) without its trailing white space. */
function lastOf(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && isSpace(text, end - 1)) end--;
  return end;
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  throw new ParseError("quoted authentication value without an end");
}
