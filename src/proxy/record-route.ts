import type { Flow } from "../sip/transport/transport.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { bareHost, parseSipUri } from "../sip/uri.ts";
import type { Aor } from "../base/ids.ts";
import { ownAddress, transportParam } from "../agent/own-address.ts";
import { flowPoint, type RoutePoint, type RouteTokens } from "./route-token.ts";
import type { Target } from "./target.ts";

const PLAIN: RoutePoint = { kind: "plain" };

/** Writes our Record-Route lines for one branch (RFC 3261 §16.6 step 4): one when both sides are plain UDP on one listener, else two, each with the
 *  address that its side sees (RFC 5658) and with the way back to the phone behind it. */
export interface RecordRoutes {
  lines(message: Message, source: Flow, caller: CallerSide, out: Flow, target: Target): string;
}

/** The side from which the request came. */
export interface CallerSide {
  readonly aor: Aor | null;
  readonly device: string;
}

/** `server` names this process. */
export function recordRoutes(tokens: RouteTokens, server: string): RecordRoutes {
  return {
    lines(message, source, caller, out, target) {
      const { callId } = message;
      const callerPoint = needsFlow(source, contactUri(message)) ? flowPoint(source, server, caller.aor, caller.device) : PLAIN;
      // Only a registration's own flow is a phone's; a connection that we opened can be opened again.
      const calleePoint = target.flow === out && needsFlow(out, target.uri) ? flowPoint(out, server, target.aor, target.device) : PLAIN;
      if (callerPoint === PLAIN && calleePoint === PLAIN && source.listener === out.listener && source.localAddress === out.localAddress) {
        return `Record-Route: <sip:${tokens.write(callId, PLAIN)}@${ownAddress(out)}${transportParam(out)};lr>\r\n`;
      }
      const callee = `Record-Route: <sip:${tokens.write(callId, calleePoint)}@${ownAddress(out)}${transportParam(out)};lr>\r\n`;
      return `${callee}Record-Route: <sip:${tokens.write(callId, callerPoint)}@${ownAddress(source)}${transportParam(source)};lr>\r\n`;
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
