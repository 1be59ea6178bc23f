import { ParseError } from "../base/errors.ts";
import { paramOf, parseSipUri, quotesClose, type SipUri } from "./uri.ts";

/** A From, To, Contact, Route … value: `"Alice" <sip:101@host;lr>;tag=1` (RFC 3261 §20.10). */
export interface NameAddr {
  /** Without quotes and escapes; empty when there is none. Still latin1 bytes. */
  readonly display: string;
  readonly uri: string;
  /** The header's own parameters, each with its leading `;`. */
  readonly params: string;
}

/** What nearly all values look like. */
const PLAIN = /^(?:"[^"\\]*" ?|[\w.!%*+`'~-]+(?: [\w.!%*+`'~-]+)* ?)?<[^\0-\x20\x7f<>]+>(?:;[^"]*)?$/;
const QUOTE = 34;

/** Reads one value of such a header. Without angle brackets, what follows `;` belongs to the header (RFC 3261 §20).
 *  Throws ParseError when quotes or brackets do not close, nothing or blanks stand in them, or a name wants quotes. */
export function parseNameAddr(text: string): NameAddr {
  if (PLAIN.test(text)) {
    const quote = text.charCodeAt(0) === QUOTE ? text.indexOf('"', 1) : 0;
    const open = text.indexOf("<", quote);
    const close = text.indexOf(">", open);
    return { display: quote > 0 ? text.slice(1, quote) : text.slice(0, open).trimEnd(), uri: text.slice(open + 1, close), params: text.slice(close + 1) };
  }
  let at = 0;
  let display = "";
  if (text.startsWith('"')) {
    for (at = 1; at < text.length && text.charCodeAt(at) !== 34; at++) if (text.charCodeAt(at) === 92) at++;
    if (at >= text.length) throw new ParseError("a display name whose quote does not close");
    display = text.slice(1, at).replace(/\\(.)/gs, "$1");
    at++;
  }
  const open = text.indexOf("<", at);
  if (open === -1) {
    if (at > 0) throw new ParseError("a display name without an address in angle brackets");
    const semicolon = text.indexOf(";");
    const uri = (semicolon === -1 ? text : text.slice(0, semicolon)).trim();
    if (uri === "" || /[\0-\x20\x7f>?]/.test(uri)) throw new ParseError("no address");
    return { display: "", uri, params: closed(semicolon === -1 ? "" : text.slice(semicolon)) };
  }
  if (at === 0) display = text.slice(0, open).trim();
  else if (text.slice(at, open).trim() !== "") throw new ParseError("text between display name and address");
  if (at === 0 && /[\0-\x08\x0b\x0c\x0e-\x1f\x7f",;<>]/.test(display)) throw new ParseError("a display name with characters that want quotes");
  const close = text.indexOf(">", open);
  if (close === -1) throw new ParseError("an angle bracket that does not close");
  const uri = text.slice(open + 1, close);
  if (uri === "") throw new ParseError("no address between the angle brackets");
  if (/[\0-\x20\x7f<]/.test(uri)) throw new ParseError("blanks or worse between the angle brackets");
  const params = text.slice(close + 1).trimStart();
  if (params !== "" && !params.startsWith(";")) throw new ParseError("text after the address");
  return { display, uri, params: closed(params) };
}

function closed(params: string): string {
  if (!quotesClose(params)) throw new ParseError("a parameter whose quote does not close");
  return params;
}

/** The parsed URI of such a value. Throws ParseError when it is none. */
export function uriOf(address: NameAddr): SipUri {
  const uri = parseSipUri(address.uri);
  if (uri === null) throw new ParseError(`no URI: ${address.uri.slice(0, 80)}`);
  return uri;
}

/** The tag of a From or To value; empty when it has none. A quick look that does not check the rest. */
export function tagOf(value: string | undefined): string {
  if (value === undefined) return "";
  const close = value.lastIndexOf(">");
  return paramOf(close === -1 ? value : value.slice(close + 1), "tag") ?? "";
}

/** True when a From or To value has a tag, empty or not: a quick look outside the angle brackets. */
export function hasTag(value: string): boolean {
  return /;[ \t\r\n]*tag[ \t\r\n]*=/i.test(value.slice(value.lastIndexOf(">") + 1));
}
