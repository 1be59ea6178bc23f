/** The transports of SIP, by their Via and URI names. */
export type Protocol = "udp" | "tcp" | "tls" | "ws" | "wss";

/** True for every transport that has connections: all but UDP. */
export function isStream(protocol: Protocol): boolean {
  return protocol !== "udp";
}

/** One address that the server listens on. */
export interface Listener {
  readonly protocol: Protocol;
  /** The address it is bound to; may be a wildcard (`0.0.0.0`, `::`). */
  readonly address: string;
  readonly port: number;
  /** The network's name when the configuration gives one, else `default`: requests that cross from one to another get a double Record-Route. */
  readonly network: string;
  /** `udp://0.0.0.0:5060`, for logs and pages. */
  readonly url: string;
}

/** A way to one peer: for UDP the peer's address seen from one listener, else one connection.
 *  Interned: the same UDP peer gives the same object, so tables may hold it without cost. */
export interface Flow {
  readonly protocol: Protocol;
  readonly listener: Listener;
  /** Our address as the peer sees it: never a wildcard. IPv6 without brackets. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** 0 for UDP; else the connection's number, never used twice within a process. */
  readonly connection: number;
  /** False once the connection has ended; always true for UDP. */
  readonly isOpen: boolean;
  /** The name in the peer's verified client certificate, if it gave one. */
  readonly peerName?: string;
  /** Sends one whole message (latin1 text: one character a byte), queued while connecting. Never blocks, never throws.
   *  False when it was not taken: the connection has ended or its bounded queue is full. */
  send(text: string): boolean;
  /** Ends a connection at once (no effect on UDP). */
  close(): void;
}

/** Where a request should go next: the outcome of RFC 3263, or an address that was given outright. */
export interface Hop {
  readonly protocol: Protocol;
  /** An IP address; IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** The name that was looked up: TLS checks the peer's certificate against it. */
  readonly host?: string;
  /** Leave from this network's listener; default: the first fitting listener. */
  readonly network?: string;
}

/** What the transport layer tells the layer above. Handlers run synchronously, one message at a time. */
export interface TransportHandler {
  /** One whole message, one character a byte (latin1); keep-alives have been answered below. */
  onMessage(text: string, flow: Flow): void;
  /** A message larger than the limits: `head` is at most its first 8 KB, enough for a 513. What was answered before this
   *  returns, or shortly after, still leaves; then a connection is closed (a UDP flow lives on). */
  onOversized?(head: string, flow: Flow): void;
  /** How far we are behind: the share of a receive buffer (0 to 1) that waits after as much was read as is read at once, or of `ROUND_MAX_MS` that one round of streams took. */
  onBacklog?(share: number): void;
  /** A connection ended or could not be made: exactly once for each connection, never from within `open`. */
  onClosed(flow: Flow, why: string): void;
}

/** All listeners and connections of a server. */
export interface Transports {
  readonly listeners: readonly Listener[];
  /** Binds all listeners; rejects with UnavailableError naming the one that failed. */
  start(handler: TransportHandler): Promise<void>;
  /** The way to a hop: an interned UDP flow; an open connection to that address; else a new connection that is being made
   *  (messages wait in its bounded queue; failure arrives as `onClosed`). Null when no listener fits the protocol and address family. */
  open(hop: Hop): Flow | null;
  /** The live flow of that connection number, or null. */
  connection(number: number): Flow | null;
  /** Ends everything; what was accepted for sending is given 1 s to leave. */
  stop(): Promise<void>;
}
