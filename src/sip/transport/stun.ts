import { addressBytes } from "./ip-address.ts";

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const MAGIC_COOKIE = "\x21\x12\xa4\x42";
const HEADER_BYTES = 20;
const MAPPED_ADDRESS = 0x0001;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
/** Unknown attributes that one error answer names; an answer stays about as small as its request. */
const UNKNOWN_NAMED_MAX = 8;

/** Attributes below 0x8000 that we understand or may ignore: those of RFC 8489 that a server without credentials need not act on. */
const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set([0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020]);

/** True when a datagram on a SIP port is STUN: no SIP message begins with two zero bits and a length that fits (RFC 5626 §8, RFC 8489 §5). */
export function isStun(datagram: string): boolean {
  return datagram.length >= HEADER_BYTES && datagram.charCodeAt(0) < 0x40 && wordAt(datagram, 2) === datagram.length - HEADER_BYTES && datagram.length % 4 === 0;
}

/** The answer to a STUN binding request, or null when nothing is to be answered (RFC 8489 §6.3.1). Bytes as latin1 text.
 *  XOR-MAPPED-ADDRESS for those who send the magic cookie, MAPPED-ADDRESS for the classic rest (RFC 8489 §11, RFC 3489). */
export function stunAnswer(datagram: string, remoteAddress: string, remotePort: number): string | null {
  if (!isStun(datagram) || wordAt(datagram, 0) !== BINDING_REQUEST) return null;
  const address = addressBytes(remoteAddress);
  if (address === null) return null;
  const transaction = datagram.slice(4, HEADER_BYTES);
  if (!transaction.startsWith(MAGIC_COOKIE)) return answer(BINDING_SUCCESS, transaction, attribute(MAPPED_ADDRESS, addressValue(address, remotePort, "")));
  const unknown = unknownAttributes(datagram);
  if (unknown === null) return null;
  if (unknown.length > 0) {
    const named = unknown.map(word).join("");
    return answer(BINDING_ERROR, transaction, attribute(ERROR_CODE, "\0\0\x04\x14Unknown Attribute") + attribute(UNKNOWN_ATTRIBUTES, named));
  }
  return answer(BINDING_SUCCESS, transaction, attribute(XOR_MAPPED_ADDRESS, addressValue(address, remotePort, transaction)));
}

/** The attributes that must be understood and are not; null when the list of attributes is broken. */
function unknownAttributes(datagram: string): readonly number[] | null {
  const unknown: number[] = [];
  for (let at = HEADER_BYTES; at < datagram.length; ) {
    if (at + 4 > datagram.length) return null;
    const kind = wordAt(datagram, at);
    const length = wordAt(datagram, at + 2);
    if (kind < 0x8000 && !KNOWN_ATTRIBUTES.has(kind) && unknown.length < UNKNOWN_NAMED_MAX) unknown.push(kind);
    at += 4 + length + ((4 - (length % 4)) % 4);
    if (at > datagram.length) return null;
  }
  return unknown;
}

function answer(kind: number, transaction: string, attributes: string): string {
  return word(kind) + word(attributes.length) + transaction + attributes;
}

function attribute(kind: number, value: string): string {
  return word(kind) + word(value.length) + value + "\0".repeat((4 - (value.length % 4)) % 4);
}

function addressValue(address: readonly number[], port: number, mask: string): string {
  const bytes = [port >> 8, port & 0xff].map((byte, at) => byte ^ maskAt(mask, at));
  for (const [at, byte] of address.entries()) bytes.push(byte ^ maskAt(mask, at));
  return String.fromCharCode(0, address.length === 4 ? 1 : 2, ...bytes);
}

function maskAt(mask: string, at: number): number {
  return mask === "" ? 0 : mask.charCodeAt(at);
}

function wordAt(text: string, at: number): number {
  return (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);
}

function word(value: number): string {
  return String.fromCharCode(value >> 8, value & 0xff);
}
