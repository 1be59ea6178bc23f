import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { UnavailableError } from "../../base/errors.ts";
import { incomingFacts } from "./connection-table.ts";
import type { Admission, ConnectionTable } from "./connection-table.ts";
import type { Connection, Wire } from "./connection.ts";
import type { ProtocolCounters } from "./counters.ts";
import { Framer } from "./framing.ts";
import type { Breakage } from "./framing.ts";
import { isWildcardAddress, unmappedAddress } from "./ip-address.ts";
import type { Listener, TransportHandler } from "./transport.ts";

/** A server socket that listens. */
export interface BoundServer {
  readonly port: number;
  /** Accepts nothing more; connections that live go on. */
  close(): void;
}

/** Where an acceptor hands an accepted socket. `address` and `port` are the peer's. */
export type OnAccepted = (socket: Socket, admission: Admission, address: string, port: number) => void;

/** A peer as it was accepted; `name` is that of its verified certificate. */
export interface AcceptedPeer {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
}

const BACKLOG = 4096;
/** TCP's own keep-alive finds peers that vanished without a word. */
const KEEP_ALIVE_MS = 120_000;

/** Listens for TCP connections and admits them under the table's limits; those above are closed at once. */
export function listenTcp(
  listener: Listener,
  deps: { readonly table: ConnectionTable; readonly counters: ProtocolCounters; readonly onAccepted: OnAccepted },
): Promise<BoundServer> {
  const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  const server: Server = createServer(options, (socket) => {
    socket.on("error", ignoreError);
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const address = unmappedAddress(remoteAddress);
    const admission = deps.table.admit(listener.protocol, address, () => socket.destroy());
    if (admission === null) {
      socket.destroy();
      return;
    }
    socket.on("close", () => admission.release());
    deps.onAccepted(socket, admission, address, remotePort);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new UnavailableError(`cannot listen on ${listener.url}: ${cause.message}`, { cause }));
    });
    server.listen({ host: listener.address, port: listener.port, backlog: BACKLOG, ipv6Only: true }, () => {
      server.removeAllListeners("error");
      // Accepting can fail for a while (no file descriptors left); it must not end the server.
      server.on("error", () => deps.counters.socketErrors++);
      const bound = server.address();
      resolve({ port: typeof bound === "object" && bound !== null ? bound.port : listener.port, close: () => server.close() });
    });
  });
}

/** Makes a connection of an accepted socket that carries SIP from the first byte (TCP, or TLS after its handshake). */
export function acceptStream(socket: Socket, listener: Listener, peer: AcceptedPeer, deps: StreamDeps): void {
  const local = unmappedAddress(socket.localAddress ?? listener.address);
  const facts = incomingFacts(listener, local, peer.address, peer.port);
  const connection = deps.table.add(peer.name === undefined ? facts : { ...facts, peerName: peer.name });
  if (connection === null) {
    socket.destroy();
    return;
  }
  connection.opened(socketWire(socket), local);
  readStream(socket, connection, deps);
}

/** Opens a TCP connection for `connection`, which waits in its connecting state; failure ends it. */
export function connectTcp(connection: Connection, deps: StreamDeps): void {
  const socket = connect(connectOptions(connection));
  connection.startConnecting(() => socket.destroy());
  socket.on("connect", () => {
    connection.opened(socketWire(socket), unmappedAddress(socket.localAddress ?? connection.localAddress));
  });
  readStream(socket, connection, deps);
}

/** Where to and how a connection of ours is made: no local port is bound, the local address only when the listener has one of its own. */
export function connectOptions(connection: Connection): { host: string; port: number; noDelay: true; keepAlive: true; keepAliveInitialDelay: number; allowHalfOpen: true; localAddress?: string } {
  const options = {
    host: connection.remoteAddress,
    port: connection.remotePort,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    allowHalfOpen: true,
  } as const;
  return isWildcardAddress(connection.listener.address) ? options : { ...options, localAddress: connection.listener.address };
}

/** What reading a stream needs. */
export interface StreamDeps {
  readonly table: ConnectionTable;
  readonly handler: TransportHandler;
}

/** The wire of a byte stream: all texts of a batch in one write. */
export function socketWire(socket: Socket): Wire {
  return {
    write(texts, onWritten) {
      socket.write(texts.length === 1 ? (texts[0] ?? "") : texts.join(""), "latin1", onWritten);
    },
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  };
}

/** Reads a stream into whole messages until it ends. */
export function readStream(socket: Socket, connection: Connection, deps: StreamDeps): void {
  const { handler, table } = deps;
  const framer = new Framer(
    {
      onFrame(text) {
        connection.heardMessage();
        handler.onMessage(text, connection);
        if (!connection.isOpen) framer.stop();
      },
      onPing() {
        connection.heardKeepAlive("\r\n");
      },
      onBroken(breakage, text) {
        broken(connection, handler, breakage, text);
      },
    },
    table.limits,
  );
  let failure = "";
  socket.on("data", (chunk: Buffer) => {
    framer.push(chunk);
    connection.heardBytes(chunk.length, framer.isMidMessage);
  });
  socket.on("end", () => {
    connection.end("the peer ended the connection");
  });
  socket.on("error", (error: Error) => {
    failure = error.message;
    connection.counters.socketErrors++;
  });
  socket.on("close", () => {
    framer.stop();
    connection.closed(failure === "" ? "the connection ended" : failure);
  });
}

function broken(connection: Connection, handler: TransportHandler, breakage: Breakage, text: string): void {
  if (breakage === "garbage") {
    connection.counters.unframable++;
    connection.close();
    return;
  }
  connection.heardMessage();
  if (breakage === "oversized") {
    connection.counters.oversized++;
    handler.onOversized?.(text, connection);
    connection.finish("an oversized message");
  } else {
    connection.counters.unframable++;
    handler.onMessage(text, connection);
    connection.finish("a message without a usable Content-Length");
  }
}

function ignoreError(): void {
  /* the close that follows every socket error tells all there is to tell */
}
