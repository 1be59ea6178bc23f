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
  #bodyLength = -1;
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
        const isWhole = this.#scanFrom === 0 || text.includes("\r\n\r\n", at + this.#scanFrom);
        const headLength = (isWhole ? this.#scanHead(text, at) : -1) - at;
        if (headLength < 0) {
          if (text.length - at > this.#limits.headBytes) this.#break("oversized", text.slice(at, at + OVERSIZED_HEAD_BYTES));
          else this.#hold(tailOf(text, at, chunk));
          return;
        }
        const bodyLength = this.#bodyLength;
        if (bodyLength < 0 && headLength <= this.#limits.headBytes) {
          this.#break("unframable", text.slice(at, at + headLength));
          return;
        }
        if (headLength + bodyLength > this.#limits.messageBytes || headLength > this.#limits.headBytes) {
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

  /** The end of the head that begins at `from`, or -1; its Content-Length goes to `#bodyLength`: negative when it is missing, no number, or given twice with different values.
   *  Searches for one character at a time: the engine does that several times faster than for two. */
  #scanHead(text: string, from: number): number {
    let found = NaN;
    for (let feed = text.indexOf("\n", from); feed >= 0; feed = text.indexOf("\n", feed + 1)) {
      if (text.charCodeAt(feed - 1) !== 0x0d) continue;
      const code = text.charCodeAt(feed + 1);
      if (code === 0x0d && text.charCodeAt(feed + 2) === 0x0a) {
        this.#bodyLength = found >= 0 ? found : -1;
        return feed + 3;
      }
      const colon = (code | 0x20) === 0x6c ? colonAt(text, feed + 2) : isContentLength(text, feed + 1) ? colonAt(text, feed + 15) : -1;
      if (colon < 0) continue;
      const value = numberAt(text, colon + 1);
      found = value < 0 || (!Number.isNaN(found) && found !== value) ? -1 : value;
    }
    return -1;
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

/** Larger than any limit, and small enough to stay exact. */
const LENGTH_MAX = 1e12;

function isContentLength(text: string, at: number): boolean {
  return (text.charCodeAt(at) | 0x20) === 0x63 && text.charCodeAt(at + 7) === 0x2d && text.slice(at, at + 14).toLowerCase() === "content-length";
}

/** The place of the colon that follows a header name, blanks before it allowed; -1 when something else follows. */
function colonAt(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return text.charCodeAt(at) === 0x3a ? at : -1;
}

/** The number that is a header's whole value, or -1. */
function numberAt(text: string, from: number): number {
  let at = skipFolded(text, from);
  let value = 0;
  const first = at;
  for (; ; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = Math.min(value * 10 + digit, LENGTH_MAX);
  }
  if (at === first) return -1;
  at = skipFolded(text, at);
  return text.charCodeAt(at) === 0x0d && text.charCodeAt(at + 1) === 0x0a ? value : -1;
}

/** Skips blanks and folds (a CRLF that a blank follows). */
function skipFolded(text: string, from: number): number {
  for (let at = from; ; at++) {
    if (isBlank(text.charCodeAt(at))) continue;
    const isFold = text.charCodeAt(at) === 0x0d && text.charCodeAt(at + 1) === 0x0a && isBlank(text.charCodeAt(at + 2));
    if (!isFold) return at;
    at += 2;
  }
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
