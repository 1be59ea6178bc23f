import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr } from "../../src/sip/name-addr.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { type Via } from "../../src/sip/via.ts";

/** Lines that a proxy may change, add or take away (RFC 3261 §16.6, §22.3, RFC 5393); everything else must leave as it came. */
const OURS: ReadonlySet<number> = new Set([Header.via, Header.maxForwards, Header.route, Header.recordRoute, Header.contentLength, Header.authorization, Header.proxyAuthorization]);

// Reused: a hundred thousand messages are looked at.
const before = new Message();
const after = new Message();

/** What is wrong with a forwarded request: that it cannot be read again, or that something is no longer byte for byte what came. Empty when all is well. */
export function forwardingMistakes(came: string, sent: string): readonly string[] {
  before.parse(came);
  const error = after.parse(sent);
  if (error !== null) return [`what was forwarded cannot be read: ${error.message}`];
  if (after.text !== sent) return ["what was forwarded ends after its own end, or has bare line feeds"];
  const mistakes: string[] = [];
  if (after.method !== before.method) mistakes.push("the method has changed");
  if (parseSipUri(after.requestUri) === null) mistakes.push(`no request URI: ${after.requestUri}`);
  if (after.body !== before.body) mistakes.push("the body has changed");
  if (after.contentLength >= 0 && after.contentLength !== after.body.length) mistakes.push("Content-Length is not the body's");
  const kept = (message: Message): string => untouched(message).join("");
  if (kept(after) !== kept(before)) mistakes.push(`headers have changed: ${JSON.stringify(kept(before))} became ${JSON.stringify(kept(after))}`);
  mistakes.push(...viaMistakes(before, after));
  const hops = before.maxForwards;
  if (after.maxForwards !== (hops < 0 ? 70 : hops - 1)) mistakes.push(`Max-Forwards ${hops} became ${after.maxForwards}`);
  for (const id of [Header.route, Header.recordRoute] as const) {
    if (!after.has(id)) continue;
    const known = new Set(before.values(id));
    for (const value of after.values(id)) if (!known.has(value) && !isRoute(value)) mistakes.push(`a route of ours that is none: ${value}`);
  }
  return mistakes;
}

/** What is wrong with a response that was sent on or made: that it cannot be read, or has no Via. */
export function responseMistakes(sent: string): readonly string[] {
  const message = after;
  const error = message.parse(sent);
  if (error !== null) return [`what was answered cannot be read: ${error.message}`];
  if (message.text !== sent) return ["what was answered ends after its own end, or has bare line feeds"];
  if (!message.has(Header.via)) return ["an answer without a Via"];
  if (message.contentLength !== message.body.length) return ["Content-Length is not the body's"];
  return [];
}

/** The lines that are not ours to change, whole. */
function untouched(message: Message): string[] {
  const lines: string[] = [];
  for (let line = 0; line < message.lineCount; line++) {
    if (!OURS.has(message.lineId(line)) && !/^Max-Breadth$/i.test(message.lineName(line))) lines.push(message.text.slice(message.lineStart(line), message.lineEnd(line)));
  }
  return lines;
}

/** Ours on top, then those that came: the first of them with `received` and `rport`, the rest as they were. */
function viaMistakes(before: Message, after: Message): string[] {
  const [ours, first, ...rest] = after.values(Header.via);
  const [cameFirst = "", ...cameRest] = before.values(Header.via);
  if (ours === undefined || first === undefined) return ["a Via is missing"];
  if (JSON.stringify(rest) !== JSON.stringify(cameRest)) return ["lower Vias have changed"];
  const via = readVia(before);
  if (via === null) return [`a request whose Via cannot be read was forwarded: ${cameFirst.slice(0, 80)}`];
  const now = Message.of(`OPTIONS sip:a@b SIP/2.0\r\nVia: ${first}\r\n\r\n`);
  const { host, port, branch, transport } = readVia(now) ?? { host: "", port: 0, branch: "", transport: "" };
  return host === via.host && port === via.port && branch === via.branch && transport === via.transport ? [] : [`the sender's Via has changed: ${cameFirst} became ${first}`];
}

function isRoute(value: string): boolean {
  try {
    return parseSipUri(parseNameAddr(value).uri) !== null;
  } catch {
    return false;
  }
}

function readVia(message: Message): Via | null {
  try {
    return message.topVia;
  } catch {
    return null;
  }
}
