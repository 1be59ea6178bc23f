import type { MapEntry, ScalarValue, Value } from "./yaml-value.ts";

// A large directory is thousands of lines of one plain form, and a parser of the whole of YAML needs a second for ten thousand of them. What is plain is read here: block maps and
// lists, flow maps and lists on one line, words and simply quoted texts. At the first character that could mean anything else nothing is read: the whole parser has the file.

/** Words that stand for themselves in any place: nothing in them, nor at their ends, means anything to YAML. */
const WORD = /[\p{L}\p{N}_+./][\p{L}\p{N}_+./@()'-]*(?: +[\p{L}\p{N}_+./@(][\p{L}\p{N}_+./@()'-]*)*/uy;
const KEY = /([\p{L}\p{N}_][\p{L}\p{N}_-]{0,99}):(?=[ \n]|$)/uy;
const DOUBLE = /"([^"\\\n]*)"/y;
const SINGLE = /'([^'\n]*)'(?!')/y;
const SPACES = / */y;
const REST = /(?: *| +#[^\n]*)(?:\n|$)/y;
const EMPTY_LINES = /(?: *(?:#[^\n]*)?\n)+/y;
/** Whatever makes a file special anywhere: tabs and other controls, a carriage return, variables, further documents and directives. */
const SPECIAL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\$\{|^(?:---|\.\.\.|%)/m;
const NESTING_MAX = 20;
/** Keys in one map: each is compared with all before it. */
const KEYS_MAX = 64;

/** The values of a file that is plain YAML throughout, with the places that the whole parser would give; null when it may be anything else. `typeOf`: what an unquoted word is. */
export function plainTree(text: string, typeOf: (word: string) => ScalarValue["type"]): Value | null {
  if (SPECIAL.test(text)) return null;
  return new PlainReader(text, typeOf).file();
}

class PlainReader {
  readonly #text: string;
  readonly #typeOf: (word: string) => ScalarValue["type"];
  #at = 0;

  constructor(text: string, typeOf: (word: string) => ScalarValue["type"]) {
    this.#text = text;
    this.#typeOf = typeOf;
  }

  file(): Value | null {
    this.#skip(EMPTY_LINES);
    if (this.#at === this.#text.length) return null;
    const value = this.#block(0, 0);
    return value !== null && this.#at === this.#text.length ? value : null;
  }

  /** The block whose lines begin `indent` spaces in; stands before these spaces, or (a list's item) behind the dash and where that block begins. */
  #block(indent: number, depth: number, isWithinLine = false): Value | null {
    if (depth > NESTING_MAX) return null;
    if (!isWithinLine) this.#at += indent;
    return this.#isDash() ? this.#blockList(indent, depth) : this.#blockMap(indent, depth);
  }

  #blockList(indent: number, depth: number): Value | null {
    const offset = this.#at;
    const items: Value[] = [];
    do {
      this.#at++;
      const spaces = this.#skip(SPACES);
      const inner = indent + 1 + spaces;
      const item = this.#isDash() || this.#isAt(KEY) ? this.#block(inner, depth + 1, true) : this.#line();
      if (item === null) return null;
      items.push(item);
    } while (this.#isDashAt(this.#at + indent) && this.#goesOn(indent));
    return this.#indentHere() > indent ? null : { kind: "list", items, offset };
  }

  #blockMap(indent: number, depth: number): Value | null {
    const offset = this.#at;
    const entries: MapEntry[] = [];
    do {
      const keyAt = this.#at;
      const key = this.#take(KEY);
      if (key === null) return null;
      const value = this.#valueOfKey(indent, depth);
      if (value === null || !isNew(key, entries)) return null;
      entries.push({ key, offset: keyAt, value });
    } while (this.#goesOn(indent));
    return this.#indentHere() > indent ? null : { kind: "map", entries, offset };
  }

  /** What stands behind the colon, or in the lines below. */
  #valueOfKey(indent: number, depth: number): Value | null {
    if (!this.#isAt(REST)) {
      this.#skip(SPACES);
      return this.#line();
    }
    this.#skip(REST);
    this.#skip(EMPTY_LINES);
    const inner = this.#indentHere();
    const isList = inner === indent && this.#isDashAt(this.#at + inner);
    return inner > indent || isList ? this.#block(inner, depth + 1) : null;
  }

  /** A value that ends with its line. */
  #line(): Value | null {
    const value = this.#inline(0);
    if (value === null || !this.#isAt(REST)) return null;
    this.#skip(REST);
    this.#skip(EMPTY_LINES);
    return value;
  }

  #inline(depth: number): Value | null {
    if (depth > NESTING_MAX) return null;
    const offset = this.#at;
    const char = this.#text[offset];
    if (char === "{") return this.#flowMap(depth);
    if (char === "[") return this.#flowList(depth);
    if (char === '"' || char === "'") {
      const quoted = this.#take(char === '"' ? DOUBLE : SINGLE);
      return quoted === null ? null : { kind: "scalar", type: "text", text: quoted, written: quoted, offset };
    }
    WORD.lastIndex = offset;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) return null;
    this.#at += word.length;
    return { kind: "scalar", type: this.#typeOf(word), text: word, written: word, offset };
  }

  #flowMap(depth: number): Value | null {
    const offset = this.#at;
    const entries: MapEntry[] = [];
    const isRead = this.#flow("}", () => {
      const keyAt = this.#at;
      const key = this.#take(KEY);
      if (key === null || this.#skip(SPACES) === 0) return false;
      const value = this.#inline(depth + 1);
      if (value === null || !isNew(key, entries)) return false;
      entries.push({ key, offset: keyAt, value });
      return true;
    });
    return isRead ? { kind: "map", entries, offset } : null;
  }

  #flowList(depth: number): Value | null {
    const offset = this.#at;
    const items: Value[] = [];
    const isRead = this.#flow("]", () => {
      const item = this.#inline(depth + 1);
      if (item !== null) items.push(item);
      return item !== null;
    });
    return isRead ? { kind: "list", items, offset } : null;
  }

  /** Items between commas, up to `end`; false when one is not plain. */
  #flow(end: string, item: () => boolean): boolean {
    this.#at++;
    this.#skip(SPACES);
    if (this.#text[this.#at] === end) {
      this.#at++;
      return true;
    }
    for (;;) {
      if (!item()) return false;
      this.#skip(SPACES);
      const char = this.#text[this.#at++];
      if (char === end) return true;
      if (char !== ",") return false;
      this.#skip(SPACES);
    }
  }

  /** True when the next line belongs to the block of that indent; stands at its first character then. */
  #goesOn(indent: number): boolean {
    if (this.#at === this.#text.length || this.#indentHere() !== indent) return false;
    this.#at += indent;
    return true;
  }

  /** Spaces before the line that begins here; -1 at the end. */
  #indentHere(): number {
    if (this.#at === this.#text.length) return -1;
    SPACES.lastIndex = this.#at;
    SPACES.test(this.#text);
    return SPACES.lastIndex - this.#at;
  }

  #isDash(): boolean {
    return this.#isDashAt(this.#at);
  }

  #isDashAt(at: number): boolean {
    return this.#text[at] === "-" && this.#text[at + 1] === " ";
  }

  #isAt(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[1];
    if (found === undefined) return null;
    this.#at = pattern.lastIndex;
    return found;
  }

  /** How many characters were passed. */
  #skip(pattern: RegExp): number {
    const from = this.#at;
    pattern.lastIndex = from;
    if (pattern.test(this.#text)) this.#at = pattern.lastIndex;
    return this.#at - from;
  }
}

function isNew(key: string, entries: readonly MapEntry[]): boolean {
  return entries.length < KEYS_MAX && !entries.some((entry) => entry.key === key);
}
