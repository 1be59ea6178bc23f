import { isFirstHop } from "../sip/first-hop.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseSipUri, uriParam } from "../sip/uri.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { ParseError } from "../base/errors.ts";
import { deltaSeconds, readContact, type ContactRequest, type ExpirySettings } from "./contact.ts";
import { refusal, type Refusal } from "./refusal.ts";

/** What a REGISTER asks for, read and checked by itself (RFC 3261 §10.3 steps 2, 6 and 7). */
export interface RegisterRequest {
  readonly kind: "request";
  readonly callId: string;
  readonly cseq: number;
  /** Empty for a query, and with `isAll`. */
  readonly contacts: readonly ContactRequest[];
  /** `Contact: *`: removes every binding. */
  readonly isAll: boolean;
  /** Path values in order (RFC 3327). */
  readonly path: readonly string[];
  readonly userAgent: string;
  readonly supportsPath: boolean;
  readonly supportsGruu: boolean;
  readonly supportsOutbound: boolean;
  /** True when it came straight from the device: one Via, no Path. */
  readonly isDirect: boolean;
}

/** Characters of a Call-ID; longer ones are refused with 400. */
export const callIdMax = 256;

/** Characters of all Path values together; more are refused with 400. */
export const pathMax = 1024;

/** Characters of a User-Agent that are kept. */
export const userAgentMax = 128;

/** Contact values of one REGISTER; more are refused with 400 before they are read. */
export const contactsPerRegisterMax = 64;

const KNOWN_OPTIONS = new Set(["path", "outbound", "gruu"]);

/** Reads a REGISTER, or says why it is refused: 400, 420 (RFC 3261 §8.2.2.3), 423, 439 (RFC 5626 §6). */
export function readRegister(message: Message, expires: ExpirySettings): RegisterRequest | Refusal {
  const required = message.values(Header.require).map((tag) => tag.toLowerCase());
  const unknown = required.filter((tag) => !KNOWN_OPTIONS.has(tag));
  if (unknown.length > 0) return refusal(420, "Bad Extension", `Unsupported: ${unknown.map(unfolded).join(", ")}\r\n`);
  const callId = message.callId;
  const cseq = message.cseq;
  if (callId === "" || callId.length > callIdMax) return refusal(400, "Malformed Call-ID");
  if (Number.isNaN(cseq)) return refusal(400, "Malformed CSeq");
  const path = message.values(Header.path).map(unfolded);
  if (path.reduce((sum, value) => sum + value.length, 0) > pathMax) return refusal(400, "Path Too Long");
  if (!path.every(isRoute)) return refusal(400, "Malformed Path");
  const isAll = isStar(message);
  const contacts = isAll ? starRefusal(message) : readContacts(message, expires);
  if ("kind" in contacts) return contacts;
  const supported = message.values(Header.supported).map((tag) => tag.toLowerCase());
  const supports = (tag: string): boolean => supported.includes(tag) || required.includes(tag);
  const supportsOutbound = supports("outbound");
  const isFromDevice = isFirstHop(message);
  const hasFlow = isFromDevice || hasOutboundEdge(path);
  const hasRegId = contacts.some((contact) => contact.regId > 0);
  if (hasRegId && supportsOutbound && !hasFlow) return refusal(439, "First Hop Lacks Outbound Support");
  return {
    kind: "request",
    callId,
    cseq,
    contacts: hasRegId && !hasFlow ? contacts.map((contact) => ({ ...contact, regId: 0 })) : contacts,
    isAll,
    path,
    userAgent: unfolded(message.header(Header.userAgent) ?? "").slice(0, userAgentMax),
    supportsPath: supports("path"),
    supportsGruu: supports("gruu"),
    supportsOutbound,
    isDirect: isFromDevice && path.length === 0,
  };
}

/** A value on one line (RFC 3261 §7.3.1). */
function unfolded(value: string): string {
  return value.includes("\n") ? value.replace(/[ \t]*\r?\n[ \t]+/g, " ") : value;
}

function isStar(message: Message): boolean {
  return message.has(Header.contact) && message.values(Header.contact).includes("*");
}

/** `*` stands alone and with Expires 0 (RFC 3261 §10.3 step 6). */
function starRefusal(message: Message): readonly ContactRequest[] | Refusal {
  if (message.values(Header.contact).length > 1) return refusal(400, "Contact * Is Not Alone");
  return deltaSeconds(message.header(Header.expires) ?? "") === 0 ? [] : refusal(400, "Contact * Without Expires 0");
}

function readContacts(message: Message, expires: ExpirySettings): readonly ContactRequest[] | Refusal {
  const headerExpires = message.header(Header.expires);
  const contacts: ContactRequest[] = [];
  const values = message.values(Header.contact);
  if (values.length > contactsPerRegisterMax) return refusal(400, "Too Many Contacts");
  for (const value of values) {
    const contact = readContact(value, headerExpires, expires);
    if (contact.kind === "refused") return contact;
    contacts.push(contact);
  }
  return contacts;
}

/** The first edge's Path value is the last one; `ob` says that it keeps the flow (RFC 5626 §5.1). */
function hasOutboundEdge(path: readonly string[]): boolean {
  const uri = routeUri(path[path.length - 1]);
  return uri !== null && uriParam(uri, "ob") !== undefined;
}

function isRoute(value: string): boolean {
  const uri = routeUri(value);
  return uri !== null && (uri.scheme === "sip" || uri.scheme === "sips");
}

function routeUri(value: string | undefined): ReturnType<typeof parseSipUri> {
  if (value === undefined) return null;
  try {
    return parseSipUri(parseNameAddr(value).uri);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}
