import { isFirstHop } from "../sip/first-hop.ts";
import { Header, type HeaderId } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { Binding } from "./binding.ts";

// Hot path: nearly every REGISTER is a phone saying again what it said before. Everything in it that decides the outcome, apart from Call-ID and CSeq,
// is hashed where it stands; when the hash is that of the last REGISTER, its outcome is that one's, an interval later. `register.ts` decides the rest.

/** What a REGISTER looked like that a plain refresh repeats, and what it was granted. */
export interface RefreshKey {
  readonly number: number;
  readonly seconds: number;
  readonly supportsGruu: boolean;
  readonly isOutbound: boolean;
}

/** A number for all that decides the outcome of a REGISTER with one contact, apart from Call-ID and CSeq; null when it is not of the plain kind
 *  (several Via, Contact or Supported lines, a Path, a Require). No secret is in it: who makes two REGISTERs collide mistakes his own phone. */
export function refreshNumber(message: Message): number | null {
  const contact = message.lineOf(Header.contact);
  if (contact === -1 || message.lineOf(Header.contact, contact) !== -1) return null;
  if (message.has(Header.path) || message.has(Header.require) || !isFirstHop(message)) return null;
  const supported = message.lineOf(Header.supported);
  if (supported !== -1 && message.lineOf(Header.supported, supported) !== -1) return null;
  const { refreshHash } = message;
  if (refreshHash !== null) return refreshHash;
  let number = mixed(message.text, message.valueStart(contact), message.valueEnd(contact), FNV_START);
  const via = message.lineOf(Header.via);
  const viaStart = message.valueStart(via);
  const semicolon = message.text.indexOf(";", viaStart);
  number = mixed(message.text, viaStart, semicolon === -1 ? message.valueEnd(via) : Math.min(semicolon, message.valueEnd(via)), number);
  number = mixedValue(message, Header.expires, number);
  number = mixedValue(message, Header.supported, number);
  return mixedValue(message, Header.userAgent, number);
}

const FNV_START = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

function mixedValue(message: Message, id: HeaderId, number: number): number {
  const line = message.lineOf(id);
  return line === -1 ? mixed("", 0, 0, number) : mixed(message.text, message.valueStart(line), message.valueEnd(line), number ^ 1);
}

/** FNV-1a, 32 bits, and the length of what went in, so that parts do not run into one another. */
function mixed(text: string, start: number, end: number, number: number): number {
  let sum = number;
  for (let at = start; at < end; at++) sum = Math.imul(sum ^ text.charCodeAt(at), FNV_PRIME);
  return Math.imul(sum ^ (end - start), FNV_PRIME);
}

/** The place of the binding that the request says again what it was registered with; -1 when there is none. */
export function plainRefreshOf(bindings: readonly Binding[], keys: readonly (RefreshKey | null)[], message: Message): number {
  let number: number | null = null;
  for (let at = bindings.length - 1; at >= 0; at--) {
    const key = keys[at] ?? null;
    if (key === null || bindings[at]?.callId !== message.callId) continue;
    number ??= refreshNumber(message);
    if (number === null) return -1;
    if (key.number === number) return at;
  }
  return -1;
}

/** True when the request, whose number is the binding's, came by the way that the binding came by, and no earlier than its last. */
export function isPlainRefresh(binding: Binding, flow: Flow | null, message: Message, source: Flow): boolean {
  const { origin } = binding;
  if (origin.reach === "uri") {
    if (origin.protocol !== source.protocol || origin.port !== source.remotePort || origin.address !== source.remoteAddress || origin.network !== source.listener.network) return false;
  } else if (flow !== source) return false;
  return message.cseq >= binding.cseq;
}
