import { createSocket } from "node:dgram";
import type { SocketOptions } from "node:dgram";
import { isIPv6 } from "node:net";

/** Takes one datagram as latin1 text. `localAddress`: where it was sent to, when the engine can tell; undefined or empty when not. */
export type OnDatagram = (text: string, remoteAddress: string, remotePort: number, localAddress?: string) => void;

/** A bound UDP socket. */
export interface UdpSocket {
  readonly port: number;
  /** Hands one datagram to the system, in order and within this round of the event loop, without a lookup. Never blocks, never throws; what the system refuses is lost and counted.
   *  `localAddress`: leave from that address of ours, where the engine can and the socket is bound to a wildcard. */
  send(text: string, address: string, port: number, localAddress?: string): void;
  /** Resolves when the socket is closed; what was handed over before is sent first. */
  close(): Promise<void>;
}

/** Whom a UDP socket tells. */
export interface UdpHandler {
  readonly datagram: OnDatagram;
  readonly error: (error: Error) => void;
  /** Called before anything leaves that was handed over while datagrams were being handled. */
  readonly beforeLeave: () => void;
  /** Called around the handling of datagrams that were read together; engines that read one at a time never call it. */
  readonly batch?: { readonly begins: () => void; readonly ends: () => void };
  /** The share of the system's receive buffer (0 to 1) that is still taken after as many datagrams were read as are read at once; 0 when fewer are there
   *  again. Engines that cannot tell never call it. */
  readonly backlog?: (share: number) => void;
}

/** What moves datagrams: node's own sockets, or a native engine that does the same in batches. */
export interface UdpEngine {
  /** `node` or `native`, as the server says at start. */
  readonly name: string;
  /** Binds; rejects with the system's error. IPv6 sockets take IPv6 only. */
  bind(address: string, port: number, on: UdpHandler): Promise<UdpSocket>;
}

/** A burst of a whole building's registrations must fit; the system may grant less. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** Texts to send are laid side by side into blocks of this size, each used once: node keeps a datagram's bytes until it has left. */
const BLOCK_BYTES = 64 * 1024;
/** Rounds of the event loop that a close waits for datagrams which the system has not taken; the first two are for those node has not handed over. */
const CLOSE_ROUNDS_MAX = 1000;

/** UDP over node's dgram. */
export const nodeUdpEngine: UdpEngine = {
  name: "node",
  bind(address, port, on) {
    const socket = createSocket(socketOptions(address));
    let isClosed = false;
    let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    let used = 0;
    const bytesOf = (text: string): Buffer => {
      const length = text.length;
      if (length > BLOCK_BYTES / 8) return Buffer.from(text, "latin1");
      if (used + length > BLOCK_BYTES) {
        block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        used = 0;
      }
      const from = used;
      used += block.write(text, from, length, "latin1");
      return block.subarray(from, used);
    };
    const onSent = (error: Error | null): void => {
      if (error !== null) on.error(error);
    };
    socket.on("message", (bytes, remote) => {
      on.datagram(bytes.toString("latin1"), remote.address, remote.port);
    });
    const bound: Omit<UdpSocket, "port"> = {
      send(text, to, toPort) {
        if (isClosed) return;
        on.beforeLeave();
        socket.send(bytesOf(text), toPort, to, onSent);
      },
      close: () =>
        new Promise((resolve) => {
          isClosed = true;
          const closeWhenSent = (rounds: number): void => {
            if (rounds < 2 || (socket.getSendQueueCount() > 0 && rounds < CLOSE_ROUNDS_MAX)) setImmediate(closeWhenSent, rounds + 1);
            else socket.close(resolve);
          };
          closeWhenSent(0);
        }),
    };
    return new Promise((resolve, reject) => {
      socket.once("error", (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeAllListeners("error");
        socket.on("error", on.error);
        resolve({ ...bound, port: socket.address().port });
      });
    });
  },
};

function socketOptions(address: string): SocketOptions {
  const family = isIPv6(address) ? 6 : 4;
  return {
    type: family === 6 ? "udp6" : "udp4",
    ipv6Only: family === 6,
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    // Only addresses are ever given, and the answer comes at once: no thread, no name service.
    lookup: (hostname, _options, callback) => {
      callback(null, hostname, family);
    },
  };
}
