import { ParseError } from "../base/errors.ts";
import { Header, headerCount, headerIdAt, headerName, nameHashStart, nameHashStep, type HeaderId } from "./header-name.ts";
import { internMethod, isToken } from "./method.ts";

// Hot path: a message is a cheap view on its text. `parse` fills reused typed arrays with where each header stands;
// fields are cut out of the text when asked for. Nothing here keeps a part of the text longer than the message itself.

/** Header lines of one message; more are refused. */
export const headerLinesMax = 250;

const LINE = 4;
const START = 1;
const VALUE = 2;
const END = 3;

/** A SIP message as a view on its text (latin1: one character a byte). Reused by its owner: whoever needs it after the
 *  handler returned takes a `copy`. */
export class Message {
  /** The whole message, body included. */
  text = "";
  isRequest = false;
  /** The method of a request; of a response, its CSeq method. */
  method = "";
  /** The status of a response, 100-699 as read; 0 for a request. */
  status = 0;
  /** `SIP/2.0` as written. */
  version = "";
  /** Where the request URI, or a response's reason phrase, stands. */
  uriStart = 0;
  uriEnd = 0;
  /** Where the blank line begins: new header lines may be put here. */
  headersEnd = 0;
  /** Where the body begins. */
  bodyStart = 0;
  /** True when a header's value may hold line breaks: it was folded, or is broken. */
  hasBreaks = false;
  #lines = new Int32Array(LINE * 32);
  #count = 0;
  #hasBareFeeds = false;
  readonly #first = new Int16Array(headerCount);

  /** A message of its own. Throws ParseError (400) when the text is no SIP message at all. */
  static of(text: string): Message {
    const message = new Message();
    const error = message.parse(text);
    if (error !== null) throw error;
    return message;
  }

  /** Makes this a view on `text`, less what lies beyond its Content-Length (RFC 3261 §18.3) and with CRLF for bare line feeds in its head: other
   *  programs would read either in ways of their own. Returns what is wrong when it has no start line or its header lines cannot be told apart
   *  (then as much as could be read is there, so that an answer may be made); it never throws. */
  parse(text: string): ParseError | null {
    this.text = text;
    this.#count = 0;
    this.#first.fill(-1);
    this.headersEnd = this.bodyStart = text.length;
    this.uriStart = this.uriEnd = 0;
    this.status = 0;
    this.method = this.version = "";
    this.isRequest = this.hasBreaks = this.#hasBareFeeds = false;
    const lineEnd = text.indexOf("\n");
    if (lineEnd === -1) return new ParseError("no line end after the start line");
    const stop = text.charCodeAt(lineEnd - 1) === 13 ? lineEnd - 1 : lineEnd;
    if (stop === lineEnd) this.#hasBareFeeds = true;
    const firstReturn = text.indexOf("\r");
    const returnError = firstReturn !== -1 && firstReturn < stop ? bareReturn() : null;
    const startError = text.startsWith("SIP/", 0) ? this.#statusLine(stop) : this.#requestLine(stop);
    if (this.isRequest && this.method === "") return startError;
    const headerError = this.#headers(lineEnd + 1);
    if (this.#hasBareFeeds) return this.parse(text.slice(0, this.bodyStart).replace(/(?<!\r)\n/g, "\r\n") + text.slice(this.bodyStart));
    if (!this.isRequest) this.method = this.cseqMethod;
    const length = this.contentLength;
    if (length >= 0 && this.bodyStart + length < text.length) this.text = text.slice(0, this.bodyStart + length);
    return startError ?? returnError ?? headerError;
  }

  /** The same message as a view of its own, for whoever needs it later. */
  copy(): Message {
    const message = new Message();
    message.parse(this.text);
    return message;
  }

  /** The request URI as written. */
  get requestUri(): string {
    return this.isRequest ? this.text.slice(this.uriStart, this.uriEnd) : "";
  }

  /** The reason phrase of a response. */
  get reason(): string {
    return this.isRequest ? "" : this.text.slice(this.uriStart, this.uriEnd);
  }

  /** What stands after the blank line. */
  get body(): string {
    return this.text.slice(this.bodyStart);
  }

  /** Content-Length as a number; -1 when it is missing, NaN when it is no number. */
  get contentLength(): number {
    return this.#number(Header.contentLength);
  }

  /** Max-Forwards; -1 when it is missing, NaN when it is no number. */
  get maxForwards(): number {
    return this.#number(Header.maxForwards);
  }

  /** Expires in seconds; -1 when it is missing, NaN when it is no number. */
  get expires(): number {
    return this.#number(Header.expires);
  }

  /** The Call-ID; empty when it is missing. */
  get callId(): string {
    return this.header(Header.callId) ?? "";
  }

  /** The CSeq number; NaN when it is missing or no number below 2^32 (RFC 3261 §8.1.1.5 asks below 2^31; more is met in the field). */
  get cseq(): number {
    const value = this.header(Header.cseq) ?? "";
    const digits = /^\d{1,10}(?=[ \t\r\n])/.exec(value);
    const number = digits === null ? NaN : Number(digits[0]);
    return number < 2 ** 32 ? number : NaN;
  }

  /** The CSeq method; empty when it is missing. */
  get cseqMethod(): string {
    const line = this.lineOf(Header.cseq);
    if (line === -1) return "";
    const end = this.valueEnd(line);
    let at = end;
    while (at > 0 && !isSpace(this.text.charCodeAt(at - 1))) at--;
    return at <= this.valueStart(line) ? "" : internMethod(this.text, at, end);
  }

  /** The value of the first header line of that kind, trimmed; undefined when there is none. */
  header(id: HeaderId): string | undefined {
    const line = this.#first[id] ?? -1;
    return line === -1 ? undefined : this.text.slice(this.#lines[line * LINE + VALUE], this.#lines[line * LINE + END]);
  }

  /** The value of the first header with that name, whatever its case; for headers that have no number. */
  headerNamed(name: string): string | undefined {
    const lower = name.toLowerCase();
    for (let line = 0; line < this.#count; line++) if (this.lineName(line).toLowerCase() === lower) return this.text.slice(this.valueStart(line), this.valueEnd(line));
    return undefined;
  }

  /** True when there is a header line of that kind. */
  has(id: HeaderId): boolean {
    return (this.#first[id] ?? -1) !== -1;
  }

  /** All values of a header whose grammar is a comma-separated list, in order, over all its lines; quotes and angle brackets hold commas together. */
  values(id: HeaderId): string[] {
    const found: string[] = [];
    for (let line = this.lineOf(id); line !== -1; line = this.lineOf(id, line)) {
      let start = this.valueStart(line);
      const end = this.valueEnd(line);
      while (start < end) {
        const stop = elementEnd(this.text, start, end);
        const value = this.text.slice(start, stop).trim();
        if (value !== "") found.push(value);
        start = stop + 1;
      }
    }
    return found;
  }

  /** True when a list header names that token (option tags, media types), whatever its case. */
  lists(id: HeaderId, token: string): boolean {
    return this.has(id) && this.values(id).some((value) => value.toLowerCase() === token);
  }

  /** The number of header lines. */
  get lineCount(): number {
    return this.#count;
  }

  /** The first line of that kind, or the first after line `after`; -1 when there is none. */
  lineOf(id: HeaderId, after = -1): number {
    if (after === -1) return this.#first[id] ?? -1;
    for (let line = after + 1; line < this.#count; line++) if (this.#lines[line * LINE] === id) return line;
    return -1;
  }

  /** The kind of a line. */
  lineId(line: number): number {
    return this.#lines[line * LINE] ?? 0;
  }

  /** The name of a line as written. */
  lineName(line: number): string {
    const start = this.lineStart(line);
    let end = this.text.indexOf(":", start);
    while (end > start && isSpace(this.text.charCodeAt(end - 1))) end--;
    return this.text.slice(start, end);
  }

  /** Where a line begins, its name included. */
  lineStart(line: number): number {
    return this.#lines[line * LINE + START] ?? 0;
  }

  /** Where the line after it begins. */
  lineEnd(line: number): number {
    return line + 1 < this.#count ? this.lineStart(line + 1) : this.headersEnd;
  }

  /** Where a line's trimmed value begins. */
  valueStart(line: number): number {
    return this.#lines[line * LINE + VALUE] ?? 0;
  }

  /** Where a line's trimmed value ends. */
  valueEnd(line: number): number {
    return this.#lines[line * LINE + END] ?? 0;
  }

  #number(id: HeaderId): number {
    const line = this.#first[id] ?? -1;
    if (line === -1) return -1;
    const end = this.valueEnd(line);
    let number = 0;
    const start = this.valueStart(line);
    if (start === end || end - start > 10) return NaN;
    for (let at = start; at < end; at++) {
      const digit = this.text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) return NaN;
      number = number * 10 + digit;
    }
    return number;
  }

  #requestLine(stop: number): ParseError | null {
    const { text } = this;
    this.isRequest = true;
    const methodEnd = text.indexOf(" ");
    if (methodEnd <= 0 || methodEnd >= stop || !isToken(text, 0, methodEnd)) return new ParseError("no method at the begin of the request line");
    this.method = internMethod(text, 0, methodEnd);
    // The version is what stands after the last blank, so that a URI with blanks can be answered 400 instead of being dropped.
    let trimmed = stop;
    while (trimmed > methodEnd && isSpace(text.charCodeAt(trimmed - 1))) trimmed--;
    const versionStart = text.lastIndexOf(" ", trimmed - 1) + 1;
    this.version = text.slice(versionStart, trimmed);
    this.uriStart = methodEnd + 1;
    this.uriEnd = Math.max(this.uriStart, versionStart - 1);
    if (versionStart <= methodEnd + 1 || !/^SIP\/\d+\.\d+$/i.test(this.version)) {
      this.uriEnd = trimmed;
      this.version = "";
      return new ParseError("no SIP version at the end of the request line");
    }
    if (trimmed !== stop) return new ParseError("blanks after the SIP version");
    for (let at = this.uriStart; at < this.uriEnd; at++) if (isSpace(text.charCodeAt(at))) return new ParseError("blanks in the request line");
    return null;
  }

  #statusLine(stop: number): ParseError | null {
    const { text } = this;
    this.isRequest = false;
    const space = text.indexOf(" ");
    this.version = text.slice(0, space);
    const digits = text.slice(space + 1, space + 4);
    const next = text.charCodeAt(space + 4);
    this.uriStart = Math.min(space + 5, stop);
    this.uriEnd = stop;
    if (space <= 0 || space + 4 > stop || !/^[1-6]\d\d$/.test(digits) || (space + 4 < stop && next !== 32)) return new ParseError("no status from 100 to 699 in the status line");
    this.status = Number(digits);
    return null;
  }

  #headers(from: number): ParseError | null {
    const { text } = this;
    let error: ParseError | null = null;
    let at = from;
    let carriageReturn = indexOrEnd(text, "\r", from);
    for (;;) {
      if (at >= text.length) {
        this.headersEnd = this.bodyStart = text.length;
        return error ?? new ParseError("no blank line after the headers");
      }
      const code = text.charCodeAt(at);
      if (code === 10 || (code === 13 && text.charCodeAt(at + 1) === 10)) {
        this.headersEnd = at;
        this.bodyStart = at + (code === 10 ? 1 : 2);
        return error;
      }
      let hash = nameHashStart;
      let nameEnd = at;
      for (let c = code; nameEnd < text.length && c !== 58 && c > 32; c = text.charCodeAt(++nameEnd)) hash = nameHashStep(hash, c);
      let colon = nameEnd;
      while (isBlank(text.charCodeAt(colon))) colon++;
      let lineEnd = this.#lineEnd(colon);
      // A line that begins with a blank continues the one before (RFC 3261 §7.3.1).
      while (isBlank(text.charCodeAt(lineEnd + 1))) {
        this.hasBreaks = true;
        if (carriageReturn < lineEnd - 1) error ??= bareReturn();
        if (carriageReturn < lineEnd) carriageReturn = indexOrEnd(text, "\r", lineEnd + 1);
        lineEnd = this.#lineEnd(lineEnd + 1);
      }
      if (carriageReturn < lineEnd - 1) {
        this.hasBreaks = true;
        error ??= bareReturn();
      }
      if (carriageReturn < lineEnd) carriageReturn = indexOrEnd(text, "\r", lineEnd + 1);
      if (text.charCodeAt(colon) !== 58 || nameEnd === at) error ??= new ParseError("a header line without a name and a colon");
      else if (this.#count >= headerLinesMax) error ??= new ParseError(`more than ${headerLinesMax} header lines`);
      else this.#add(headerIdAt(text, at, nameEnd, hash), at, colon + 1, Math.min(lineEnd, text.length));
      at = lineEnd + 1;
    }
  }

  /** Where the next line feed stands, or the text's end; notes one without its carriage return. */
  #lineEnd(from: number): number {
    const found = this.text.indexOf("\n", from);
    if (found === -1) return this.text.length;
    if (this.text.charCodeAt(found - 1) !== 13) this.#hasBareFeeds = true;
    return found;
  }

  #add(id: HeaderId, start: number, valueStart: number, lineEnd: number): void {
    const line = this.#count++;
    if (this.#lines.length < this.#count * LINE) {
      const longer = new Int32Array(this.#lines.length * 2);
      longer.set(this.#lines);
      this.#lines = longer;
    }
    let from = valueStart;
    let to = lineEnd;
    while (from < to && isSpace(this.text.charCodeAt(from))) from++;
    while (to > from && isSpace(this.text.charCodeAt(to - 1))) to--;
    this.#lines[line * LINE] = id;
    this.#lines[line * LINE + START] = start;
    this.#lines[line * LINE + VALUE] = from;
    this.#lines[line * LINE + END] = to;
    if (this.#first[id] === -1) this.#first[id] = line;
  }
}

/** Where the element that begins at `start` ends: at the next comma outside quotes and angle brackets, or at `end`. */
export function elementEnd(text: string, start: number, end: number): number {
  let isQuoted = false;
  let depth = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (isQuoted) {
      if (code === 92) at++;
      else if (code === 34) isQuoted = false;
    } else if (code === 34) isQuoted = true;
    else if (code === 60) depth++;
    else if (code === 62) depth--;
    else if (code === 44 && depth <= 0) return at;
  }
  return end;
}

/** A header line: `Name: value` with its line end. */
export function headerLine(id: HeaderId, value: string): string {
  return `${headerName(id)}: ${value}\r\n`;
}

/** A carriage return by itself is a line end to some programs: nobody may slip a header past us by it. */
function bareReturn(): ParseError {
  return new ParseError("a carriage return that ends no line");
}

function indexOrEnd(text: string, char: string, from: number): number {
  const found = text.indexOf(char, from);
  return found === -1 ? text.length : found;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === 10;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
