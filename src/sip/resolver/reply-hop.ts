import { isIP } from "node:net";
import type { Protocol } from "../transport/transport.ts";
import type { ResolverTarget } from "./location-steps.ts";

/** What the topmost Via says about the way back. */
export interface ReplyVia {
  readonly protocol: Protocol;
  /** sent-by; IPv6 with or without brackets. */
  readonly host: string;
  /** 0 when none is given. */
  readonly port: number;
  readonly maddr?: string;
  /** Added by us: the address that the request came from. */
  readonly received?: string;
  /** Filled in by us (RFC 3581): the port that it came from. */
  readonly rport?: number;
}

/** Where a response goes when the request's own way is gone, best first: each is given to the resolver until one can be sent to
 *  (RFC 3261 §18.2.2, RFC 3581 §4, RFC 3263 §5). None for a WebSocket: its client cannot be called. */
export function replyTargets(via: ReplyVia): readonly ResolverTarget[] {
  const { protocol, received, rport } = via;
  if (protocol === "ws" || protocol === "wss") return [];
  const port = via.port === 0 ? null : via.port;
  const host = bare(via.host);
  const secure = protocol === "tls";
  const at = (address: string, toPort: number | null): ResolverTarget =>
    isIP(address) === 0 && toPort === null ? { host: address, transport: protocol, secure } : { host: address, port: toPort ?? (secure ? 5061 : 5060), transport: protocol, secure };

  if (protocol === "udp") {
    // A maddr of a multicast group would make us shout at many for one request: it is passed over.
    if (via.maddr !== undefined && !isMulticast(bare(via.maddr))) return [at(bare(via.maddr), port ?? 5060)];
    if (received !== undefined && rport !== undefined) return [at(bare(received), rport)];
    if (received !== undefined) return [at(bare(received), port ?? 5060)];
    return [at(host, isIP(host) !== 0 && rport !== undefined ? rport : port)];
  }
  // The port that the connection came from is closed with it: only the sent-by port can be listened on.
  const direct = received === undefined || bare(received) === host ? [] : [at(bare(received), port ?? (secure ? 5061 : 5060))];
  return [...direct, at(host, port)];
}

function bare(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

function isMulticast(address: string): boolean {
  const family = isIP(address);
  if (family === 6) return /^ff/i.test(address);
  const first = Number(address.slice(0, address.indexOf(".")));
  return family === 4 && first >= 224 && first <= 239;
}
