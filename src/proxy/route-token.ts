import { aorOf, aorDomain, aorUser, type Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { Flow } from "../sip/transport/transport.ts";

/** Where a request of a dialog must go, as our Record-Route told it to the phones: it survives our restart, because they carry it.
 *  `device` and `aor` find the phone's new connection when the named one is gone. `isOnly`: it goes there whatever other Route it bears, since a
 *  stranger may have written that: who was let through to one user is not let through to anybody else. */
export type RoutePoint =
  /** The dialog's own URIs suffice: the next Route or the request URI is located. */
  | { readonly kind: "plain" }
  /** The same, but towards a stranger: only for requests of our own side, which sends from that address and port, or is registered as that AoR where it sends from. */
  | { readonly kind: "outward"; readonly address: string; readonly port: number; readonly aor: Aor | null }
  /** Back to a UDP source address (a phone behind NAT). */
  | { readonly kind: "udp"; readonly address: string; readonly port: number; readonly network: string; readonly aor: Aor | null; readonly device: string; readonly isOnly: boolean }
  | { readonly kind: "connection"; readonly server: string; readonly connection: number; readonly aor: Aor | null; readonly device: string; readonly isOnly: boolean };

/** Writes and checks the user part of our Record-Route URIs: `MAC~point`. The MAC binds it to the Call-ID, so that nobody can make
 *  the server forward by a made-up route. */
export interface RouteTokens {
  write(callId: string, point: RoutePoint): string;
  /** Null when we did not write it for that Call-ID. */
  read(callId: string, token: string): RoutePoint | null;
}

/** `hash` has a key that survives restarts. */
export function routeTokens(hash: KeyedHash): RouteTokens {
  return {
    write(callId, point) {
      const text = format(point);
      return `${hash.tag(`${callId}|${text}`)}${text}`;
    },
    read(callId, token) {
      if (token.length < MAC_LENGTH || token.length > TOKEN_LENGTH_MAX) return null;
      const text = token.slice(MAC_LENGTH);
      return hash.tag(`${callId}|${text}`) === token.slice(0, MAC_LENGTH) ? parse(text) : null;
    },
  };
}

/** The point of what needs no way: the dialog's own URIs suffice. */
export const plainPoint: RoutePoint = { kind: "plain" };

/** The point of a way to a stranger, for requests that come by the flow of our own side. */
export function outwardPoint(from: Flow, aor: Aor | null): RoutePoint {
  return { kind: "outward", address: from.remoteAddress, port: from.remotePort, aor };
}

/** The point of a flow: what an in-dialog request needs to find the phone behind it. */
export function flowPoint(flow: Flow, server: string, aor: Aor | null, device: string, isOnly = false): RoutePoint {
  if (flow.protocol === "udp") return { kind: "udp", address: flow.remoteAddress, port: flow.remotePort, network: flow.listener.network, aor, device, isOnly };
  return { kind: "connection", server, connection: flow.connection, aor, device, isOnly };
}

const MAC_LENGTH = 16;
/** More than we ever write. */
const TOKEN_LENGTH_MAX = 1024;

function format(point: RoutePoint): string {
  switch (point.kind) {
    case "plain":
      return "";
    case "outward":
      return `~o~${addressText(point.address)}~${point.port}~${aorText(point.aor)}`;
    case "udp":
      return `~${point.isOnly ? "U" : "u"}~${addressText(point.address)}~${point.port}~${escape(point.network)}${point.aor === null || point.device === "" ? "" : `~${aorText(point.aor)}~${escape(point.device)}`}`;
    case "connection":
      return `~${point.isOnly ? "C" : "c"}~${point.server}~${point.connection.toString(36)}~${aorText(point.aor)}~${escape(point.device)}`;
  }
}

function addressText(address: string): string {
  return address.replaceAll(":", "_");
}

function aorText(aor: Aor | null): string {
  return aor === null ? "~" : `${escape(aorUser(aor))}~${escape(aorDomain(aor))}`;
}

function parse(text: string): RoutePoint | null {
  if (text === "") return plainPoint;
  const [, kind = "", a = "", b = "", c = "", d = "", e = "", f = ""] = text.split("~");
  const aor = (user: string, domain: string): Aor | null => (user === "" ? null : aorOf(unescape(user), unescape(domain)));
  switch (kind) {
    case "o":
      return { kind: "outward", address: a.replaceAll("_", ":"), port: Number(b), aor: aor(c, d) };
    case "u":
    case "U":
      return { kind: "udp", address: a.replaceAll("_", ":"), port: Number(b), network: unescape(c), aor: aor(d, e), device: unescape(f), isOnly: kind === "U" };
    case "c":
    case "C":
      return { kind: "connection", server: a, connection: parseInt(b, 36), aor: aor(c, d), device: unescape(e), isOnly: kind === "C" };
    default:
      return null;
  }
}

/** Characters that may stand in a URI's user part stay, but for our separator. */
function escape(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, (char) => `!${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function unescape(text: string): string {
  return text.replace(/!([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
