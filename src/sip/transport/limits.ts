/** The bounds of everything that a peer can grow in the transport layer. */
export interface TransportLimits {
  /** The largest message, head and body together; a larger one is reported as oversized. */
  readonly messageBytes: number;
  /** The largest head (start line and header fields) of a message. */
  readonly headBytes: number;
  /** A message that was begun on a connection must be whole within this; else the connection is closed. */
  readonly messageSeconds: number;
  /** A new incoming connection must bring a message or a keep-alive within this. */
  readonly firstMessageSeconds: number;
  /** A connection without any traffic, keep-alives included, is closed after this. */
  readonly idleSeconds: number;
  /** Incoming connections in all; above it a new one is closed at once and counted. */
  readonly connections: number;
  /** Incoming connections from one address. */
  readonly connectionsPerAddress: number;
  /** Connections that we opened ourselves; above it `open` gives null. */
  readonly outgoingConnections: number;
  /** Bytes that may wait for one connection; above it `send` gives false. */
  readonly queueBytes: number;
  /** A connection whose peer reads nothing for this long while something waits is closed. */
  readonly blockedSeconds: number;
  /** A TCP connection that we open must be made within this. */
  readonly connectSeconds: number;
  /** A TLS handshake and a WebSocket upgrade, together, must be done within this. */
  readonly handshakeSeconds: number;
  /** UDP peers that are remembered for each listener; the longest idle are forgotten first. */
  readonly udpFlows: number;
}

/** The limits of a server that is not told otherwise. */
export const defaultTransportLimits: TransportLimits = {
  messageBytes: 32 * 1024,
  headBytes: 16 * 1024,
  messageSeconds: 30,
  firstMessageSeconds: 30,
  idleSeconds: 3700,
  connections: 20_000,
  connectionsPerAddress: 12_000,
  outgoingConnections: 4_000,
  queueBytes: 256 * 1024,
  blockedSeconds: 30,
  connectSeconds: 2,
  handshakeSeconds: 10,
  udpFlows: 131_072,
};

/** How much of an oversized message is shown to the layer above. */
export const OVERSIZED_HEAD_BYTES = 8 * 1024;
