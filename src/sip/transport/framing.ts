import { OVERSIZED_HEAD_BYTES } from "./limits.ts";

/** Why a stream cannot be read any further: too large, no usable Content-Length, or not SIP at all. */
export type Breakage = "oversized" | "unframable" | "garbage";

/** What a stream of bytes turned out to hold, in its order. A sink may call `stop` from within. */
export interface FrameSink {
  /** One whole message, with its body. */
  onFrame(text: string): void;
  /** A double CRLF between messages: to be answered with a single one (RFC 5626 §4.4.1). */
  onPing(): void;
  /** Nothing more will be framed. `text`: `oversized` the first 8 KB of the head, `unframable` the head with its blank line, `garbage` nothing. */
  onBroken(breakage: Breakage, text: string): void;
}

/** The bounds that the framer keeps, in bytes: the whole message, and its head alone. */
export interface FramingLimits {
  readonly messageBytes: number;
  readonly headBytes: number;
}

/** Cuts one connection's bytes into SIP messages by their Content-Length (RFC 3261 §18.3); compact, folded and oddly spaced forms included.
 *  Holds at most `messageBytes` and one chunk. */
export class Framer {
  readonly #sink: FrameSink;
  readonly #limits: FramingLimits;
  #pending = "";
  /** Where the search for the blank line goes on, within `#pending`. */
  #scanFrom = 0;
  /** The whole length of the message that `#pending` begins, once its head is known; else 0. */
  #wanted = 0;
  /** How far into the four bytes of a CRLF CRLF we are between messages. */
  #pingBytes = 0;
  #isStopped = false;

  constructor(sink: FrameSink, limits: FramingLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** True while a message has begun and is not whole. */
  get isMidMessage(): boolean {
    return this.#pending !== "";
  }

  /** Frames nothing more and lets go of what was held. */
  stop(): void {
    this.#isStopped = true;
    this.#pending = "";
  }

  /** Takes the next bytes of the stream; the buffer is not kept. */
  push(chunk: Buffer): void {
    if (this.#isStopped) return;
    const held = this.#pending.length;
    if (held + chunk.length < this.#wanted) {
      this.#pending = flat(this.#pending + chunk.toString("latin1"));
      return;
    }
    const text = held === 0 ? chunk.toString("latin1") : this.#pending + chunk.toString("latin1");
    let at = 0;
    for (;;) {
      if (this.#wanted === 0) {
        if (at > 0 || held === 0) at = this.#skipBetween(text, at);
        if (this.#isStopped) return;
        if (at === text.length) {
          this.#hold("");
          return;
        }
        const first = text.charCodeAt(at);
        if (first <= 0x20 || first >= 0x7f) {
          this.#break("garbage", "");
          return;
        }
        this.#pingBytes = 0;
        const blank = text.indexOf("\r\n\r\n", at + this.#scanFrom);
        if (blank < 0) {
          if (text.length - at > this.#limits.headBytes) this.#break("oversized", text.slice(at, at + OVERSIZED_HEAD_BYTES));
          else this.#hold(tailOf(text, at, chunk));
          return;
        }
        const headLength = blank + 4 - at;
        const bodyLength = headLength > this.#limits.headBytes ? Infinity : contentLength(text, at, blank + 2);
        if (bodyLength < 0) {
          this.#break("unframable", text.slice(at, at + headLength));
          return;
        }
        if (headLength + bodyLength > this.#limits.messageBytes) {
          this.#break("oversized", text.slice(at, at + Math.min(headLength, OVERSIZED_HEAD_BYTES)));
          return;
        }
        this.#wanted = headLength + bodyLength;
      }
      const end = at + this.#wanted;
      if (text.length < end) {
        const wanted = this.#wanted;
        this.#hold(tailOf(text, at, chunk));
        this.#wanted = wanted;
        return;
      }
      this.#wanted = 0;
      this.#scanFrom = 0;
      const before = text.length - chunk.length;
      // A copy of its own: a message that is kept must not keep its neighbours.
      const frame = at === 0 && end === text.length ? text : at >= before ? chunk.toString("latin1", at - before, end - before) : text.slice(at, end);
      this.#pending = "";
      this.#sink.onFrame(frame);
      if (this.#isStopped) return;
      if (end === text.length) return;
      at = end;
    }
  }

  #hold(rest: string): void {
    this.#pending = rest;
    this.#scanFrom = Math.max(0, rest.length - 3);
    this.#wanted = 0;
  }

  #break(breakage: Breakage, text: string): void {
    this.stop();
    this.#sink.onBroken(breakage, text);
  }

  #skipBetween(text: string, from: number): number {
    let at = from;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === (this.#pingBytes % 2 === 0 ? 0x0d : 0x0a)) {
        this.#pingBytes++;
        if (this.#pingBytes === 4) {
          this.#pingBytes = 0;
          this.#sink.onPing();
          if (this.#isStopped) return at;
        }
      } else if (code === 0x0d) this.#pingBytes = 1;
      else if (code === 0x0a || code === 0) this.#pingBytes = 0;
      else break;
    }
    return at;
  }
}

/** The Content-Length of the head in `text` from `from` to `to` (just before the blank line's CRLF); negative when it is missing, no number, or given twice with different values. */
export function contentLength(text: string, from: number, to: number): number {
  let found = -1;
  for (let line = text.indexOf("\r\n", from) + 2; line >= 2 && line < to; line = text.indexOf("\r\n", line) + 2) {
    const code = text.charCodeAt(line) | 0x20;
    let at: number;
    if (code === 0x6c) at = line + 1;
    else if (code === 0x63 && text.charCodeAt(line + 7) === 0x2d && text.slice(line, line + 14).toLowerCase() === "content-length") at = line + 14;
    else continue;
    while (isBlank(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) !== 0x3a) continue;
    const value = numberAt(text, at + 1, to);
    if (value < 0 || (found >= 0 && found !== value)) return -1;
    found = value;
  }
  return found;
}

/** Larger than any limit, and small enough to stay exact. */
const LENGTH_MAX = 1e12;

function numberAt(text: string, from: number, to: number): number {
  let at = skipFolded(text, from, to);
  let value = 0;
  const first = at;
  for (; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = Math.min(value * 10 + digit, LENGTH_MAX);
  }
  if (at === first) return -1;
  at = skipFolded(text, at, to);
  return at >= to || (text.charCodeAt(at) === 0x0d && text.charCodeAt(at + 1) === 0x0a) ? value : -1;
}

/** Skips blanks and folds (a CRLF that a blank follows). */
function skipFolded(text: string, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    if (isBlank(text.charCodeAt(at))) continue;
    const isFold = text.charCodeAt(at) === 0x0d && text.charCodeAt(at + 1) === 0x0a && at + 2 < to && isBlank(text.charCodeAt(at + 2));
    if (!isFold) return at;
    at += 2;
  }
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function tailOf(text: string, at: number, chunk: Buffer): string {
  if (at === 0) return flat(text);
  const before = text.length - chunk.length;
  return at >= before ? chunk.toString("latin1", at - before) : text.slice(at);
}

/** Reading one character makes the engine lay a concatenation out in one piece, so that byte-wise senders cannot grow chains of it. */
function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}
