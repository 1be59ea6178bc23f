import { aorOf, aorDomain, aorUser, type Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import type { Flow } from "../sip/transport/transport.ts";

/** Where a request of a dialog must go, as our Record-Route told it to the phones: it survives our restart, because they carry it.
 *  `device` and `aor` find the phone's new connection when the named one is gone. */
export type RoutePoint =
  /** The dialog's own URIs suffice: the next Route or the request URI is located. */
  | { readonly kind: "plain" }
  /** Back to a UDP source address (a phone behind NAT). */
  | { readonly kind: "udp"; readonly address: string; readonly port: number; readonly network: string }
  | { readonly kind: "connection"; readonly server: string; readonly connection: number; readonly aor: Aor | null; readonly device: string };

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

/** The point of a flow: what an in-dialog request needs to find the phone behind it. */
export function flowPoint(flow: Flow, server: string, aor: Aor | null, device: string): RoutePoint {
  if (flow.protocol === "udp") return { kind: "udp", address: flow.remoteAddress, port: flow.remotePort, network: flow.listener.network };
  return { kind: "connection", server, connection: flow.connection, aor, device };
}

const MAC_LENGTH = 16;
const TOKEN_LENGTH_MAX = 256;

function format(point: RoutePoint): string {
  switch (point.kind) {
    case "plain":
      return "";
    case "udp":
      return `~u~${point.address.replaceAll(":", "_")}~${point.port}~${escape(point.network)}`;
    case "connection":
      return `~c~${point.server}~${point.connection.toString(36)}~${point.aor === null ? "" : `${escape(aorUser(point.aor))}~${escape(aorDomain(point.aor))}~${escape(point.device)}`}`;
  }
}

function parse(text: string): RoutePoint | null {
  if (text === "") return { kind: "plain" };
  const [, kind = "", a = "", b = "", c = "", d = "", e = ""] = text.split("~");
  if (kind === "u") return { kind: "udp", address: a.replaceAll("_", ":"), port: Number(b), network: unescape(c) };
  if (kind !== "c") return null;
  return { kind: "connection", server: a, connection: parseInt(b, 36), aor: c === "" ? null : aorOf(unescape(c), unescape(d)), device: unescape(e) };
}

/** Characters that may stand in a URI's user part stay, but for our separator. */
function escape(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, (char) => `!${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function unescape(text: string): string {
  return text.replace(/!([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
