import type { Protocol } from "./transport.ts";

/** What has happened on one protocol since the start; plain numbers, read by the metrics. Only `connectionsOpen` goes down. */
export interface ProtocolCounters {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Keep-alives that were answered: CRLF pairs, STUN binding requests, WebSocket pings. */
  keepAlives: number;
  connectionsOpen: number;
  /** New connections that were closed at once because a limit was reached. */
  connectionsRefused: number;
  /** Connections that were closed because a time limit ran out (slow, silent, blocked, idle). */
  connectionsTimedOut: number;
  oversized: number;
  /** What came on a connection and cannot be cut into messages. */
  unframable: number;
  /** Incoming connections that ended before their TLS handshake or WebSocket upgrade was done. */
  handshakeErrors: number;
  /** Messages that were refused because a connection's queue was full. */
  queueDropped: number;
  /** Errors that the operating system reported for a socket of ours, ICMP among them. */
  socketErrors: number;
}

/** The counters of every protocol. */
export type TransportCounters = Readonly<Record<Protocol, ProtocolCounters>>;

/** Counters that all stand at zero. */
export function newTransportCounters(): TransportCounters {
  return { udp: zero(), tcp: zero(), tls: zero(), ws: zero(), wss: zero() };
}

function zero(): ProtocolCounters {
  return {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    keepAlives: 0,
    connectionsOpen: 0,
    connectionsRefused: 0,
    connectionsTimedOut: 0,
    oversized: 0,
    unframable: 0,
    handshakeErrors: 0,
    queueDropped: 0,
    socketErrors: 0,
  };
}
