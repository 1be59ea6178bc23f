import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Random } from "../../src/base/random.ts";

/** How datagrams are treated, in both directions; each chance is 0 to 1. */
export interface Impairment {
  readonly loss: number;
  readonly duplicate: number;
  /** Between these each datagram, and each copy, waits for a time of its own: the later one may be the first to arrive. */
  readonly delayMs: readonly [number, number];
}

/** A line between one phone and the server, which sees another port than the phone's: as behind NAT. What goes through it may be lost, doubled, late and overtaken. */
export interface Relay {
  /** Where the phone sends to. */
  readonly port: number;
  set(impairment: Impairment): void;
  /** The router forgets its mapping: from now on the server sees another port, and what is sent to the old one is lost. */
  rebind(): Promise<void>;
  close(): void;
}

/** What all relays together have done. */
export interface RelayCounts {
  passed: number;
  lost: number;
  doubled: number;
}

const ADDRESS = "127.0.0.1";

/** Opens a line to the server's port. */
export async function openRelay(serverPort: number, random: Random, counts: RelayCounts): Promise<Relay> {
  let impairment: Impairment = { loss: 0, duplicate: 0, delayMs: [0, 0] };
  let phonePort = 0;
  let isClosed = false;
  const chance = (of: number): boolean => random.below(1_000_000) < of * 1_000_000;

  const pass = (deliver: () => void): void => {
    if (chance(impairment.loss)) {
      counts.lost++;
      return;
    }
    const isDoubled = chance(impairment.duplicate);
    if (isDoubled) counts.doubled++;
    const [least, most] = impairment.delayMs;
    for (let copy = 0; copy < (isDoubled ? 2 : 1); copy++) {
      counts.passed++;
      setTimeout(() => {
        if (!isClosed) deliver();
      }, least + random.below(most - least + 1));
    }
  };

  const inner = await bound();
  const outward = async (): Promise<Socket> => {
    const socket = await bound();
    socket.on("message", (bytes) => {
      pass(() => {
        if (phonePort !== 0) inner.send(bytes, phonePort, ADDRESS);
      });
    });
    return socket;
  };
  let outer = await outward();
  inner.on("message", (bytes, { port }) => {
    phonePort = port;
    pass(() => {
      outer.send(bytes, serverPort, ADDRESS);
    });
  });
  return {
    port: inner.address().port,
    set(next) {
      impairment = next;
    },
    async rebind() {
      const next = await outward();
      outer.close();
      outer = next;
    },
    close() {
      isClosed = true;
      inner.close();
      outer.close();
    },
  };
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  // ICMP: nobody listens there just now (the server was killed).
  socket.on("error", () => undefined);
  socket.bind(0, ADDRESS);
  await once(socket, "listening");
  return socket;
}
