import type { NaptrData } from "../../dns/codec.ts";
import type { Protocol } from "../transport/transport.ts";

/** The transport of a request to a target that names none: TLS for sips, else UDP if we speak it, else the first that we speak (RFC 3263 §4.1).
 *  Null when nothing fits. */
export function defaultTransport(isSecure: boolean, speaks: readonly Protocol[]): Protocol | null {
  const fitting = isSecure ? speaks.filter(isSecured) : speaks;
  const usual = isSecure ? "tls" : "udp";
  return fitting.includes(usual) ? usual : (fitting[0] ?? null);
}

/** What a `transport` parameter means: `sips:…;transport=tcp` is TLS, `transport=ws` secure WebSocket (RFC 3261 §26.2.2, RFC 7118 §5); UDP cannot be secured.
 *  `transport=tls` in a `sip:` URI is out of use but common, and means TLS. Null when that is nothing that we speak. */
export function namedTransport(transport: Protocol, isSecure: boolean, speaks: readonly Protocol[]): Protocol | null {
  const meant = !isSecure ? transport : transport === "tcp" ? "tls" : transport === "ws" ? "wss" : transport === "udp" ? null : transport;
  return meant !== null && speaks.includes(meant) ? meant : null;
}

/** The port that goes without saying (RFC 3261 §19.1.2, RFC 7118 §5). */
export function defaultPort(protocol: Protocol): number {
  return { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 }[protocol];
}

/** The name of the SRV records of a protocol at a host (RFC 3263 §4.1, RFC 7118 §7). */
export function srvName(protocol: Protocol, host: string): string {
  return `${{ udp: "_sip._udp", tcp: "_sip._tcp", tls: "_sips._tcp", ws: "_sip._ws", wss: "_sips._ws" }[protocol]}.${host}`;
}

/** One SRV lookup that NAPTR asked for. */
export interface ServiceChoice {
  readonly protocol: Protocol;
  readonly srv: string;
}

/** Transports that one NAPTR answer may offer; more are ignored. */
const CHOICES_MAX = 5;

/** The SRV names that NAPTR records lead to, best first by order and preference; those that we do not speak, that are no SIP service, or less
 *  secure than asked for are left out (RFC 3263 §4.1). */
export function naptrChoices(records: readonly NaptrData[], isSecure: boolean, speaks: readonly Protocol[]): readonly ServiceChoice[] {
  return [...records]
    .sort((a, b) => a.order - b.order || a.preference - b.preference)
    .flatMap((record): readonly ServiceChoice[] => {
      const protocol = SERVICES.get(record.service);
      if (record.flags !== "s" || record.regexp !== "" || record.replacement === "" || protocol === undefined) return [];
      return speaks.includes(protocol) && (!isSecure || isSecured(protocol)) ? [{ protocol, srv: record.replacement }] : [];
    })
    .slice(0, CHOICES_MAX);
}

/** The SRV lookups of a target without NAPTR: each protocol that we speak, in the order in which we like them. */
export function srvChoices(host: string, isSecure: boolean, speaks: readonly Protocol[]): readonly ServiceChoice[] {
  const fitting = isSecure ? speaks.filter(isSecured) : speaks.filter((protocol) => !isSecured(protocol));
  return fitting.map((protocol) => ({ protocol, srv: srvName(protocol, host) }));
}

const SERVICES: ReadonlyMap<string, Protocol> = new Map([
  ["SIP+D2U", "udp"],
  ["SIP+D2T", "tcp"],
  ["SIPS+D2T", "tls"],
  ["SIP+D2W", "ws"],
  ["SIPS+D2W", "wss"],
]);

function isSecured(protocol: Protocol): boolean {
  return protocol === "tls" || protocol === "wss";
}
