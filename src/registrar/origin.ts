import type { Via } from "../sip/via.ts";
import { isStream, type Flow } from "../sip/transport/transport.ts";
import { bareHost, uriParam, type SipUri } from "../sip/uri.ts";
import { isUnreachableUri, type Origin } from "./binding.ts";

/** The origin of a REGISTER that came through another proxy. */
export const noOrigin: Origin = { protocol: "none", address: "", port: 0, network: "", reach: "uri" };

/** How a device that registered straight by `source` is reached at its contact: by the contact URI where that can be believed, else back by the
 *  way that the REGISTER came (RFC 5626 §6, RFC 3581). `via` is its topmost Via, null when that cannot be read; `isFlow` with instance and reg-id. */
export function originOf(contact: SipUri, isFlow: boolean, via: Via | null, source: Flow): Origin {
  const { protocol, remoteAddress: address, remotePort: port } = source;
  const { network } = source.listener;
  return { protocol, address, port, network, reach: isStream(protocol) ? streamReach(contact, isFlow, source) : udpReach(contact, isFlow, via, source) };
}

function streamReach(contact: SipUri, isFlow: boolean, source: Flow): Origin["reach"] {
  if (isFlow || source.protocol === "ws" || source.protocol === "wss" || isUnreachableUri(contact)) return "flow-only";
  // A device that asks for another transport at its own address gets it.
  const transport = uriParam(contact, "transport")?.toLowerCase();
  const isOther = transport !== undefined && transport !== source.protocol && !(transport === "tcp" && source.protocol === "tls");
  return isOther && bareHost(contact.host) === source.remoteAddress ? "uri" : "flow";
}

function udpReach(contact: SipUri, isFlow: boolean, via: Via | null, source: Flow): Origin["reach"] {
  if (isFlow || isUnreachableUri(contact)) return "flow-only";
  const host = bareHost(contact.host);
  const transport = (uriParam(contact, "transport") ?? "udp").toLowerCase();
  const isSource = host === source.remoteAddress && portOf(contact.port) === source.remotePort && transport === "udp";
  // With named networks the flow also says from which of our addresses to leave.
  if (isSource) return source.listener.network === "default" ? "uri" : "flow";
  // No address was rewritten on the way and the contact is one that can be reached from here: the device means what it says
  // (a phone that listens on another port, a contact that was registered for another host).
  const isUntouched = via !== null && bareHost(via.host) === source.remoteAddress && portOf(via.port) === source.remotePort;
  return isUntouched && (!isPrivate(host) || isPrivate(source.remoteAddress)) ? "uri" : "flow";
}

function portOf(port: number): number {
  return port === 0 ? 5060 : port;
}

/** True for addresses that only their own site can reach (RFC 1918, RFC 6598, RFC 3927, RFC 4193, loopback). */
function isPrivate(host: string): boolean {
  return /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cd][0-9a-f]{2}:|fe80:)/i.test(host);
}
