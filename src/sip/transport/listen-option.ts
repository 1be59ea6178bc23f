import { isIP } from "node:net";
import { ConfigError } from "../../base/errors.ts";
import type { Protocol } from "./transport.ts";

/** A certificate (with its chain) and its key, as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A key pair for one server name: `pbx.example.test`, or `*.example.test` for exactly one label more. */
export interface NamedKeyPair extends KeyPair {
  readonly name: string;
}

/** Whether a TLS listener asks phones for certificates; `optional` lets those without a good one in, unnamed. */
export type ClientCertificates = "none" | "optional" | "required";

/** One address to listen on, as the configuration gives it. */
export interface ListenOption {
  /** `udp://0.0.0.0:5060`, `tls://[::]:5061`, `wss://0.0.0.0:8443/sip`. Port 0 takes a free one; a WebSocket path of `/` accepts every path. */
  readonly url: string;
  readonly network?: string;
  /** PEM texts; `tls` and `wss` need both, or at least one entry of `sni`. */
  readonly cert?: string;
  readonly key?: string;
  readonly sni?: readonly NamedKeyPair[];
  /** PEM text of the authorities that sign phones' certificates. */
  readonly clientCa?: string;
  readonly clientCertificates?: ClientCertificates;
  /** WebSocket only: the pages that may connect (`https://phone.example.test`); absent: all. */
  readonly origins?: readonly string[];
}

/** What a listen URL means. */
export interface ListenAddress {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly path: string;
}

const DEFAULT_PORTS: Readonly<Record<Protocol, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

/** Reads a listen URL; throws ConfigError when it is none. */
export function parseListenUrl(url: string): ListenAddress {
  const parts = /^([a-z]+):\/\/(\[[0-9a-f:.]*:[0-9a-f:.]*\]|[0-9.]+)(?::(\d{1,5}))?(\/[^\s?#]*)?$/i.exec(url);
  const protocol = protocolOf((parts?.[1] ?? "").toLowerCase());
  const address = (parts?.[2] ?? "").replace(/^\[(.*)\]$/, "$1");
  if (parts === null || protocol === null || isIP(address) === 0) {
    throw new ConfigError([`${url}: not a listen address; write e.g. udp://0.0.0.0:5060, tls://[::]:5061 or wss://0.0.0.0:8443/sip`]);
  }
  const port = parts[3] === undefined ? DEFAULT_PORTS[protocol] : Number(parts[3]);
  if (port > 65535) throw new ConfigError([`${url}: port ${String(port)} does not exist; write 0 to 65535`]);
  const path = parts[4] ?? "/";
  if (path !== "/" && protocol !== "ws" && protocol !== "wss") throw new ConfigError([`${url}: only ws and wss have a path; leave ${path} out`]);
  return { protocol, address, port, path };
}

function protocolOf(text: string): Protocol | null {
  return text === "udp" || text === "tcp" || text === "tls" || text === "ws" || text === "wss" ? text : null;
}
