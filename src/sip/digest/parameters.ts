import { ParseError } from "../../base/errors.ts";

/** Longest Authorization or WWW-Authenticate value that is read; a longer one is a ParseError. */
export const AUTHORIZATION_LENGTH_MAX = 4096;
/** Most parameters in one value; more is a ParseError. */
export const PARAMETERS_MAX = 32;

/** Takes the parameters of a header as they are read. */
export interface ParameterReader {
  /** `name` is in lower case; `value` without its quotes but with its escapes: RFC 7616 §3.4.1 hashes it so. */
  take(name: string, value: string): void;
}

/** Gives `reader` each `name=value` of a header's comma list. Reads what the field sends: spaces around `=` and `,`, unquoted values,
 *  empty elements. Throws ParseError when the text is not such a list; whether a name may come twice is the reader's to say. */
export function readParameters(text: string, from: number, reader: ParameterReader): void {
  if (text.length > AUTHORIZATION_LENGTH_MAX) throw new ParseError("authentication header longer than 4096 characters");
  let at = from;
  for (let count = 0; ; count++) {
    while (isSpace(text, at) || text.charCodeAt(at) === COMMA) at++;
    if (at >= text.length) return;
    if (count === PARAMETERS_MAX) throw new ParseError("too many authentication parameters");
    const equals = text.indexOf("=", at);
    let name = equals === -1 || equals - at > KNOWN_LENGTH_MAX ? "" : text.slice(at, equals);
    if (KNOWN.has(name)) at = equals;
    else {
      const start = at;
      while (isToken(text, at)) at++;
      name = text.slice(start, at).toLowerCase();
    }
    while (isSpace(text, at)) at++;
    if (name === "" || text.charCodeAt(at) !== EQUALS) throw new ParseError("authentication parameter without a name or a value");
    at++;
    while (isSpace(text, at)) at++;
    if (text.charCodeAt(at) === QUOTE) {
      const end = closingQuote(text, at + 1);
      reader.take(name, text.slice(at + 1, end));
      at = end + 1;
      while (isSpace(text, at)) at++;
      if (at < text.length && text.charCodeAt(at) !== COMMA) throw new ParseError(`text after the quoted value of ${name}`);
    } else {
      const comma = text.indexOf(",", at);
      const end = comma === -1 ? text.length : comma;
      reader.take(name, text.slice(at, lastOf(text, at, end)));
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
const EQUALS = 61;

/** Names as nearly everyone writes them, found without a look at each character. */
const KNOWN: ReadonlySet<string> = new Set(["username", "realm", "nonce", "uri", "response", "algorithm", "qop", "cnonce", "nc", "opaque"]);
const KNOWN_LENGTH_MAX = 9;

/** Characters of a token (RFC 3261 §25.1). */
const TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+.^_`|~-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") TOKEN[character.charCodeAt(0)] = 1;

function isToken(text: string, at: number): boolean {
  return at < text.length && TOKEN[text.charCodeAt(at)] === 1;
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code <= 32 && (code === 32 || code === 9 || code === 13 || code === 10);
}

/** The end of text[from, to) without its trailing white space. */
function lastOf(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && isSpace(text, end - 1)) end--;
  return end;
}

function closingQuote(text: string, from: number): number {
  // The first quote ends the value unless a backslash stands before it: mostly the case, and much faster than looking at each character.
  const first = text.indexOf('"', from);
  if (first !== -1 && text.charCodeAt(first - 1) !== BACKSLASH) return first;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  throw new ParseError("quoted authentication value without an end");
}
