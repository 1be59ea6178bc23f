import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr, uriOf } from "../sip/name-addr.ts";
import { ParseError } from "../base/errors.ts";
import { parseSipUri } from "../sip/uri.ts";
import type { Answer } from "../sip/response.ts";

/** What makes a request unfit to be handled (RFC 3261 §16.3 and §8.2): the answer it gets, or null when it is fit. Pure.
 *  Loops are another question, see `loop.ts`. */
export function refusalOf(message: Message, isUdp: boolean): Answer | null {
  if (message.version.toUpperCase() !== "SIP/2.0") return { status: 505 };
  const missing = REQUIRED.find((header) => !message.has(header));
  if (missing !== undefined) return bad(`no ${NAMES[missing] ?? "header"}`);
  for (const header of SINGLE) if (message.lineOf(header, message.lineOf(header)) !== -1) return bad(`more than one ${NAMES[header] ?? "header"}`);
  if (Number.isNaN(message.cseq)) return bad("no number in CSeq");
  if (message.cseqMethod !== message.method) return bad("CSeq names another method");
  const length = message.contentLength;
  if (Number.isNaN(length)) return bad("Content-Length is no number");
  if (isUdp && length > message.text.length - message.bodyStart) return bad("Content-Length is larger than the message");
  const uri = parseSipUri(message.requestUri);
  if (uri === null) return bad("the request URI cannot be read");
  if (uri.scheme === "other" || uri.scheme === "tel") return { status: 416 };
  if (uri.headers !== "") return bad("headers in the request URI");
  try {
    for (const header of [Header.from, Header.to]) parseNameAddr(message.header(header) ?? "");
    // Only SIP addresses are read further: a From of another scheme is a stranger's, not an error.
    if (message.method === "REGISTER") uriOf(parseNameAddr(message.header(Header.to) ?? ""));
  } catch (err) {
    if (err instanceof ParseError) return bad(err.message);
    throw err;
  }
  const hops = message.maxForwards;
  if (Number.isNaN(hops) || hops > MAX_FORWARDS_MAX) return bad("Max-Forwards is no number from 0 to 255");
  return null;
}

/** The Proxy-Require option tags that we do not know (RFC 3261 §16.3 step 5): none is known. Null when there are none. */
export function unknownProxyRequire(message: Message): Answer | null {
  if (!message.has(Header.proxyRequire)) return null;
  const tags = message.values(Header.proxyRequire);
  return tags.length === 0 ? null : { status: 420, headers: `Unsupported: ${tags.join(", ")}\r\n` };
}

const MAX_FORWARDS_MAX = 255;
const REQUIRED = [Header.from, Header.to, Header.callId, Header.cseq] as const;
const SINGLE = [Header.from, Header.to, Header.callId, Header.cseq, Header.maxForwards, Header.contentLength] as const;
const NAMES: Readonly<Record<number, string>> = {
  [Header.from]: "From",
  [Header.to]: "To",
  [Header.callId]: "Call-ID",
  [Header.cseq]: "CSeq",
  [Header.maxForwards]: "Max-Forwards",
  [Header.contentLength]: "Content-Length",
};

function bad(why: string): Answer {
  return { status: 400, reason: `Bad Request: ${why}` };
}
