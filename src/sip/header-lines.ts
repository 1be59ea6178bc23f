import { ParseError } from "../base/errors.ts";
import { headerIdAt, nameHashStart, nameHashStep, type HeaderId } from "./header-name.ts";
import { Word } from "./scan-words.ts";

/** Header lines of one message; more are refused. */
export const headerLinesMax = 250;

/** Where the header lines of a text stand. */
export interface FoundLines {
  /** The array that was given, or a longer one that takes its place. */
  readonly words: Int32Array;
  readonly count: number;
  /** Where the blank line begins. */
  readonly headersEnd: number;
  readonly bodyStart: number;
  /** True when a value may hold line breaks: it was folded, or is broken. */
  readonly hasBreaks: boolean;
  /** True when a line feed had no carriage return before it. */
  readonly hasBareFeeds: boolean;
  /** Why they cannot all be told apart. */
  readonly error: ParseError | null;
}

/** Notes the header lines that begin at `from`, up to the blank line, in `words`, whose first lines by header are all -1. Whatever cannot be read is passed
 *  over, so that a refusal can be made of the rest. */
export function findHeaderLines(text: string, from: number, words: Int32Array): FoundLines {
  let array = words;
  let count = 0;
  let error: ParseError | null = null;
  let hasBreaks = false;
  let hasBareFeeds = false;
  let at = from;
  let carriageReturn = indexOrEnd(text, "\r", from);
  /** Where the next line feed stands, or the text's end. */
  const feedFrom = (start: number): number => {
    const found = indexOrEnd(text, "\n", start);
    if (found < text.length && text.charCodeAt(found - 1) !== 13) hasBareFeeds = true;
    return found;
  };
  for (;;) {
    if (at >= text.length) {
      error ??= new ParseError("no blank line after the headers");
      return { words: array, count, headersEnd: text.length, bodyStart: text.length, hasBreaks, hasBareFeeds, error };
    }
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) === 10)) return { words: array, count, headersEnd: at, bodyStart: at + (code === 10 ? 1 : 2), hasBreaks, hasBareFeeds, error };
    let hash = nameHashStart;
    let nameEnd = at;
    for (let c = code; nameEnd < text.length && c !== 58 && c > 32; c = text.charCodeAt(++nameEnd)) hash = nameHashStep(hash, c);
    let colon = nameEnd;
    while (isBlank(text.charCodeAt(colon))) colon++;
    let lineEnd = feedFrom(colon);
    // A line that begins with a blank continues the one before (RFC 3261 §7.3.1).
    while (isBlank(text.charCodeAt(lineEnd + 1))) {
      hasBreaks = true;
      if (carriageReturn < lineEnd - 1) error ??= bareReturn();
      if (carriageReturn < lineEnd) carriageReturn = indexOrEnd(text, "\r", lineEnd + 1);
      lineEnd = feedFrom(lineEnd + 1);
    }
    if (carriageReturn < lineEnd - 1) {
      hasBreaks = true;
      error ??= bareReturn();
    }
    if (carriageReturn < lineEnd) carriageReturn = indexOrEnd(text, "\r", lineEnd + 1);
    if (text.charCodeAt(colon) !== 58 || nameEnd === at) error ??= new ParseError("a header line without a name and a colon");
    else if (count >= headerLinesMax) error ??= new ParseError(`more than ${headerLinesMax} header lines`);
    else {
      if (array.length < Word.line + 4 * (count + 1)) array = longer(array);
      note(array, count++, headerIdAt(text, at, nameEnd, hash), text, at, colon + 1, Math.min(lineEnd, text.length));
    }
    at = lineEnd + 1;
  }
}

function note(words: Int32Array, line: number, id: HeaderId, text: string, start: number, valueStart: number, lineEnd: number): void {
  let from = valueStart;
  let to = text.charCodeAt(lineEnd - 1) === 13 && lineEnd > valueStart ? lineEnd - 1 : lineEnd;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  const at = Word.line + 4 * line;
  words[at] = id;
  words[at + 1] = start;
  words[at + 2] = from;
  words[at + 3] = to;
  if (words[Word.first + id] === -1) words[Word.first + id] = line;
}

function longer(words: Int32Array): Int32Array {
  const twice = new Int32Array(Word.line + 2 * (words.length - Word.line) + 16);
  twice.set(words);
  return twice;
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
