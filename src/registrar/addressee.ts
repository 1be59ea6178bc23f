import { ParseError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { parseSipUri } from "../sip/uri.ts";

/** What the registrar asks of the directory. */
export interface AorLookup {
  /** The person whom user and host name, alias and number included; null when there is none. `user` is as it stands in
   *  the URI, `host` lower case, IPv6 in brackets. */
  aorOf(user: string, host: string): Aor | null;
}

/** Whom a REGISTER is for: the AoR of its To (RFC 3261 §10.3 step 5); `unknown` when To names nobody here, `malformed` when it cannot be read. */
export function addressee(message: Message, directory: AorLookup): Aor | "unknown" | "malformed" {
  const line = message.lineOf(Header.to);
  if (line === -1) return "malformed";
  const quick = quickAddressee(message.text, message.valueStart(line), message.valueEnd(line), directory);
  if (quick !== undefined) return quick ?? "unknown";
  try {
    const uri = parseSipUri(parseNameAddr(message.text.slice(message.valueStart(line), message.valueEnd(line))).uri);
    // Who is no SIP address at all cannot be registered (RFC 4475 §3.3.4).
    if (uri === null || uri.scheme === "other") return "malformed";
    if ((uri.scheme !== "sip" && uri.scheme !== "sips") || uri.user === null) return "unknown";
    return directory.aorOf(uri.user, uri.host) ?? "unknown";
  } catch (error) {
    if (error instanceof ParseError) return "malformed";
    throw error;
  }
}

/** The common form, `"Name" <sip:101@tel.example.test>`, without making anything; undefined for every other form. */
function quickAddressee(text: string, start: number, end: number, directory: AorLookup): Aor | null | undefined {
  let open = start;
  if (text.charCodeAt(start) === QUOTE) {
    const close = text.indexOf('"', start + 1);
    if (close === -1 || close >= end || text.charCodeAt(close - 1) === BACKSLASH) return undefined;
    open = close + 1;
  }
  while (open < end && text.charCodeAt(open) === SPACE) open++;
  if (!text.startsWith("<sip:", open)) return undefined;
  const userStart = open + 5;
  let at = userStart;
  while (at < end && isPlain(text.charCodeAt(at))) at++;
  if (at === userStart || text.charCodeAt(at) !== AT) return undefined;
  const userEnd = at++;
  while (at < end && isPlainHost(text.charCodeAt(at))) at++;
  if (at === userEnd + 1 || text.charCodeAt(at) !== CLOSE || (at + 1 < end && text.charCodeAt(at + 1) !== SEMICOLON)) return undefined;
  return directory.aorOf(text.slice(userStart, userEnd), text.slice(userEnd + 1, at));
}

const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;
const SEMICOLON = 59;
const CLOSE = 62;
const AT = 64;

function isPlain(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 45 || c === 46 || c === 95 || c === 43;
}

function isPlainHost(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 97 && c <= 122) || c === 45 || c === 46;
}
