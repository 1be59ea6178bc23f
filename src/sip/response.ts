import { Header, type HeaderId } from "./header-name.ts";
import { elementEnd } from "./list-element.ts";
import type { Message } from "./message.ts";
import { receivedVia } from "./via.ts";

/** What a response carries beyond what it takes over from its request. */
export interface Answer {
  readonly status: number;
  /** Default: the phrase of the RFC. */
  readonly reason?: string;
  /** Whole header lines, each with its line end. */
  readonly headers?: string;
  readonly contentType?: string;
  /** Bytes as latin1. */
  readonly body?: string;
  /** True when the same request, sent again because this answer was lost, may be handled anew: then nothing is remembered of it. */
  readonly isRepeatable?: boolean;
}

/** The text of our own response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq taken over, `toTag` added to a To
 *  that has none (not to a 100), Record-Route taken over by what may create a dialog, Timestamp by a 100. */
export function responseText(request: Message, answer: Answer, toTag: string, remoteAddress: string, remotePort: number): string {
  const { status } = answer;
  let text = `SIP/2.0 ${status} ${answer.reason === undefined ? reasonPhrase(status) : answer.reason.replace(/[\0-\x1f\x7f]/g, "?")}\r\n`;
  text += viaLines(request, remoteAddress, remotePort);
  text += takenOver(request, "From", Header.from);
  const to = request.header(Header.to);
  if (to !== undefined) text += `To: ${oneLine(request, to)}${status > 100 && toTag !== "" && !request.hasToTag ? `;tag=${toTag}` : ""}\r\n`;
  text += takenOver(request, "Call-ID", Header.callId);
  text += takenOver(request, "CSeq", Header.cseq);
  if (status === 100) text += takenOver(request, "Timestamp", Header.timestamp);
  else if (status < 300) {
    for (let line = request.lineOf(Header.recordRoute); line !== -1; line = request.lineOf(Header.recordRoute, line)) {
      text += `Record-Route: ${oneLine(request, request.text.slice(request.valueStart(line), request.valueEnd(line)))}\r\n`;
    }
  }
  text += answer.headers ?? "";
  const body = answer.body ?? "";
  if (answer.contentType !== undefined) text += `Content-Type: ${answer.contentType}\r\n`;
  return `${text}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** True when a response has what every response must have, once, and its body is whole: what is not is dropped (RFC 3261 §8.1.3, §18.3). */
export function isSoundResponse(response: Message): boolean {
  if (response.isPlain) return true;
  if (response.version !== "SIP/2.0" && response.version.toUpperCase() !== "SIP/2.0") return false;
  for (const header of ONCE) {
    const line = response.lineOf(header);
    if (line === -1 || response.lineOf(header, line) !== -1) return false;
  }
  const line = response.lineOf(Header.contentLength);
  if (line !== -1 && (response.lineOf(Header.contentLength, line) !== -1 || !(response.contentLength <= response.text.length - response.bodyStart))) return false;
  return response.has(Header.via) && !Number.isNaN(response.cseq);
}

const ONCE = [Header.from, Header.to, Header.callId, Header.cseq] as const;

/** The line of a header with the value that the request has; empty when it has none. */
function takenOver(request: Message, name: string, id: HeaderId): string {
  const value = request.header(id);
  return value === undefined ? "" : `${name}: ${oneLine(request, value)}\r\n`;
}

/** A value taken over from a request that may be broken: it ends no line, folds aside. */
function oneLine(request: Message, value: string): string {
  return request.hasBreaks ? value.replace(/\r(?!\n[ \t])|(?<!\r)\n/g, " ") : value;
}

function viaLines(request: Message, remoteAddress: string, remotePort: number): string {
  let text = "";
  let isTop = true;
  for (let line = request.lineOf(Header.via); line !== -1; line = request.lineOf(Header.via, line)) {
    const start = request.valueStart(line);
    const end = request.valueEnd(line);
    if (isTop && request.isPlain) {
      const via = request.topVia;
      text += `Via: ${receivedVia(request.text, via, remoteAddress, remotePort)}${via.end === end ? "" : request.text.slice(via.end, end)}\r\n`;
      isTop = false;
    } else if (isTop) {
      const stop = elementEnd(request.text, start, end);
      text += `Via: ${oneLine(request, fixedTop(request, remoteAddress, remotePort, stop) + request.text.slice(stop, end))}\r\n`;
      isTop = false;
    } else text += `Via: ${oneLine(request, request.text.slice(start, end))}\r\n`;
  }
  return text;
}

function fixedTop(request: Message, remoteAddress: string, remotePort: number, stop: number): string {
  try {
    return receivedVia(request.text, request.topVia, remoteAddress, remotePort);
  } catch {
    // A Via that cannot be read is sent back as it came: the answer goes to where the request came from.
    return request.text.slice(request.valueStart(request.lineOf(Header.via)), stop);
  }
}

const PHRASES: Readonly<Record<number, string>> = {
  100: "Trying",
  180: "Ringing",
  181: "Call Is Being Forwarded",
  183: "Session Progress",
  200: "OK",
  202: "Accepted",
  302: "Moved Temporarily",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  410: "Gone",
  412: "Conditional Request Failed",
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  420: "Bad Extension",
  421: "Extension Required",
  423: "Interval Too Brief",
  430: "Flow Failed",
  439: "First Hop Lacks Outbound Support",
  440: "Max-Breadth Exceeded",
  480: "Temporarily Unavailable",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  483: "Too Many Hops",
  484: "Address Incomplete",
  485: "Ambiguous",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  489: "Bad Event",
  491: "Request Pending",
  493: "Undecipherable",
  500: "Server Internal Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Server Time-out",
  505: "Version Not Supported",
  513: "Message Too Large",
  600: "Busy Everywhere",
  603: "Decline",
  604: "Does Not Exist Anywhere",
};

/** The RFC's phrase for a status. */
export function reasonPhrase(status: number): string {
  return PHRASES[status] ?? (status < 200 ? "Progress" : status < 300 ? "OK" : status < 400 ? "Redirection" : "Error");
}
