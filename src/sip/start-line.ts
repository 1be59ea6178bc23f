import { ParseError } from "../base/errors.ts";
import { internMethod, isToken } from "./method.ts";

/** What the first line of a message says, as much of it as could be read. */
export interface StartLine {
  readonly isRequest: boolean;
  /** Of a request; empty when the line does not begin with one. */
  readonly method: string;
  /** Of a response; 0 for a request. */
  readonly status: number;
  readonly version: string;
  /** Where the request URI or the reason phrase stands. */
  readonly uriStart: number;
  readonly uriEnd: number;
  readonly error: ParseError | null;
}

/** Reads the line that ends at `stop` (RFC 3261 §7.1, §7.2). */
export function readStartLine(text: string, stop: number): StartLine {
  return text.startsWith("SIP/", 0) ? statusLine(text, stop) : requestLine(text, stop);
}

function requestLine(text: string, stop: number): StartLine {
  const methodEnd = text.indexOf(" ");
  const begun = { isRequest: true, method: "", status: 0, version: "", uriStart: 0, uriEnd: 0 };
  if (methodEnd <= 0 || methodEnd >= stop || !isToken(text, 0, methodEnd)) return { ...begun, error: new ParseError("no method at the begin of the request line") };
  const method = internMethod(text, 0, methodEnd);
  // The version is what stands after the last blank, so that a URI with blanks can be answered 400 instead of being dropped.
  let trimmed = stop;
  while (trimmed > methodEnd && isSpace(text.charCodeAt(trimmed - 1))) trimmed--;
  const versionStart = text.lastIndexOf(" ", trimmed - 1) + 1;
  const version = text.slice(versionStart, trimmed);
  const uriStart = methodEnd + 1;
  if (versionStart <= methodEnd + 1 || !/^SIP\/\d+\.\d+$/i.test(version)) {
    return { ...begun, method, uriStart, uriEnd: trimmed, error: new ParseError("no SIP version at the end of the request line") };
  }
  const uriEnd = Math.max(uriStart, versionStart - 1);
  const read = { ...begun, method, version, uriStart, uriEnd };
  if (trimmed !== stop) return { ...read, error: new ParseError("blanks after the SIP version") };
  for (let at = uriStart; at < uriEnd; at++) if (isSpace(text.charCodeAt(at))) return { ...read, error: new ParseError("blanks in the request line") };
  return { ...read, error: null };
}

function statusLine(text: string, stop: number): StartLine {
  const space = text.indexOf(" ");
  const digits = text.slice(space + 1, space + 4);
  const next = text.charCodeAt(space + 4);
  const isStatus = space > 0 && space + 4 <= stop && /^[1-6]\d\d$/.test(digits) && (space + 4 === stop || next === 32);
  return {
    isRequest: false,
    method: "",
    status: isStatus ? Number(digits) : 0,
    version: text.slice(0, space),
    uriStart: Math.min(space + 5, stop),
    uriEnd: stop,
    error: isStatus ? null : new ParseError("no status from 100 to 699 in the status line"),
  };
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === 10;
}
