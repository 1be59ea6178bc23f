import { ParseError } from "../base/errors.ts";
import { parseNameAddr, type NameAddr } from "../sip/name-addr.ts";
import { paramOf, parseSipUri, type SipUri } from "../sip/uri.ts";
import { refusal, type Refusal } from "./refusal.ts";

/** One Contact value of a REGISTER, read. */
export interface ContactRequest {
  readonly kind: "contact";
  readonly uri: string;
  readonly parsed: SipUri;
  readonly q: number;
  /** What is granted, in seconds; 0 removes. */
  readonly seconds: number;
  /** Without angle brackets; empty when there is none. */
  readonly instance: string;
  /** 0 when there is none, or no instance with it (RFC 5626 §6). */
  readonly regId: number;
}

/** How long bindings last, in seconds. */
export interface ExpirySettings {
  /** When the phone asks for nothing. */
  readonly defaultSeconds: number;
  /** Less is refused with 423. */
  readonly minSeconds: number;
  /** More is cut to this. */
  readonly maxSeconds: number;
}

/** Characters of a contact URI; longer ones are refused with 400. */
export const contactUriMax = 512;

/** Characters of an instance id; longer ones are refused with 400. */
export const instanceMax = 128;

/** What a malformed expiry stands for (RFC 3261 §10.2.1.1, §20.19). */
export const malformedExpiresSeconds = 3600;

const REG_ID_MAX = 2 ** 31 - 1;

/** Reads one Contact value; `headerExpires` is the value of the Expires header, if there is one. */
export function readContact(value: string, headerExpires: string | undefined, expires: ExpirySettings): ContactRequest | Refusal {
  const address = readAddress(value);
  if (address === null) return refusal(400, "Malformed Contact");
  if (address.uri.length > contactUriMax) return refusal(400, "Contact Too Long");
  const parsed = parseSipUri(address.uri);
  if (parsed === null) return refusal(400, "Malformed Contact");
  if (parsed.scheme !== "sip" && parsed.scheme !== "sips") return refusal(400, "Unsupported Contact Scheme");
  const q = readQ(paramOf(address.params, "q"));
  if (q === null) return refusal(400, "Malformed q in Contact");
  const seconds = grantedSeconds(paramOf(address.params, "expires") ?? headerExpires, expires);
  if (seconds === null) return refusal(423, "Interval Too Brief", `Min-Expires: ${expires.minSeconds}\r\n`);
  const instance = readInstance(paramOf(address.params, "+sip.instance"));
  if (instance.length > instanceMax) return refusal(400, "Instance Too Long");
  const regId = instance === "" ? 0 : readRegId(paramOf(address.params, "reg-id"));
  return { kind: "contact", uri: address.uri, parsed, q, seconds, instance, regId };
}

/** The seconds that are granted for what was asked: 0 removes, null is too brief (RFC 3261 §10.3 step 7). */
export function grantedSeconds(asked: string | undefined, expires: ExpirySettings): number | null {
  if (asked === undefined) return Math.min(Math.max(expires.defaultSeconds, expires.minSeconds), expires.maxSeconds);
  const seconds = deltaSeconds(asked);
  if (Number.isNaN(seconds)) return Math.min(Math.max(malformedExpiresSeconds, expires.minSeconds), expires.maxSeconds);
  if (seconds > 0 && seconds < expires.minSeconds) return null;
  return Math.min(seconds, expires.maxSeconds);
}

/** A number of seconds of any length; NaN when it is none. */
export function deltaSeconds(text: string): number {
  if (text === "") return NaN;
  let seconds = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    seconds = Math.min(seconds * 10 + digit, Number.MAX_SAFE_INTEGER);
  }
  return seconds;
}

function readAddress(value: string): NameAddr | null {
  // `sip:a@b;+sip.instance="<urn:…>"`: the bracket belongs to a parameter, the address has none.
  const semicolon = value.indexOf(";");
  if (semicolon > 0 && /^[A-Za-z][A-Za-z0-9+.-]*:[^<"\s]*$/.test(value.slice(0, semicolon))) {
    const uri = value.slice(0, semicolon);
    return uri.includes("?") ? null : { display: "", uri, params: value.slice(semicolon) };
  }
  try {
    return parseNameAddr(value);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}

function readQ(text: string | undefined): number | null {
  if (text === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : null;
}

function readInstance(text: string | undefined): string {
  if (text === undefined) return "";
  const bare = text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text;
  // What could break out of the quotes of our answer is no instance id.
  return /^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+$/.test(bare) ? bare : "";
}

function readRegId(text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return 0;
  const number = Number(text);
  return number <= REG_ID_MAX ? number : 0;
}
