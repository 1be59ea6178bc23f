import { createSocket } from "node:dgram";
import type { RemoteInfo } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { decode, encode, RECURSION_AVAILABLE, streamEncode } from "dns-packet";
import type { Answer, DecodedPacket, Packet } from "dns-packet";
import type { NameServer } from "../../src/dns/name-servers.ts";

/** What the server says to one question; `null` says nothing. */
export interface Reply {
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
  readonly rcode?: number;
  readonly isTruncated?: boolean;
}

/** A name server on loopback whose answers a test writes. */
export interface FakeDnsServer extends NameServer {
  /** The questions that arrived, as `udp A name`. */
  readonly asked: string[];
  /** Ports that questions came from. */
  readonly sourcePorts: number[];
  /** Changes what is answered. */
  answer: (name: string, type: string, over: "udp" | "tcp") => Reply | null;
  /** Called for each UDP question in place of the answer, to send whatever a test wants. */
  raw: ((query: DecodedPacket, send: (bytes: Buffer) => void) => void) | null;
  /** Resolves when so many questions have arrived in all. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

const FLAG_TC = 1 << 9;

export function replyTo(query: DecodedPacket, reply: Reply): Packet {
  return {
    type: "response",
    id: query.id,
    flags: RECURSION_AVAILABLE | (reply.rcode ?? 0) | (reply.isTruncated === true ? FLAG_TC : 0),
    questions: query.questions,
    answers: reply.answers ?? [],
    authorities: reply.authorities ?? [],
  };
}

export async function fakeDnsServer(): Promise<FakeDnsServer> {
  for (let attempt = 0; ; attempt++) {
    const udp = createSocket("udp4");
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
    const port = udp.address().port;
    const tcp = createServer();
    const sockets = new Set<Socket>();
    try {
      await new Promise<void>((resolve, reject) => {
        tcp.once("error", reject);
        tcp.listen(port, "127.0.0.1", resolve);
      });
    } catch (err) {
      udp.close();
      if (attempt > 10) throw err;
      continue;
    }
    let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
    const note = (over: "udp" | "tcp", query: DecodedPacket): Reply | null => {
      const [question] = query.questions ?? [];
      const name = question?.name ?? "";
      const type = question?.type ?? "";
      server.asked.push(`${over} ${type} ${name}`);
      waiting = waiting.filter(({ count, resolve }) => {
        if (server.asked.length < count) return true;
        resolve();
        return false;
      });
      return server.raw === null || over === "tcp" ? server.answer(name, type, over) : null;
    };
    const server: FakeDnsServer = {
      address: "127.0.0.1",
      port: (tcp.address() as AddressInfo).port,
      asked: [],
      sourcePorts: [],
      answer: () => ({ rcode: 3 }),
      raw: null,
      arrived: (count) =>
        new Promise((resolve) => {
          if (server.asked.length >= count) resolve();
          else waiting.push({ count, resolve });
        }),
      close: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise<void>((resolve) => udp.close(resolve));
        await new Promise<void>((resolve) => tcp.close(() => { resolve(); }));
      },
    };
    udp.on("message", (bytes: Buffer, from: RemoteInfo) => {
      const query = decode(bytes);
      server.sourcePorts.push(from.port);
      const reply = note("udp", query);
      const send = (out: Buffer): void => {
        udp.send(out, from.port, from.address);
      };
      if (reply !== null) send(encode(replyTo(query, reply)));
      server.raw?.(query, send);
    });
    tcp.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("data", (bytes: Buffer) => {
        const query = decode(bytes.subarray(2));
        const reply = note("tcp", query);
        if (reply === null) socket.end();
        else for (const byte of streamEncode(replyTo(query, reply))) socket.write(Buffer.of(byte));
      });
    });
    return server;
  }
}

export const a = (name: string, address: string, ttl = 60): Answer => ({ type: "A", name, ttl, class: "IN", data: address });
export const aaaa = (name: string, address: string, ttl = 60): Answer => ({ type: "AAAA", name, ttl, class: "IN", data: address });
export const cname = (name: string, target: string, ttl = 60): Answer => ({ type: "CNAME", name, ttl, class: "IN", data: target });
export const srv = (name: string, priority: number, weight: number, port: number, target: string): Answer => ({
  type: "SRV",
  name,
  ttl: 60,
  class: "IN",
  data: { priority, weight, port, target },
});
export const naptr = (name: string, order: number, preference: number, services: string, replacement: string, flags = "S"): Answer => ({
  type: "NAPTR",
  name,
  ttl: 60,
  class: "IN",
  data: { order, preference, flags, services, regexp: "", replacement },
});
export const soa = (name: string, minimum: number, ttl = 3600): Answer => ({
  type: "SOA",
  name,
  ttl,
  class: "IN",
  data: { mname: "ns.test", rname: "root.test", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
