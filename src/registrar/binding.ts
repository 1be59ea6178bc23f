import { bareHost, parseSipUri, sameUri, uriParam, type SipUri } from "../sip/uri.ts";

/** One registered contact of an AoR (RFC 3261 §10): a plain value, stored as it is. Its strings are flat copies that keep no message alive. */
export interface Binding {
  /** The contact URI as registered. */
  readonly uri: string;
  /** 0 to 1. */
  readonly q: number;
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  readonly callId: string;
  readonly cseq: number;
  /** The instance without angle brackets (`urn:uuid:…`); empty when none was given (RFC 5626 §4.1). */
  readonly instance: string;
  /** The flow's number; 0 when none was given (RFC 5626 §4.2). */
  readonly regId: number;
  /** Route values towards it, in order (RFC 3327). */
  readonly path: readonly string[];
  /** The short name of the device among the AoR's bindings. */
  readonly device: string;
  readonly userAgent: string;
  readonly origin: Origin;
}

/** By what way a REGISTER came, and how its sender is reached. */
export interface Origin {
  /** `none` when it came through another proxy: Path or the URI leads to the device. */
  readonly protocol: "udp" | "tcp" | "tls" | "ws" | "wss" | "none";
  /** The sender's address; empty with `none`. */
  readonly address: string;
  readonly port: number;
  readonly network: string;
  /** `uri`: the contact URI is good as it is; `flow`: back to where the REGISTER came from, and by the URI while that is gone;
   *  `flow-only`: the flow or nothing (WebSocket, `.invalid`, RFC 5626 flows). */
  readonly reach: "uri" | "flow" | "flow-only";
}

/** The same binding, a REGISTER later. Hot path: written out, because a spread costs ten times as much. */
export function renewed({ uri, q, callId, instance, regId, path, device, userAgent, origin }: Binding, cseq: number, expiresAt: number): Binding {
  return { uri, q, expiresAt, callId, cseq, instance, regId, path, device, userAgent, origin };
}

/** The bindings that have not expired at `nowMs`; the same array when that is all of them. */
export function liveBindings(bindings: readonly Binding[], nowMs: number): readonly Binding[] {
  return bindings.every((binding) => binding.expiresAt > nowMs) ? bindings : bindings.filter((binding) => binding.expiresAt > nowMs);
}

/** True when the binding's contact equals that URI (RFC 3261 §19.1.4). */
export function hasUri(binding: Binding, text: string, uri: SipUri): boolean {
  if (binding.uri === text) return true;
  const mine = parseSipUri(binding.uri);
  return mine !== null && sameUri(mine, uri);
}

/** True when two instance ids name the same device; URNs count without case (RFC 8141 §3, RFC 4122 §3). */
export function sameInstance(a: string, b: string): boolean {
  return a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());
}

/** True when nobody can connect to that contact: only the connection that it registered by leads to it (RFC 7118 §5, RFC 2606). */
export function isUnreachableUri(uri: SipUri): boolean {
  const transport = (uriParam(uri, "transport") ?? "").toLowerCase();
  return uri.host.endsWith(".invalid") || transport === "ws" || transport === "wss";
}

/** The request URI of a request to that contact: without what has no place there (RFC 3261 §19.1.1). */
export function requestUriOf(contact: string): string {
  const question = contact.indexOf("?", contact.indexOf("@") + 1);
  const bare = question === -1 ? contact : contact.slice(0, question);
  return bare.includes("method=") ? bare.replace(/;method=[^;]*/i, "") : bare;
}

/** `192.0.2.7:5060`, IPv6 in brackets: where the REGISTER came from; empty when it came through another proxy. */
export function receivedFrom(origin: Origin): string {
  if (origin.protocol === "none") return "";
  return `${origin.address.includes(":") ? `[${bareHost(origin.address)}]` : origin.address}:${origin.port}`;
}
