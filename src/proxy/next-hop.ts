import type { Flow, Hop, Transports } from "../sip/transport/transport.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { bareHost, parseSipUri, uriParam, type SipUri } from "../sip/uri.ts";
import { protocolNamed } from "../sip/via.ts";
import type { Resolver } from "../sip/resolver/resolve.ts";
import type { Location } from "./location.ts";
import type { RoutePoint } from "./route-token.ts";
import type { Target } from "./target.ts";

/** Where a request goes: a way that is known, addresses to try in order, or nowhere. */
export type NextHop = { readonly kind: "flow"; readonly flow: Flow } | { readonly kind: "hops"; readonly hops: readonly Hop[] } | { readonly kind: "none"; readonly status: number; readonly why: string };

/** Finds next hops: by the flow of a registration, by a route token, or by RFC 3263. */
export interface NextHops {
  ofTarget(target: Target): NextHop | Promise<NextHop>;
  ofUri(uri: string): NextHop | Promise<NextHop>;
  /** For a request within a dialog. `next` is the next Route value, if any; `uri` the request URI, null when that is none. */
  ofPoint(point: RoutePoint, next: string | null, uri: SipUri | null): NextHop | Promise<NextHop>;
}

/** `server` names this process: a route token of another run names connections that are gone. */
export function nextHops(deps: { readonly resolver: Resolver; readonly transports: Transports; readonly location: Location; readonly server: string }): NextHops {
  const { resolver, transports, location, server } = deps;

  const ofUri = (uri: SipUri | null, network?: string): NextHop | Promise<NextHop> => {
    if (uri === null || (uri.scheme !== "sip" && uri.scheme !== "sips")) return { kind: "none", status: 416, why: "no SIP URI" };
    const target = targetOf(uri);
    if (target === null) return { kind: "none", status: 503, why: "a transport that is not spoken here" };
    const hops = resolver.resolve(target);
    return hops instanceof Promise ? hops.then((later) => found(later, network)) : found(hops, network);
  };

  const ofTarget = (target: Target): NextHop | Promise<NextHop> => {
    const route = target.routes[0] ?? target.next;
    if (route !== undefined) return ofUri(parseSipUri(parseNameAddr(route).uri));
    const { flow, aor, device } = target;
    if (flow === undefined) return ofUri(parseSipUri(target.uri));
    if (flow.isOpen) return { kind: "flow", flow };
    // Its connection has ended since it was found: by that which the device has registered by meanwhile (RFC 5626 §5.3).
    const now = aor === null || device === "" ? target : location.deviceTarget(aor, device);
    if (now === null) return GONE;
    return now.flow?.isOpen === true ? { kind: "flow", flow: now.flow } : ofUri(parseSipUri(now.uri));
  };

  return {
    ofTarget,
    ofUri: (uri) => ofUri(parseSipUri(uri)),
    ofPoint(point, next, uri) {
      const onward = (): NextHop | Promise<NextHop> => ofUri(next === null ? uri : parseSipUri(parseNameAddr(next).uri), point.kind === "udp" ? point.network : undefined);
      if (point.kind === "plain" || point.kind === "outward" || (next !== null && !point.isOnly)) return onward();
      if (point.kind === "udp") {
        // A phone behind NAT that has registered from another port since: its router has forgotten the old one.
        const now = point.aor === null ? undefined : location.deviceTarget(point.aor, point.device)?.flow;
        if (now?.protocol === "udp" && now.remoteAddress === point.address && now.remotePort !== point.port && now.listener.network === point.network) return { kind: "flow", flow: now };
        const flow = transports.open({ protocol: "udp", address: point.address, port: point.port, network: point.network });
        if (flow !== null) return { kind: "flow", flow };
        return point.isOnly ? GONE : onward();
      }
      const flow = point.server === server ? transports.connection(point.connection) : null;
      if (flow?.isOpen === true) return { kind: "flow", flow };
      if (point.aor === null) return point.isOnly ? GONE : onward();
      // The phone's connection is gone: it is reached again once it has registered anew (RFC 5626 §5.3).
      const target = location.deviceTarget(point.aor, point.device);
      return target === null ? GONE : ofTarget(target);
    },
  };
}

const GONE: NextHop = { kind: "none", status: 430, why: "the phone's connection is gone" };

function targetOf(uri: SipUri): Parameters<Resolver["resolve"]>[0] | null {
  const transport = uriParam(uri, "transport");
  const protocol = transport === undefined ? undefined : protocolNamed(transport);
  if (protocol === null) return null;
  const host = bareHost(uriParam(uri, "maddr") ?? uri.host);
  return { host, secure: uri.scheme === "sips", ...(uri.port === 0 ? {} : { port: uri.port }), ...(protocol === undefined ? {} : { transport: protocol }) };
}

function found(hops: readonly Hop[], network: string | undefined): NextHop {
  if (hops.length === 0) return { kind: "none", status: 503, why: "no address" };
  return { kind: "hops", hops: network === undefined ? hops : hops.map((hop) => ({ ...hop, network })) };
}
