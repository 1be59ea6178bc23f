import { noEdits, Splice, spliceEdits, spliceOffTop, type Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import type { Flow } from "../sip/transport/transport.ts";
import { receivedVia, viaTransport } from "../sip/via.ts";
import { ownAddress } from "../agent/own-address.ts";

// Hot path: one reused splice; a forwarded message is the original text with a few replacements.

const splice = new Splice();

/** How a request changes on its way to one branch. */
export interface Forwarding {
  readonly uri: string;
  /** How many of its topmost Route values were ours. */
  readonly routesOff: number;
  /** Route values put on top, in order. */
  readonly routes: readonly string[];
  /** Whole Record-Route lines; empty for none. */
  readonly recordRoute: string;
  readonly branch: string;
  /** Credentials for this realm come off: they were meant for us, and who has them may try passwords out at leisure. */
  readonly realm: string;
  readonly edits: Edits;
}

/** The request as it leaves by `out` (RFC 3261 §16.6): request URI, our Via on top of one that says where it came from, Max-Forwards one less (70 when
 *  it had none), our Routes off, Record-Route on. */
export function forwardedRequest(message: Message, source: Flow, out: Flow, how: Forwarding): string {
  const via = message.topVia;
  const at = message.lineStart(message.lineOf(Header.via));
  splice.begin(message.text);
  if (how.uri !== message.requestUri && !how.edits.some((edit) => edit.kind === "uri")) splice.replace(message.uriStart, message.uriEnd, how.uri);
  let top = `Via: SIP/2.0/${viaTransport(out.protocol)} ${ownAddress(out)};branch=${how.branch}${out.protocol === "udp" ? ";rport" : ""}\r\n`;
  const recordRoute = message.lineOf(Header.recordRoute);
  if (how.recordRoute !== "") {
    if (recordRoute !== -1 && message.lineStart(recordRoute) < at) splice.replace(message.lineStart(recordRoute), message.lineStart(recordRoute), how.recordRoute);
    else top += how.recordRoute;
  }
  const hops = message.maxForwards;
  if (hops < 0) top += "Max-Forwards: 70\r\n";
  if (how.routesOff > 0) spliceOffTop(splice, message, Header.route, how.routesOff);
  if (how.routes.length > 0) {
    const route = message.lineOf(Header.route);
    const lines = how.routes.map((value) => `Route: ${value}\r\n`).join("");
    if (route !== -1 && message.lineStart(route) < at) splice.replace(message.lineStart(route), message.lineStart(route), lines);
    else top += lines;
  }
  splice.replace(at, at, top);
  const received = receivedVia(message.text, via, source.remoteAddress, source.remotePort);
  if (received.length !== via.end - via.start || received !== message.text.slice(via.start, via.end)) splice.replace(via.start, via.end, received);
  if (hops > 0) {
    const line = message.lineOf(Header.maxForwards);
    splice.replace(message.valueStart(line), message.valueEnd(line), String(hops - 1));
  }
  spliceOffCredentials(message, Header.proxyAuthorization, how.realm);
  spliceOffCredentials(message, Header.authorization, how.realm);
  if (how.edits.length > 0) spliceEdits(splice, message, how.edits);
  // Over a connection a message without Content-Length could not be told from the next (RFC 3261 §18.3).
  if (out.protocol !== "udp" && message.contentLength < 0 && !how.edits.some((edit) => edit.kind === "body")) {
    splice.replace(message.headersEnd, message.headersEnd, `Content-Length: ${message.text.length - message.bodyStart}\r\n`);
  }
  return splice.end();
}

/** The response as it goes on towards the caller: our Via off (RFC 3261 §16.7 step 3). */
export function forwardedResponse(response: Message, edits: Edits = noEdits): string {
  splice.begin(response.text);
  spliceOffTop(splice, response, Header.via, 1);
  if (edits.length > 0) spliceEdits(splice, response, edits);
  if (response.contentLength < 0 && !edits.some((edit) => edit.kind === "body")) {
    splice.replace(response.headersEnd, response.headersEnd, `Content-Length: ${response.text.length - response.bodyStart}\r\n`);
  }
  return splice.end();
}

function spliceOffCredentials(message: Message, header: typeof Header.proxyAuthorization | typeof Header.authorization, realm: string): void {
  for (let line = message.lineOf(header); line !== -1; line = message.lineOf(header, line)) {
    const found = REALM.exec(message.text.slice(message.valueStart(line), message.valueEnd(line)));
    if (found?.[1]?.toLowerCase() === realm) splice.replace(message.lineStart(line), message.lineEnd(line), "");
  }
}

const REALM = /[ \t\r\n,]realm[ \t]*=[ \t]*"([^"]*)"/i;
