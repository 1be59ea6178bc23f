import type { Aor } from "../base/ids.ts";
import type { Flow } from "../sip/transport/transport.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { bareHost, parseSipUri } from "../sip/uri.ts";
import { ownAddress, transportParam } from "../agent/own-address.ts";
import { isFirstHop } from "../sip/first-hop.ts";
import { flowPoint, outwardPoint, plainPoint, type RoutePoint, type RouteTokens } from "./route-token.ts";
import type { Target } from "./target.ts";

/** Writes our Record-Route lines for one branch (RFC 3261 §16.6 step 4): one when both sides are plain UDP on one listener, else two, each with the
 *  address that its side sees (RFC 5658) and with the way back to the phone behind it. */
export interface RecordRoutes {
  /** `isByFlow`: `out` is the way of the target's registration, not one that was located. */
  lines(message: Message, caller: CallerSide, out: Flow, isByFlow: boolean, target: Target): string;
}

/** The side from which the request came. */
export interface CallerSide {
  readonly source: Flow;
  readonly caller: Aor | null;
  readonly callerDevice: string;
  /** False for a stranger. */
  readonly isCallerKnown: boolean;
}

/** `server` names this process. */
export function recordRoutes(tokens: RouteTokens, server: string): RecordRoutes {
  const pointsOf = (message: Message, side: CallerSide, out: Flow, isByFlow: boolean, target: Target): readonly [caller: RoutePoint, callee: RoutePoint] => {
    const { source, caller, callerDevice } = side;
    // A way says which of our networks it belongs to: from one to the other none is found without.
    const isAcross = source.listener.network !== out.listener.network;
    // What another proxy brought can be reached by its Record-Route or its Contact.
    const isBehind = isAcross || (isFirstHop(message) && needsFlow(source, contactUri(message)));
    // Towards a stranger go only requests of our own user's, and the stranger's go to that user alone: nobody may relay by the route of a call.
    if (!side.isCallerKnown) {
      const toStranger: RoutePoint = isBehind ? flowPoint(source, server, null, "", true) : outwardPoint(out, target.aor);
      return [toStranger, flowPoint(out, server, target.aor, target.device, true)];
    }
    if (target.aor === null) return [flowPoint(source, server, caller, callerDevice, true), outwardPoint(source, caller)];
    const fromCaller = isBehind ? flowPoint(source, server, caller, callerDevice) : plainPoint;
    // Only a registration's own flow is a phone's; a connection that we opened can be opened again.
    return [fromCaller, isByFlow && (isAcross || needsFlow(out, target.uri)) ? flowPoint(out, server, target.aor, target.device) : plainPoint];
  };

  const line = (callId: string, point: RoutePoint, flow: Flow): string => `Record-Route: <sip:${tokens.write(callId, point)}@${ownAddress(flow)}${transportParam(flow)};lr>\r\n`;

  return {
    lines(message, side, out, isByFlow, target) {
      const { callId } = message;
      const { source } = side;
      const [caller, callee] = pointsOf(message, side, out, isByFlow, target);
      if (caller === plainPoint && callee === plainPoint && source.listener === out.listener && source.localAddress === out.localAddress) return line(callId, plainPoint, out);
      return line(callId, callee, out) + line(callId, caller, source);
    },
  };
}

/** True when a peer cannot be reached by its Contact alone: it has a connection, or its address is not the one that it writes. */
function needsFlow(flow: Flow, contact: string): boolean {
  if (flow.protocol !== "udp") return true;
  const uri = parseSipUri(contact);
  if (uri === null) return true;
  return bareHost(uri.host) !== flow.remoteAddress || (uri.port === 0 ? 5060 : uri.port) !== flow.remotePort;
}

/** The URI of the first Contact; empty when there is none that can be read. */
export function contactUri(message: Message): string {
  const [value] = message.values(Header.contact);
  if (value === undefined || value === "*") return "";
  try {
    return parseNameAddr(value).uri;
  } catch {
    return "";
  }
}
