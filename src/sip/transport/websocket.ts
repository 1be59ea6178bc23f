import { isUtf8 } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { incomingFacts } from "./connection-table.ts";
import type { Admission } from "./connection-table.ts";
import type { Connection, Wire } from "./connection.ts";
import { unmappedAddress } from "./ip-address.ts";
import { OVERSIZED_HEAD_BYTES } from "./limits.ts";
import type { Listener } from "./transport.ts";
import type { AcceptedPeer, StreamDeps } from "./tcp.ts";

/** Takes sockets (plain or TLS) that begin with an HTTP upgrade to WebSocket and the subprotocol `sip` (RFC 7118). */
export interface WebSocketTerminator {
  accept(socket: Socket, admission: Admission, peer: AcceptedPeer): void;
}

const SUBPROTOCOL = "sip";
/** Above the limit for messages, so that a message somewhat too large can still be answered with 513. */
const PAYLOAD_SPARE_BYTES = 64 * 1024;
const KEEP_ALIVE_TEXT_MAX = 4;

/** `path`: `/` accepts every path. `origins`: the pages that may connect; null: all (also those without an Origin). */
export function webSocketTerminator(listener: Listener, rules: { readonly path: string; readonly origins: readonly string[] | null }, deps: StreamDeps): WebSocketTerminator {
  const peers = new WeakMap<object, AcceptedPeer & { readonly socket: Socket; readonly admission: Admission }>();
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    autoPong: false,
    maxPayload: deps.table.limits.messageBytes + PAYLOAD_SPARE_BYTES,
    handleProtocols: () => SUBPROTOCOL,
  });
  const server = createServer({ maxHeaderSize: deps.table.limits.headBytes });
  server.on("clientError", (_error, socket) => {
    socket.destroy();
  });
  server.on("request", (request, response) => {
    const isPath = isPathFit(request, rules.path);
    response.writeHead(isPath ? 426 : 404, { connection: "close", "content-length": 0, ...(isPath ? { upgrade: "websocket" } : {}) });
    response.end();
  });
  server.on("upgrade", (request, duplex, head) => {
    const peer = peers.get(duplex);
    const refusal = refusalOf(request, rules);
    if (peer === undefined || refusal !== null) {
      duplex.on("error", () => duplex.destroy());
      duplex.end(`HTTP/1.1 ${refusal ?? "400 Bad Request"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    upgrader.handleUpgrade(request, duplex, head, (webSocket) => {
      peer.admission.settle();
      acceptWebSocket(webSocket, peer.socket, listener, peer, deps);
    });
  });
  return {
    accept(socket, admission, peer) {
      peers.set(socket, { ...peer, socket, admission });
      server.emit("connection", socket);
    },
  };
}

function acceptWebSocket(webSocket: WebSocket, socket: Socket, listener: Listener, peer: AcceptedPeer, deps: StreamDeps): void {
  const local = unmappedAddress(socket.localAddress ?? listener.address);
  const facts = incomingFacts(listener, local, peer.address, peer.port);
  const connection = deps.table.add(peer.name === undefined ? facts : { ...facts, peerName: peer.name });
  if (connection === null) {
    webSocket.terminate();
    return;
  }
  connection.opened(webSocketWire(webSocket, socket), local);
  let failure = "";
  // Before the WebSocket reads the chunk: a message that is whole takes the mark away again.
  socket.prependListener("data", (chunk: Buffer) => {
    connection.heardBytes(chunk.length, true);
  });
  webSocket.on("message", (data: Buffer) => {
    onWebSocketMessage(data, connection, deps);
  });
  webSocket.on("ping", (data: Buffer) => {
    connection.heardBytes(0, false);
    connection.heardKeepAlive("");
    connection.counters.keepAlives++;
    // A peer that pings and never reads must not fill our memory with pongs.
    if (socket.writableLength <= deps.table.limits.queueBytes) webSocket.pong(data);
    else connection.close();
  });
  webSocket.on("pong", () => {
    connection.heardBytes(0, false);
    connection.heardKeepAlive("");
  });
  webSocket.on("error", (error: Error & { readonly code?: string }) => {
    failure = error.message;
    if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") connection.counters.oversized++;
    else connection.counters.socketErrors++;
  });
  webSocket.on("close", () => {
    connection.closed(failure === "" ? "the connection ended" : failure);
  });
}

function onWebSocketMessage(data: Buffer, connection: Connection, deps: StreamDeps): void {
  if (!connection.isReusable) return;
  if (data.length <= KEEP_ALIVE_TEXT_MAX && data.every((byte) => byte === 0x0d || byte === 0x0a)) {
    connection.heardBytes(0, false);
    connection.heardKeepAlive(data.length === KEEP_ALIVE_TEXT_MAX ? "\r\n" : "");
    return;
  }
  connection.heardMessage();
  if (data.length <= deps.table.limits.messageBytes) {
    deps.handler.onMessage(data.toString("latin1"), connection);
    return;
  }
  connection.counters.oversized++;
  deps.handler.onOversized?.(data.toString("latin1", 0, OVERSIZED_HEAD_BYTES), connection);
  connection.finish("an oversized message");
}

/** A text is a frame of its own: a text frame when it is UTF-8, as browsers insist, else a binary one (RFC 7118 §5). */
function webSocketWire(webSocket: WebSocket, socket: Socket): Wire {
  return {
    write(texts, onWritten) {
      socket.cork();
      for (const [at, text] of texts.entries()) {
        const data = Buffer.from(text, "latin1");
        const options = { binary: !isUtf8(data) };
        if (at === texts.length - 1) webSocket.send(data, options, onWritten);
        else webSocket.send(data, options);
      }
      socket.uncork();
    },
    end: () => {
      webSocket.close(1000);
    },
    destroy: () => {
      webSocket.terminate();
    },
  };
}

function refusalOf(request: IncomingMessage, rules: { readonly path: string; readonly origins: readonly string[] | null }): string | null {
  if (!isPathFit(request, rules.path)) return "404 Not Found";
  const { origin } = request.headers;
  if (rules.origins !== null && (origin === undefined || !rules.origins.includes(origin))) return "403 Forbidden";
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim().toLowerCase());
  return offered.includes(SUBPROTOCOL) ? null : "400 Bad Request";
}

function isPathFit(request: IncomingMessage, path: string): boolean {
  return path === "/" || (request.url ?? "").split("?")[0] === path;
}
