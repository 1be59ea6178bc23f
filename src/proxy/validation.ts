import { Header } from "../sip/header-name.ts";
import { headerLinesMax } from "../sip/header-lines.ts";
import { elementEnd } from "../sip/list-element.ts";
import type { Message } from "../sip/message.ts";
import { isKnownMethod } from "../sip/method.ts";
import { parseNameAddr, uriOf } from "../sip/name-addr.ts";
import { ParseError } from "../base/errors.ts";
import type { Answer } from "../sip/response.ts";
import type { Protocol } from "../sip/transport/transport.ts";
import { parseVia } from "../sip/via.ts";

/** What makes a request unfit to be handled (RFC 3261 §16.3 and §8.2): the answer it gets, or null when it is fit, and so fit to be forwarded. Pure.
 *  Loops are another question, see `loop.ts`. */
export function refusalOf(message: Message, protocol: Protocol): Answer | null {
  // A plain message has been found sound, see `native/scan.c`.
  if (message.isPlain) return message.contentLength < 0 && needsLength(protocol) ? bad("no Content-Length") : null;
  if (message.version.toUpperCase() !== "SIP/2.0") return { status: 505 };
  if (message.lineCount > headerLinesMax - HEADER_LINES_ADDED_MAX) return bad("too many header lines");
  const missing = REQUIRED.find((header) => !message.has(header));
  if (missing !== undefined) return bad(`no ${NAMES[missing] ?? "header"}`);
  for (const header of SINGLE) if (message.lineOf(header, message.lineOf(header)) !== -1) return bad(`more than one ${NAMES[header] ?? "header"}`);
  if (Number.isNaN(message.cseq)) return bad("no number in CSeq");
  // A method that we do not know may be one that we should: 501 says so (RFC 4475 §3.1.2.18).
  if (message.cseqMethod !== message.method) return isKnownMethod(message.method) ? bad("CSeq names another method") : { status: 501 };
  const length = message.contentLength;
  if (Number.isNaN(length)) return bad("Content-Length is no number");
  if (length > message.text.length - message.bodyStart) return bad("Content-Length is larger than the message");
  // Without it a stream's message has no end (RFC 3261 §18.3); a WebSocket's frame is one (RFC 7118 §5).
  if (length < 0 && needsLength(protocol)) return bad("no Content-Length");
  const { uri } = message;
  if (uri === null) return bad("the request URI cannot be read");
  if (uri.scheme === "other" || uri.scheme === "tel") return { status: 416 };
  if (uri.headers !== "") return bad("headers in the request URI");
  try {
    // Of other schemes nothing is asked: such a From is a stranger's, not an error.
    for (const header of [Header.from, Header.to]) {
      const address = parseNameAddr(message.header(header) ?? "");
      if (!PLAIN_URI.test(address.uri)) uriOf(address);
    }
    lowerVias(message);
  } catch (err) {
    if (err instanceof ParseError) return bad(err.message);
    throw err;
  }
  const hops = message.maxForwards;
  if (Number.isNaN(hops) || hops > MAX_FORWARDS_MAX) return bad("Max-Forwards is no number from 0 to 255");
  return null;
}

function needsLength(protocol: Protocol): boolean {
  return protocol === "tcp" || protocol === "tls";
}

/** The Proxy-Require option tags that we do not know (RFC 3261 §16.3 step 5): none is known. Null when there are none. */
export function unknownProxyRequire(message: Message): Answer | null {
  if (!message.has(Header.proxyRequire)) return null;
  const tags = message.values(Header.proxyRequire);
  return tags.length === 0 ? null : { status: 420, headers: `Unsupported: ${tags.join(", ").replace(/\s+/g, " ")}\r\n` };
}

/** Reads the Vias below the topmost one, which has been read already. Throws ParseError when one is none: it would be forwarded, and come back. */
function lowerVias(message: Message): void {
  const { text } = message;
  const first = message.lineOf(Header.via);
  if (message.lineOf(Header.via, first) === -1 && text.lastIndexOf(",", message.valueEnd(first)) < message.valueStart(first)) return;
  let isTop = true;
  for (let line = first; line !== -1; line = message.lineOf(Header.via, line)) {
    const end = message.valueEnd(line);
    let start = message.valueStart(line);
    do {
      const stop = elementEnd(text, start, end);
      while (start < stop && text.charCodeAt(start) <= 32) start++;
      if (!isTop) parseVia(text, start, stop);
      isTop = false;
      start = stop + 1;
    } while (start <= end);
  }
}

/** What nearly all URIs look like. */
const PLAIN_URI = /^sips?:[A-Za-z0-9._+-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
/** Lines that a request may gain on its way through us (Via, Record-Route, Path, a feature's): it must be readable with them. */
const HEADER_LINES_ADDED_MAX = 64;
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
