import { connect, createSecureContext, createServer, checkServerIdentity } from "node:tls";
import type { PeerCertificate, SecureContext, TLSSocket } from "node:tls";
import { isIP } from "node:net";
import type { Socket } from "node:net";
import { ConfigError } from "../../base/errors.ts";
import type { Admission } from "./connection-table.ts";
import type { Connection } from "./connection.ts";
import { unmappedAddress } from "./ip-address.ts";
import type { KeyPair, ListenOption, NamedKeyPair } from "./listen-option.ts";
import { connectOptions, readStream, socketWire } from "./tcp.ts";
import type { AcceptedPeer, OnAccepted, StreamDeps } from "./tcp.ts";

/** How we behave towards servers that we open TLS connections to. */
export interface TlsPeerOptions {
  /** False accepts any certificate: for a laboratory only. */
  readonly verifyPeers: boolean;
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca?: string;
  /** Our own certificate, shown to those who ask. */
  readonly client?: KeyPair;
}

/** Does the server side of TLS handshakes. */
export interface TlsTerminator {
  readonly accept: OnAccepted;
}

const MIN_VERSION = "TLSv1.2";

/** Builds a listener's contexts from its PEM texts; throws ConfigError when they do not fit. `onSecure` gets each socket whose handshake is done. */
export function tlsTerminator(
  option: ListenOption,
  onSecure: (socket: TLSSocket, admission: Admission, peer: AcceptedPeer) => void,
): TlsTerminator {
  const contexts = serverContexts(option);
  const wanted = option.clientCertificates ?? "none";
  const waiting = new Map<string, { readonly admission: Admission; readonly address: string; readonly port: number }>();
  const server = createServer({
    minVersion: MIN_VERSION,
    requestCert: wanted !== "none",
    rejectUnauthorized: wanted === "required",
    ...contexts.fallback,
    ...(option.clientCa === undefined ? {} : { ca: option.clientCa }),
    SNICallback(name, done) {
      done(null, contexts.forName(name));
    },
  });
  server.on("secureConnection", (socket) => {
    const key = socketKey(socket);
    const peer = waiting.get(key);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    waiting.delete(key);
    const { admission, address, port } = peer;
    const name = socket.authorized ? certificateName(socket.getPeerCertificate()) : undefined;
    onSecure(socket, admission, name === undefined ? { address, port } : { address, port, name });
  });
  server.on("tlsClientError", (_error, socket) => {
    socket.destroy();
  });
  return {
    accept(raw, admission, address, port) {
      const key = socketKey(raw);
      waiting.set(key, { admission, address, port });
      raw.on("close", () => waiting.delete(key));
      server.emit("connection", raw);
    },
  };
}

/** Opens a TLS connection for `connection`; the peer's certificate is checked against `connection.checkedName`. */
export function connectTls(connection: Connection, peers: TlsPeerOptions, deps: StreamDeps): void {
  const name = connection.checkedName ?? connection.remoteAddress;
  const socket = connect({
    ...connectOptions(connection),
    minVersion: MIN_VERSION,
    rejectUnauthorized: peers.verifyPeers,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(peers.ca === undefined ? {} : { ca: peers.ca }),
    ...(peers.client ?? {}),
    checkServerIdentity: (_host, certificate) => sipIdentityError(name, certificate),
  });
  connection.startConnecting(() => socket.destroy());
  socket.on("connect", () => {
    connection.startHandshake();
  });
  socket.on("secureConnect", () => {
    connection.opened(socketWire(socket), unmappedAddress(socket.localAddress ?? connection.localAddress));
  });
  readStream(socket, connection, deps);
}

/** The key pair for a server name: an exact name, else a wildcard one label up (RFC 6125 §6.4.3), else none. Names compare without case. */
export function namedEntry<T extends { readonly name: string }>(entries: readonly T[], serverName: string): T | null {
  const wanted = serverName.toLowerCase().replace(/\.$/, "");
  const exact = entries.find((entry) => entry.name.toLowerCase() === wanted);
  if (exact !== undefined) return exact;
  const dot = wanted.indexOf(".");
  if (dot <= 0) return null;
  const wildcard = `*${wanted.slice(dot)}`;
  return entries.find((entry) => entry.name.toLowerCase() === wildcard) ?? null;
}

/** Checks a server's certificate against a name; a `sip:` URI of that host counts as well (RFC 5922 §7.2). */
export function sipIdentityError(name: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(name, certificate);
  if (error === undefined) return undefined;
  return subjectNames(certificate, "URI").some((uri) => uri.toLowerCase() === `sip:${name.toLowerCase()}`) ? undefined : error;
}

/** The name that a verified certificate stands for: its `sip:` URI without the scheme, else its first DNS name, else its common name. */
export function certificateName(certificate: PeerCertificate): string | undefined {
  const uri = subjectNames(certificate, "URI").find((one) => /^sips?:/i.test(one));
  if (uri !== undefined) return uri.replace(/^sips?:/i, "");
  const common: unknown = certificate.subject.CN;
  return subjectNames(certificate, "DNS")[0] ?? (typeof common === "string" ? common : Array.isArray(common) ? String(common[0]) : undefined);
}

function subjectNames(certificate: PeerCertificate, kind: "URI" | "DNS"): readonly string[] {
  // Entries that hold a comma or a quote are quoted by node, so that nobody can smuggle a second name in; those we do not take.
  return (certificate.subjectaltname ?? "").split(", ").flatMap((entry) => (entry.startsWith(`${kind}:`) && !entry.includes('"') ? [entry.slice(kind.length + 1)] : []));
}

/** A listener's certificates: the one for everybody, and those for certain server names. */
export interface ServerContexts {
  readonly fallback: KeyPair;
  forName(name: string): SecureContext | undefined;
}

/** Loads a listener's certificates; throws ConfigError when there are none or they do not fit their keys. */
export function serverContexts(option: ListenOption): ServerContexts {
  const named = option.sni ?? [];
  const own = option.cert !== undefined && option.key !== undefined ? { cert: option.cert, key: option.key } : named[0];
  if (own === undefined) throw new ConfigError([`${option.url}: a certificate is missing; give cert and key`]);
  const build = (pair: KeyPair, what: string): SecureContext => {
    try {
      return createSecureContext({
        cert: pair.cert,
        key: pair.key,
        minVersion: MIN_VERSION,
        ...(option.clientCa === undefined ? {} : { ca: option.clientCa }),
      });
    } catch (cause) {
      throw new ConfigError([`${option.url}: ${what} is not usable (${cause instanceof Error ? cause.message : String(cause)}); give PEM texts that belong together`]);
    }
  };
  build(own, "the certificate or key");
  const entries = named.map((entry: NamedKeyPair) => ({ name: entry.name, context: build(entry, `the certificate or key of ${entry.name}`) }));
  return { fallback: { cert: own.cert, key: own.key }, forName: (name) => namedEntry(entries, name)?.context };
}

function socketKey(socket: Socket): string {
  return `${socket.remoteAddress ?? ""}/${String(socket.remotePort)}`;
}
