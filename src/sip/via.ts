import { ParseError } from "../base/errors.ts";
import type { Protocol } from "./transport/transport.ts";
import { ViaWord } from "./scan-words.ts";
import { paramOf, quotesClose } from "./uri.ts";

/** One Via value (RFC 3261 §20.42), with where it stands in the message's text. */
export interface Via {
  /** Lower case as in the message: `udp`, `tcp`, or a name that we do not speak. */
  readonly transport: string;
  /** Lower case; IPv6 in brackets. */
  readonly host: string;
  /** 0 when none is given. */
  readonly port: number;
  /** Empty when there is none (RFC 2543). */
  readonly branch: string;
  /** All parameters, each with its leading `;`. */
  readonly params: string;
  readonly start: number;
  readonly end: number;
  /** Where `;rport` and its value stand when the Via is plain: -1 when it has none; `unread` otherwise. */
  readonly rport: number;
  readonly rportEnd: number;
  /** True when a plain Via has a `received`. */
  readonly hasReceived: boolean;
}

const unread = -2;

/** What every branch of RFC 3261 begins with. */
export const magicCookie = "z9hG4bK";

const VIA = /^SIP[ \t\r\n]*\/[ \t\r\n]*2\.0[ \t\r\n]*\/[ \t\r\n]*([A-Za-z0-9-]+)[ \t\r\n]+(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|[A-Za-z0-9_.-]+)[ \t\r\n]*(?::[ \t\r\n]*(\d{1,5}))?[ \t\r\n]*/i;

/** Reads the Via value that stands in `text` from `start` to `end`. An IPv6 sent-by without brackets is read too (RFC 5118 §4.5). */
export function parseVia(text: string, start: number, end: number): Via {
  const value = text.slice(start, end);
  const found = VIA.exec(value);
  if (found === null) throw new ParseError(`a Via that cannot be read: ${value.slice(0, 60)}`);
  const params = value.slice(found[0].length).trimEnd();
  if (params !== "" && (!params.startsWith(";") || !quotesClose(params))) throw new ParseError(`a Via that cannot be read: ${value.slice(0, 60)}`);
  const host = (found[2] ?? "").toLowerCase();
  const port = Number(found[3] ?? 0);
  if (port > 65535) throw new ParseError("a port above 65535 in Via");
  return {
    transport: (found[1] ?? "").toLowerCase(),
    host: host.includes(":") && !host.startsWith("[") ? `[${host}]` : host,
    port,
    branch: paramOf(params, "branch") ?? "",
    params,
    start,
    end,
    rport: unread,
    rportEnd: unread,
    hasReceived: false,
  };
}

/** The plain Via value of a scanned message, whose parts stand at `at`. */
export function viaAt(text: string, words: Int32Array, at: number): Via {
  const word = (part: number): number => words[at + part] ?? -1;
  const start = word(ViaWord.start);
  const end = word(ViaWord.end);
  const branch = word(ViaWord.branch);
  const params = word(ViaWord.params);
  return {
    transport: lowerTransport(text.slice(word(ViaWord.transport), word(ViaWord.transportEnd))),
    host: text.slice(word(ViaWord.host), word(ViaWord.hostEnd)),
    port: word(ViaWord.port),
    branch: branch === -1 ? "" : text.slice(branch, word(ViaWord.branchEnd)),
    params: params === end ? "" : text.slice(params, end),
    start,
    end,
    rport: word(ViaWord.rport),
    rportEnd: word(ViaWord.rportEnd),
    hasReceived: word(ViaWord.hasReceived) === 1,
  };
}

function lowerTransport(name: string): string {
  return name === "UDP" ? "udp" : name === "TCP" ? "tcp" : name.toLowerCase();
}

/** The Via value that stands for a request after we received it: `received` when sent-by is not the address it came from,
 *  `rport` filled in when asked for (RFC 3261 §18.2.1, RFC 3581 §4). The value as written when nothing is to be added. */
export function receivedVia(text: string, via: Via, remoteAddress: string, remotePort: number): string {
  if (via.rport !== unread && !via.hasReceived) return receivedPlain(text, via, remoteAddress, remotePort);
  const value = text.slice(via.start, via.end);
  const params = via.params.includes('"') ? withoutQuoted(via.params) : via.params;
  const asked = RPORT.test(params);
  const sentBy = via.host.startsWith("[") ? via.host.slice(1, -1) : via.host;
  const isGiven = RECEIVED.test(params);
  if (!asked && sentBy === remoteAddress && !isGiven) return value;
  let made = value.slice(0, value.trimEnd().length - params.length).trimEnd();
  // What nearly all phones send.
  if (!isGiven && params === via.params) return `${made}${asked ? params.replace(RPORT, `;rport=${remotePort}`) : params};received=${remoteAddress}`;
  let at = 0;
  let isFilled = false;
  for (const { index, 0: part, 1: name = "" } of params.matchAll(ADDED)) {
    made += via.params.slice(at, index);
    at = index + part.length;
    if (isFilled || name.toLowerCase() !== "rport") continue;
    made += `;rport=${remotePort}`;
    isFilled = true;
  }
  return `${made}${via.params.slice(at)};received=${remoteAddress}`;
}

function receivedPlain(text: string, via: Via, remoteAddress: string, remotePort: number): string {
  const { start, end, rport, rportEnd, host } = via;
  if (rport !== -1) return `${text.slice(start, rport)};rport=${remotePort}${text.slice(rportEnd, end)};received=${remoteAddress}`;
  const isSender = host === remoteAddress || (host.startsWith("[") && host.length === remoteAddress.length + 2 && host.startsWith(remoteAddress, 1));
  return isSender ? text.slice(start, end) : `${text.slice(start, end)};received=${remoteAddress}`;
}

/** True when the sender asks to be answered at the port that it sent from (RFC 3581 §3). */
export function asksForRport(via: Via): boolean {
  return via.rport === unread ? RPORT.test(via.params) : via.rport !== -1;
}

const RPORT = /;[ \t\r\n]*rport[ \t\r\n]*(?:=[^;]*)?(?=;|$)/i;
const RECEIVED = /;[ \t\r\n]*received[ \t\r\n]*(?:=[^;]*)?(?=;|$)/i;
const ADDED = /;[ \t\r\n]*(rport|received)[ \t\r\n]*(?:=[^;]*)?(?=;|$)/gi;

/** The same text, of the same length, with nothing in its quotes. */
function withoutQuoted(text: string): string {
  return text.replace(/"(?:[^"\\]|\\[^])*"?/g, (quoted) => "x".repeat(quoted.length));
}

/** The word for a transport in a Via: `UDP`, `TLS`, `WS`. */
export function viaTransport(protocol: Protocol): string {
  return VIA_NAMES[protocol];
}

const VIA_NAMES: Readonly<Record<Protocol, string>> = { udp: "UDP", tcp: "TCP", tls: "TLS", ws: "WS", wss: "WSS" };

/** The protocol that a transport's name means; null for one that we do not speak. */
export function protocolNamed(name: string): Protocol | null {
  const lower = name.toLowerCase();
  return lower === "udp" || lower === "tcp" || lower === "tls" || lower === "ws" || lower === "wss" ? lower : null;
}
