import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import type { NameServer } from "./name-servers.ts";

/** Looks at what arrived: the answer, or null to keep waiting. Never throws. */
export type Accept<Answer> = (bytes: Uint8Array) => Answer | null;

/** Wrong answers to one question over UDP that are borne; more look like an attempt to guess the id, and the question is given up. */
export const WRONG_ANSWERS_MAX = 64;

/** One question over UDP from a port of its own. The socket is connected, so the kernel drops what other addresses send and tells of a refusal at once. */
export function exchangeUdp<Answer>(server: NameServer, query: Uint8Array, accept: Accept<Answer>, clock: Clock, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.address.replace(/%.*$/, "")) ? "udp6" : "udp4");
    let wrong = 0;
    let isOver = false;
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      cancel();
      socket.close();
      return true;
    };
    const fail = (cause: Error): void => {
      if (end()) reject(cause);
    };
    const cancel = clock.after(timeoutMs, () => {
      fail(new UnavailableError(`no answer within ${timeoutMs} ms`));
    });
    socket.on("error", fail);
    socket.on("message", (bytes) => {
      const answer = accept(bytes);
      if (answer === null) {
        if (++wrong >= WRONG_ANSWERS_MAX) fail(new UnavailableError("too many wrong answers"));
      } else if (end()) resolve(answer);
    });
    socket.connect(server.port, server.address, () => {
      if (!isOver)
        socket.send(query, (cause) => {
          if (cause !== null) fail(cause);
        });
    });
  });
}

/** The same over TCP, for an answer that did not fit a datagram (RFC 7766). */
export function exchangeTcp<Answer>(server: NameServer, query: Uint8Array, accept: Accept<Answer>, clock: Clock, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.address);
    let received = Buffer.alloc(0);
    const cancel = clock.after(timeoutMs, () => {
      socket.destroy(new UnavailableError(`no answer over TCP within ${timeoutMs} ms`));
    });
    socket.on("connect", () => {
      const framed = Buffer.alloc(2 + query.length);
      framed.writeUInt16BE(query.length);
      framed.set(query, 2);
      socket.write(framed);
    });
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      const length = received.length < 2 ? Infinity : received.readUInt16BE(0);
      if (received.length < 2 + length) return;
      const answer = accept(received.subarray(2, 2 + length));
      if (answer === null) socket.destroy(new UnavailableError("a wrong answer over TCP"));
      else {
        resolve(answer);
        socket.destroy();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      cancel();
      reject(new UnavailableError("the name server closed the connection"));
    });
  });
}
