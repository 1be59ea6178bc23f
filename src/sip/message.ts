import { ParseError } from "../base/errors.ts";
import { hashOfParts } from "../base/fnv.ts";
import { Header, type HeaderId } from "./header-name.ts";
import { numberAt } from "./header-number.ts";
import { findHeaderLines, type FoundLines } from "./header-lines.ts";
import { elementEnd } from "./list-element.ts";
import { internMethod, methodNumbered } from "./method.ts";
import { hasTag, parseNameAddr, tagOf } from "./name-addr.ts";
import { AddressWord, ViaWord, Word, wordsFor } from "./scan-words.ts";
import { scanner, type Scanning } from "./scanner.ts";
import { readStartLine } from "./start-line.ts";
import { parseSipUri, uriAt, type SipUri } from "./uri.ts";
import { parseVia, viaAt, type Via } from "./via.ts";
import { viaKey, type TwoLanes } from "./via-key.ts";

// Hot path: a message is a cheap view on its text. `parse` fills reused typed arrays with where each header stands;
// fields are cut out of the text when asked for, once. Nothing here keeps a part of the text longer than the message itself.

const WORDS_AT_START = wordsFor(32);

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
  /** True when all that the server reads is there, sound, and written in its simplest form: nothing of it need be checked again. */
  isPlain = false;
  #words: Int32Array;
  #count = 0;
  #maker: Scanning["maker"] | null = null;
  #scan: ((text: string) => boolean) | null = null;
  #via: Via | null = null;
  #uri: SipUri | null | undefined = undefined;
  #callId: string | null = null;
  #fromTag: string | null = null;
  #toTag: string | null = null;

  /** An empty view, to be reused. */
  constructor(words: Int32Array = new Int32Array(WORDS_AT_START)) {
    this.#words = words;
  }

  /** A message of its own. Throws ParseError (400) when the text is no SIP message at all. */
  static of(text: string): Message {
    const message = Message.#once(text);
    const error = message.isPlain ? null : message.parse(text);
    if (error !== null) throw error;
    return message;
  }

  /** A view that is parsed once: if it is plain, with an array that is no longer than need be. */
  static #once(text: string): Message {
    const scanning = scanner();
    if (scanning?.scan(text) !== true) return new Message();
    const message = new Message(scanning.words.slice(0, wordsFor(scanning.words[Word.lines] ?? 0)));
    message.#begin(text);
    message.#takePlain();
    return message;
  }

  /** Makes this a view on `text`, less what lies beyond its Content-Length (RFC 3261 §18.3) and with CRLF for bare line feeds in its head: other
   *  programs would read either in ways of their own. Returns what is wrong when it has no start line or its header lines cannot be told apart
   *  (then as much as could be read is there, so that an answer may be made); it never throws. */
  parse(text: string): ParseError | null {
    this.#begin(text);
    const scanning = scanner();
    if (scanning !== null && this.#scanner(scanning)(text)) {
      this.#takePlain();
      return null;
    }
    this.#count = 0;
    this.#words.fill(-1, Word.first, Word.line);
    this.headersEnd = this.bodyStart = text.length;
    const lineEnd = text.indexOf("\n");
    if (lineEnd === -1) return new ParseError("no line end after the start line");
    const stop = text.charCodeAt(lineEnd - 1) === 13 ? lineEnd - 1 : lineEnd;
    const firstReturn = text.indexOf("\r");
    const returnError = firstReturn !== -1 && firstReturn < stop ? new ParseError("a carriage return that ends no line") : null;
    const startError = this.#startLine(stop);
    if (this.isRequest && this.method === "") return startError;
    const found = findHeaderLines(text, lineEnd + 1, this.#words);
    this.#takeLines(found);
    if (found.hasBareFeeds || stop === lineEnd) return this.parse(text.slice(0, this.bodyStart).replace(/(?<!\r)\n/g, "\r\n") + text.slice(this.bodyStart));
    if (!this.isRequest) this.method = this.cseqMethod;
    const length = this.contentLength;
    if (length >= 0 && this.bodyStart + length < text.length) this.text = text.slice(0, this.bodyStart + length);
    return startError ?? returnError ?? found.error;
  }

  /** The same message as a view of its own, for whoever needs it later. */
  copy(): Message {
    const message = Message.#once(this.text);
    if (!message.isPlain) message.parse(this.text);
    return message;
  }

  /** The request URI as written. */
  get requestUri(): string {
    return this.isRequest ? this.text.slice(this.uriStart, this.uriEnd) : "";
  }

  /** The request URI taken apart; null when it is none, and for a response. */
  get uri(): SipUri | null {
    if (this.#uri === undefined) {
      this.#uri = !this.isRequest ? null : this.isPlain ? uriAt(this.text, this.#words, Word.target, this.uriEnd) : parseSipUri(this.requestUri);
    }
    return this.#uri;
  }

  /** The topmost Via. Throws ParseError when there is none or it cannot be read. */
  get topVia(): Via {
    return (this.#via ??= this.isPlain ? viaAt(this.text, this.#words, Word.via) : this.#readVia());
  }

  /** The URI of From or To; null when it is none that we can read. Throws ParseError when the address around it cannot be read. */
  addressUri(id: typeof Header.from | typeof Header.to): SipUri | null {
    if (!this.isPlain) return parseSipUri(parseNameAddr(this.header(id) ?? "").uri);
    const at = id === Header.from ? Word.from : Word.to;
    return uriAt(this.text, this.#words, at + AddressWord.parts, this.#words[at + AddressWord.uriEnd] ?? 0);
  }

  /** The tag of From; empty when it has none. */
  get fromTag(): string {
    return (this.#fromTag ??= this.#tag(Header.from, Word.from));
  }

  /** The tag of To; empty when it has none. */
  get toTag(): string {
    return (this.#toTag ??= this.#tag(Header.to, Word.to));
  }

  /** True when To has a tag: the message belongs to a dialog. */
  get hasToTag(): boolean {
    return this.isPlain ? (this.#words[Word.to + AddressWord.tag] ?? -1) !== -1 : hasTag(this.header(Header.to) ?? "");
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
    return this.isPlain ? (this.#words[Word.contentLength] ?? -1) : this.#number(Header.contentLength);
  }

  /** Max-Forwards; -1 when it is missing, NaN when it is no number. */
  get maxForwards(): number {
    return this.isPlain ? (this.#words[Word.maxForwards] ?? -1) : this.#number(Header.maxForwards);
  }

  /** Expires in seconds; -1 when it is missing, NaN when it is no number. */
  get expires(): number {
    return this.isPlain ? (this.#words[Word.expires] ?? -1) : this.#number(Header.expires);
  }

  /** The Call-ID; empty when it is missing. */
  get callId(): string {
    return (this.#callId ??= this.header(Header.callId) ?? "");
  }

  /** The CSeq number; NaN when it is missing or no number below 2^32 (RFC 3261 §8.1.1.5 asks below 2^31; more is met in the field). */
  get cseq(): number {
    if (this.isPlain) return this.#words[Word.cseq] ?? NaN;
    const value = this.header(Header.cseq) ?? "";
    const digits = /^\d{1,10}(?=[ \t\r\n])/.exec(value);
    const number = digits === null ? NaN : Number(digits[0]);
    return number < 2 ** 32 ? number : NaN;
  }

  /** The CSeq method; empty when it is missing. */
  get cseqMethod(): string {
    if (this.isPlain) return this.method;
    const line = this.lineOf(Header.cseq);
    if (line === -1) return "";
    const end = this.valueEnd(line);
    let at = end;
    while (at > 0 && !isSpace(this.text.charCodeAt(at - 1))) at--;
    return at <= this.valueStart(line) ? "" : internMethod(this.text, at, end);
  }

  /** A request's hash by which a loop is told from a spiral (RFC 3261 §16.6 step 8): FNV-1a of what routing looks at. 32 bits, signed. */
  get loopHash(): number {
    if (this.isPlain) return this.#words[Word.loop] ?? 0;
    const cseq = /^\d*/.exec(this.header(Header.cseq) ?? "")?.[0] ?? "";
    const route = this.header(Header.route);
    return hashOfParts(route === undefined ? [this.requestUri, this.fromTag, this.callId, cseq] : [this.requestUri, this.fromTag, this.callId, cseq, route]);
  }

  /** The `viaKey` of a request. */
  viaKey(into: TwoLanes): void {
    if (this.isPlain) {
      into.high = this.#words[Word.key] ?? 0;
      into.low = this.#words[Word.key + 1] ?? 0;
    } else viaKey(into, this.topVia.branch, this.topVia.host, this.topVia.port);
  }

  /** Of a plain REGISTER: a hash of its first Contact, of its topmost Via up to its parameters, and of Expires, Supported and User-Agent as they are written; null of
   *  any other message. 32 bits, signed. */
  get refreshHash(): number | null {
    return this.isPlain && this.method === "REGISTER" ? (this.#words[Word.refresh] ?? 0) : null;
  }

  /** True when a Via stands below the topmost one. */
  get hasLowerVia(): boolean {
    if (this.isPlain) return (this.#words[Word.vias] ?? 0) > 1;
    const line = this.lineOf(Header.via);
    return line !== -1 && (this.lineOf(Header.via, line) !== -1 || elementEnd(this.text, this.valueStart(line), this.valueEnd(line)) < this.valueEnd(line));
  }

  /** The value of the first header line of that kind, trimmed; undefined when there is none. */
  header(id: HeaderId): string | undefined {
    const line = this.#words[Word.first + id] ?? -1;
    return line === -1 ? undefined : this.text.slice(this.valueStart(line), this.valueEnd(line));
  }

  /** The value of the first header with that name, whatever its case; for headers that have no number. */
  headerNamed(name: string): string | undefined {
    const lower = name.toLowerCase();
    for (let line = 0; line < this.#count; line++) if (this.lineName(line).toLowerCase() === lower) return this.text.slice(this.valueStart(line), this.valueEnd(line));
    return undefined;
  }

  /** True when there is a header line of that kind. */
  has(id: HeaderId): boolean {
    return (this.#words[Word.first + id] ?? -1) !== -1;
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
    if (after === -1) return this.#words[Word.first + id] ?? -1;
    for (let line = after + 1; line < this.#count; line++) if (this.#words[Word.line + 4 * line] === id) return line;
    return -1;
  }

  /** True when the first line of that list header holds a single value, without quotes. */
  isSingle(id: HeaderId): boolean {
    const line = this.lineOf(id);
    if (line === -1) return false;
    if (id === Header.via && this.isPlain) return this.#words[Word.via + ViaWord.end] === this.valueEnd(line);
    const comma = this.text.indexOf(",", this.valueStart(line));
    return comma === -1 || comma >= this.valueEnd(line);
  }

  /** The kind of a line. */
  lineId(line: number): number {
    return this.#words[Word.line + 4 * line] ?? 0;
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
    return this.#words[Word.line + 4 * line + 1] ?? 0;
  }

  /** Where the line after it begins. */
  lineEnd(line: number): number {
    return line + 1 < this.#count ? this.lineStart(line + 1) : this.headersEnd;
  }

  /** Where a line's trimmed value begins. */
  valueStart(line: number): number {
    return this.#words[Word.line + 4 * line + 2] ?? 0;
  }

  /** Where a line's trimmed value ends. */
  valueEnd(line: number): number {
    return this.#words[Word.line + 4 * line + 3] ?? 0;
  }

  #begin(text: string): void {
    this.text = text;
    this.isPlain = this.isRequest = this.hasBreaks = false;
    this.status = this.uriStart = this.uriEnd = 0;
    this.method = this.version = "";
    this.#via = this.#callId = this.#fromTag = this.#toTag = null;
    this.#uri = undefined;
  }

  #scanner({ maker }: Scanning): (text: string) => boolean {
    if (this.#scan === null || this.#maker !== maker) {
      if (this.#words.length < maker.words) this.#words = new Int32Array(maker.words);
      this.#maker = maker;
      this.#scan = maker.scanner(this.#words);
    }
    return this.#scan;
  }

  #takePlain(): void {
    const words = this.#words;
    this.isPlain = true;
    this.isRequest = words[Word.isRequest] === 1;
    this.method = methodNumbered(words[Word.method] ?? 0);
    this.status = words[Word.status] ?? 0;
    this.version = "SIP/2.0";
    this.uriStart = words[Word.uri] ?? 0;
    this.uriEnd = words[Word.uri + 1] ?? 0;
    this.headersEnd = words[Word.headersEnd] ?? 0;
    this.bodyStart = words[Word.body] ?? 0;
    this.#count = words[Word.lines] ?? 0;
  }

  #takeLines(found: FoundLines): void {
    if (found.words !== this.#words) {
      this.#words = found.words;
      this.#scan = null;
    }
    this.#count = found.count;
    this.headersEnd = found.headersEnd;
    this.bodyStart = found.bodyStart;
    this.hasBreaks = found.hasBreaks;
  }

  #readVia(): Via {
    const line = this.lineOf(Header.via);
    if (line === -1) throw new ParseError("no Via");
    const start = this.valueStart(line);
    return parseVia(this.text, start, elementEnd(this.text, start, this.valueEnd(line)));
  }

  #tag(id: HeaderId, at: number): string {
    if (!this.isPlain) return tagOf(this.header(id));
    const start = this.#words[at + AddressWord.tag] ?? -1;
    return start === -1 ? "" : this.text.slice(start, this.#words[at + AddressWord.tagEnd] ?? 0);
  }

  #startLine(stop: number): ParseError | null {
    const line = readStartLine(this.text, stop);
    this.isRequest = line.isRequest;
    this.method = line.method;
    this.status = line.status;
    this.version = line.version;
    this.uriStart = line.uriStart;
    this.uriEnd = line.uriEnd;
    return line.error;
  }

  #number(id: HeaderId): number {
    const line = this.lineOf(id);
    return line === -1 ? -1 : numberAt(this.text, this.valueStart(line), this.valueEnd(line));
  }
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === 10;
}
