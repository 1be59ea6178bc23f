import type { KeyedHash } from "../base/keyed-hash.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { Binding } from "./binding.ts";
import { isOneVia } from "./register-request.ts";

// Hot path: nearly every REGISTER is a phone saying again what it said before. Everything in it that decides the outcome, apart from Call-ID and CSeq,
// is hashed where it stands; when the hash is that of the last REGISTER, its outcome is that one's, an interval later. `register.ts` decides the rest.

/** What a REGISTER looked like that a plain refresh repeats, and what it was granted. */
export interface RefreshKey {
  readonly number: number;
  readonly seconds: number;
  readonly supportsGruu: boolean;
  readonly isOutbound: boolean;
}

/** A number for all that decides the outcome of a REGISTER with one contact, apart from Call-ID and CSeq; 0 when it is not of the plain kind
 *  (several Via, Contact or Supported lines, a Path, a Require). */
export function refreshNumber(hash: KeyedHash, message: Message): number {
  const contact = message.lineOf(Header.contact);
  if (contact === -1 || message.lineOf(Header.contact, contact) !== -1) return 0;
  if (message.has(Header.path) || message.has(Header.require) || !isOneVia(message)) return 0;
  const supported = message.lineOf(Header.supported);
  if (supported !== -1 && message.lineOf(Header.supported, supported) !== -1) return 0;
  const { text } = message;
  hash.hash(text, message.valueStart(contact), message.valueEnd(contact));
  let { high, low } = hash;
  const via = message.lineOf(Header.via);
  const semicolon = text.indexOf(";", message.valueStart(via));
  const viaEnd = message.valueEnd(via);
  hash.hash(text, message.valueStart(via), semicolon === -1 || semicolon > viaEnd ? viaEnd : semicolon);
  high = (Math.imul(high, 31) + hash.high) | 0;
  low = (Math.imul(low, 31) + hash.low) | 0;
  for (let place = 0; place < DECISIVE.length; place++) {
    const line = message.lineOf(DECISIVE[place] ?? Header.expires);
    if (line === -1) hash.hash("");
    else hash.hash(text, message.valueStart(line) - 1, message.valueEnd(line));
    high = (Math.imul(high, 31) + hash.high) | 0;
    low = (Math.imul(low, 31) + hash.low) | 0;
  }
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}

const DECISIVE = [Header.expires, Header.supported, Header.userAgent] as const;

/** True when the request, whose number is the binding's, came by the way that the binding came by, and later in the same registration. */
export function isPlainRefresh(binding: Binding, flow: Flow | null, message: Message, source: Flow, nowMs: number): boolean {
  const { origin } = binding;
  if (binding.expiresAt <= nowMs) return false;
  if (origin.reach === "uri") {
    if (origin.protocol !== source.protocol || origin.port !== source.remotePort || origin.address !== source.remoteAddress || origin.network !== source.listener.network) return false;
  } else if (flow !== source) return false;
  return message.cseq > binding.cseq && message.callId === binding.callId;
}
