import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Flow, TransportHandler, Transports } from "../../src/sip/transport/transport.ts";
import { FakeClock } from "./fake-clock.ts";
import { simNetwork } from "./network.ts";
import type { SimConditions, SimNetwork } from "./network.ts";

interface Side extends TransportHandler {
  readonly seen: string[];
  readonly flows: Flow[];
  readonly transports: Transports;
}

function side(network: SimNetwork, address: string, listen = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"]): Side {
  const seen: string[] = [];
  const flows: Flow[] = [];
  const transports = network.transports(address, listen);
  const handler: Side = {
    seen,
    flows,
    transports,
    onMessage: (text, flow) => {
      seen.push(text);
      flows.push(flow);
    },
    onClosed: (_flow, why) => {
      seen.push(`closed: ${why}`);
    },
  };
  void transports.start(handler);
  return handler;
}

function world(conditions: Partial<SimConditions> = {}, seed = 1): { clock: FakeClock; network: SimNetwork; a: Side; b: Side } {
  const clock = new FakeClock(0);
  const network = simNetwork({ clock, random: seededRandom(seed), ...conditions });
  return { clock, network, a: side(network, "10.0.0.1"), b: side(network, "10.0.0.2") };
}

const toB = { address: "10.0.0.2", port: 5060 } as const;

describe("simulated UDP", () => {
  test("a datagram arrives after the delay, with an interned flow, and can be answered", () => {
    const { clock, a, b } = world({ delayMs: [5, 5] });
    const flow = a.transports.open({ protocol: "udp", ...toB });
    expect(a.transports.open({ protocol: "udp", ...toB })).toBe(flow);
    expect(flow?.send("hello")).toBe(true);
    clock.advance(4);
    expect(b.seen).toEqual([]);
    clock.advance(1);
    expect(b.seen).toEqual(["hello"]);
    expect(b.flows[0]).toMatchObject({ localAddress: "10.0.0.2", localPort: 5060, remoteAddress: "10.0.0.1", remotePort: 5060, connection: 0 });
    b.flows[0]?.send("re");
    clock.advance(5);
    expect(a.seen).toEqual(["re"]);
  });

  test("without reordering the order holds, with it it does not; loss and doubling are about as asked", () => {
    for (const reorder of [0, 1]) {
      const { clock, a, b } = world({ delayMs: [1, 50], reorder }, 5);
      for (let at = 0; at < 200; at++) a.transports.open({ protocol: "udp", ...toB })?.send(String(at));
      clock.advance(1000);
      const inOrder = [...b.seen].sort((x, y) => Number(x) - Number(y));
      expect(b.seen.length).toBe(200);
      if (reorder === 0) expect(b.seen).toEqual(inOrder);
      else expect(b.seen).not.toEqual(inOrder);
    }
    const { clock, network, a, b } = world({ loss: 0.2, duplicate: 0.1 }, 6);
    for (let at = 0; at < 5000; at++) a.transports.open({ protocol: "udp", ...toB })?.send(String(at));
    clock.advance(1000);
    expect(network.counts.lost).toBeGreaterThan(850);
    expect(network.counts.lost).toBeLessThan(1150);
    expect(b.seen.length).toBeGreaterThan(4200);
    expect(b.seen.length).toBeLessThan(4600);
  });

  test("the same seed gives the same run, another seed another", () => {
    const run = (seed: number): string => {
      const { clock, a, b } = world({ loss: 0.3, duplicate: 0.2, reorder: 0.5, delayMs: [1, 30] }, seed);
      for (let at = 0; at < 100; at++) {
        a.transports.open({ protocol: "udp", ...toB })?.send(String(at));
        a.transports.open({ protocol: "tcp", ...toB })?.send(`t${String(at)}`);
        clock.advance(3);
      }
      clock.advance(100);
      return b.seen.join(" ");
    };
    expect(run(3)).toBe(run(3));
    expect(run(3)).not.toBe(run(4));
  });

  test("a partition and a crash lose everything, keep-alives are swallowed, nobody at a port is nobody", () => {
    const { clock, network, a, b } = world();
    const flow = a.transports.open({ protocol: "udp", ...toB });
    flow?.send("\r\n\r\n");
    a.transports.open({ protocol: "udp", address: "10.0.0.2", port: 9 })?.send("x");
    network.partition("10.0.0.1", "10.0.0.2");
    flow?.send("1");
    clock.advance(10);
    network.heal("10.0.0.2", "10.0.0.1");
    flow?.send("2");
    clock.advance(10);
    network.crash("10.0.0.2");
    flow?.send("3");
    clock.advance(10);
    expect(b.seen).toEqual(["2"]);
    const again = side(network, "10.0.0.2");
    flow?.send("4");
    clock.advance(10);
    expect(again.seen).toEqual(["4"]);
  });
});

describe("simulated TCP", () => {
  test("messages wait for the connection, arrive in order whatever the weather, and it is reused both ways", () => {
    const { clock, a, b } = world({ loss: 0.9, duplicate: 0.5, reorder: 1, delayMs: [1, 20] });
    const flow = a.transports.open({ protocol: "tcp", ...toB });
    for (let at = 0; at < 50; at++) expect(flow?.send(String(at))).toBe(true);
    expect(a.transports.open({ protocol: "tcp", ...toB })).toBe(flow);
    clock.advance(2000);
    expect(b.seen).toEqual(Array.from({ length: 50 }, (_, at) => String(at)));
    const back = b.flows[0];
    expect(b.transports.open({ protocol: "tcp", address: "10.0.0.1", port: back?.remotePort ?? 0 })).toBe(back);
    expect(b.transports.connection(back?.connection ?? 0)).toBe(back);
    back?.send("re");
    clock.advance(100);
    expect(a.seen).toEqual(["re"]);
    flow?.send("last");
    flow?.close();
    expect(flow?.isOpen).toBe(false);
    clock.advance(100);
    expect(a.seen.slice(1)).toEqual(["closed: closed by us"]);
    expect(b.seen.slice(50)).toEqual(["last", "closed: the peer ended the connection"]);
  });

  test("refused, nobody there, and a lost way are told once and not from within open", () => {
    const { clock, network, a } = world();
    network.refuse("10.0.0.2");
    a.transports.open({ protocol: "tcp", ...toB })?.send("x");
    expect(a.seen).toEqual([]);
    clock.advance(10);
    expect(a.seen).toEqual(["closed: connect ECONNREFUSED"]);
    network.refuse("10.0.0.2", false);
    network.partition("10.0.0.1", "10.0.0.2");
    a.transports.open({ protocol: "tcp", ...toB });
    a.transports.open({ protocol: "tcp", address: "10.0.0.77", port: 5060 });
    clock.advance(1999);
    expect(a.seen.length).toBe(1);
    clock.advance(10_000);
    expect(a.seen.slice(1)).toEqual(["closed: no connection within the time limit", "closed: no connection within the time limit"]);
    expect(a.transports.open({ protocol: "tls", ...toB })).toBeNull();
    expect(a.transports.open({ protocol: "ws", ...toB })).toBeNull();
  });

  test("a stalled peer fills the queue, then reads all of it, or the connection ends after 30 s", () => {
    const { clock, network, a, b } = world();
    const flow = a.transports.open({ protocol: "tcp", ...toB });
    flow?.send("first");
    clock.advance(10);
    network.stall("10.0.0.2");
    let taken = 0;
    while (flow?.send("x".repeat(1000)) === true) taken++;
    expect(taken).toBe(262);
    clock.advance(20_000);
    network.stall("10.0.0.2", false);
    clock.advance(10);
    expect(b.seen.length).toBe(263);
    network.stall("10.0.0.2");
    flow?.send("never read");
    clock.advance(31_000);
    expect(a.seen).toEqual(["closed: the peer does not read"]);
  });

  test("a cut connection is told to both ends once; a stopped host ends its own; a crashed one says nothing", () => {
    const { clock, network, a, b } = world();
    a.transports.open({ protocol: "tcp", ...toB })?.send("1");
    clock.advance(10);
    network.cut("10.0.0.2", "10.0.0.1");
    clock.advance(10);
    expect(a.seen).toEqual(["closed: the connection was reset"]);
    expect(b.seen).toEqual(["1", "closed: the connection was reset"]);
    const flow = a.transports.open({ protocol: "tcp", ...toB });
    flow?.send("2");
    clock.advance(10);
    void b.transports.stop();
    clock.advance(10);
    expect(a.seen[1]).toBe("closed: the peer ended the connection");
    const again = side(network, "10.0.0.2");
    a.transports.open({ protocol: "tcp", ...toB })?.send("3");
    clock.advance(10);
    expect(again.seen).toEqual(["3"]);
    network.crash("10.0.0.2");
    a.transports.open({ protocol: "tcp", ...toB })?.send("4");
    clock.advance(10);
    expect(a.seen.length).toBe(2);
    clock.advance(30_000);
    expect(a.seen[2]).toBe("closed: the peer does not read");
  });
});
