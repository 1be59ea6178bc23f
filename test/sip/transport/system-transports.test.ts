import { createSocket } from "node:dgram";
import type { Socket as UdpClient } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../../src/base/log.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { systemTransports } from "../../../src/sip/transport/system-transports.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { request, running } from "./loopback.ts";
import type { Running } from "./loopback.ts";
import { udpEngines } from "./udp-engines.ts";

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function start(...args: Parameters<typeof running>): Promise<Running> {
  const made = await running(...args);
  cleanUp.push(() => made.transports.stop());
  return made;
}

async function udpClient(type: "udp4" | "udp6" = "udp4"): Promise<UdpClient> {
  const client = createSocket(type);
  await new Promise<void>((resolve) => client.bind(0, type === "udp4" ? "127.0.0.1" : "::1", resolve));
  cleanUp.push(() => new Promise((resolve) => client.close(() => resolve())));
  return client;
}

function nextDatagram(client: UdpClient): Promise<string> {
  return new Promise((resolve) => client.once("message", (bytes) => resolve(bytes.toString("latin1"))));
}

async function tcpClient(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host });
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  cleanUp.push(() => void socket.destroy());
  return socket;
}

function textUntil(socket: Socket, length: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (text.length < length) return;
      socket.off("data", onData);
      resolve(text);
    };
    socket.on("data", onData);
  });
}

function closed(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once("close", () => resolve()));
}

describe.each(udpEngines)("UDP on the %s engine", (_, udpEngine) => {
  const startUdp = (options: Parameters<typeof running>[0]): Promise<Running> => start({ ...options, ...(udpEngine === null ? {} : { udpEngine }) });

  test.skipIf(udpEngine === null)("a datagram arrives with its flow, the answer goes back, and the flow is interned", async () => {
    const { transports, recorder, port } = await startUdp({ listen: [{ url: "udp://0.0.0.0:0", network: "office" }] });
    const client = await udpClient();
    recorder.onEach = (text, flow) => flow.send(`re ${text}`);
    const answer = nextDatagram(client);
    client.send(request(1), port(), "127.0.0.1");
    const { flow } = await recorder.wait("message");
    expect(await answer).toBe(`re ${request(1)}`);
    expect(flow).toMatchObject({ protocol: "udp", connection: 0, isOpen: true, localAddress: "127.0.0.1", localPort: port(), remoteAddress: "127.0.0.1", remotePort: client.address().port });
    expect(flow.listener).toBe(transports.listeners[0]);
    expect(flow.listener).toMatchObject({ network: "office", url: `udp://0.0.0.0:${String(port())}` });
    client.send(request(2), port(), "127.0.0.1");
    expect((await recorder.wait("message", 1)).flow).toBe(flow);
    expect(transports.open({ protocol: "udp", address: "127.0.0.1", port: client.address().port })).toBe(flow);
    flow.close();
    expect(flow.isOpen).toBe(true);
  });

  test.skipIf(udpEngine === null)("IPv6 peers are reached, on a socket that takes IPv6 only", async () => {
    const { transports, recorder, listener, port } = await startUdp({ listen: [{ url: "udp://[::]:0" }] });
    const client = await udpClient("udp6");
    recorder.onEach = (_text, flow) => flow.send("pong");
    const answer = nextDatagram(client);
    client.send(request(1), port(), "::1");
    expect(await answer).toBe("pong");
    expect(recorder.of("message")[0]?.flow).toMatchObject({ localAddress: "::1", remoteAddress: "::1" });
    expect(transports.open({ protocol: "udp", address: "0:0::0:1", port: client.address().port })).toBe(recorder.of("message")[0]?.flow);
    expect(listener().url).toBe(`udp://[::]:${String(port())}`);
    expect(transports.open({ protocol: "udp", address: "127.0.0.1", port: 9 })).toBeNull();
  });

  test.skipIf(udpEngine === null)("keep-alives are swallowed, STUN is answered with the address we see, leading CRLFs are cut off", async () => {
    const { transports, recorder, port } = await startUdp({ listen: [{ url: "udp://127.0.0.1:0" }] });
    const client = await udpClient();
    for (const text of ["", "\r\n", "\r\n\r\n", "\0", "\0\0\0\0", "\n"]) client.send(Buffer.from(text, "latin1"), port(), "127.0.0.1");
    const answer = nextDatagram(client);
    client.send(Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex"), port(), "127.0.0.1");
    const stun = Buffer.from(await answer, "latin1");
    expect(stun.readUInt16BE(0)).toBe(0x0101);
    expect(stun.readUInt16BE(26) ^ 0x2112).toBe(client.address().port);
    client.send(`\r\n${request(1)}`, port(), "127.0.0.1");
    expect((await recorder.wait("message")).text).toBe(request(1));
    expect(recorder.seen.length).toBe(1);
    expect(transports.counters.udp.keepAlives).toBe(1);
  });

  test.skipIf(udpEngine === null)("a datagram above the limit is reported with the start of its head; one of nearly 64 KB passes when the limit allows", async () => {
    const { transports, recorder, port } = await startUdp({ listen: [{ url: "udp://127.0.0.1:0" }] });
    const client = await udpClient();
    const answer = nextDatagram(client);
    client.send(request(1, "x".repeat(40_000)), port(), "127.0.0.1");
    const { text } = await recorder.wait("oversized");
    expect(text.length).toBe(8192);
    expect(await answer).toBe("513");
    expect(transports.counters.udp.oversized).toBe(1);
    const wide = await startUdp({ listen: [{ url: "udp://127.0.0.1:0" }], limits: { messageBytes: 65_535 } });
    wide.recorder.onEach = (message, flow) => flow.send(message);
    const large = request(2, "\xe9".repeat(65_000));
    const echo = nextDatagram(client);
    client.send(Buffer.from(large, "latin1"), wide.port(), "127.0.0.1");
    expect(await echo).toBe(large);
  });

  test.skipIf(udpEngine === null)("sending where nobody listens, too much, or to a forbidden address, harms nothing", async () => {
    const { transports, recorder, port } = await startUdp({ listen: [{ url: "udp://0.0.0.0:0" }] });
    const client = await udpClient();
    for (const address of ["127.0.0.1", "255.255.255.255", "0.0.0.0", "240.0.0.1"]) expect(transports.open({ protocol: "udp", address, port: 9 })?.send("x")).toBe(true);
    expect(transports.open({ protocol: "udp", address: "127.0.0.1", port: 9 })?.send("x".repeat(70_000))).toBe(true);
    for (let at = 0; at < 20; at++) transports.open({ protocol: "udp", address: "127.0.0.1", port: 9 })?.send("x");
    client.send(request(1), port(), "127.0.0.1");
    expect((await recorder.wait("message")).text).toBe(request(1));
    expect(transports.counters.udp.socketErrors).toBeGreaterThan(0);
  });

  test.skipIf(udpEngine === null)("the table of peers is bounded, and a forgotten flow still works for who holds it", async () => {
    const { transports } = await startUdp({ listen: [{ url: "udp://127.0.0.1:0" }], limits: { udpFlows: 8 } });
    const client = await udpClient();
    const hop = { protocol: "udp", address: "127.0.0.1", port: client.address().port } as const;
    const held = transports.open(hop);
    for (let port = 1; port <= 5; port++) transports.open({ ...hop, port });
    expect(transports.open(hop)).toBe(held);
    for (let port = 1; port <= 20; port++) transports.open({ ...hop, port });
    expect(transports.open(hop)).not.toBe(held);
    const arrived = nextDatagram(client);
    expect(held?.send("still here")).toBe(true);
    expect(await arrived).toBe("still here");
  });
});

describe("choosing a listener for a hop", () => {
  const addresses = { interfaces: () => [{ device: "a", address: "127.0.0.2", prefix: 8 }, { device: "b", address: "127.0.0.3", prefix: 32 }], routes: () => [] };
  test.each([
    ["the one that faces the peer", ["udp://127.0.0.1:0", "udp://127.0.0.3:0", "udp://127.0.0.2:0"], "127.9.9.9", undefined, "127.0.0.2"],
    ["the first wildcard", ["udp://127.0.0.1:0", "udp://0.0.0.0:0", "udp://127.0.0.2:0"], "127.9.9.9", undefined, "0.0.0.0"],
    ["the first, when none faces the peer", ["udp://127.0.0.1:0", "udp://127.0.0.3:0"], "127.9.9.9", undefined, "127.0.0.1"],
    ["the one of the family", ["udp://127.0.0.1:0", "udp://[::1]:0"], "::1", undefined, "::1"],
    ["the one of the network", ["udp://127.0.0.1:0", "udp://127.0.0.2:0"], "127.9.9.9", "n0", "127.0.0.1"],
    ["none that is bound to loopback for the outside", ["udp://127.0.0.1:0"], "192.0.2.1", undefined, undefined],
  ])("%s", async (_, urls, address, network, expected) => {
    const { transports } = await start({ listen: urls.map((url, at) => ({ url, network: `n${String(at)}` })), addresses });
    expect(transports.open({ protocol: "udp", address, port: 5060, ...(network === undefined ? {} : { network }) })?.listener.address).toBe(expected);
  });
});

describe("TCP", () => {
  test("messages in any pieces are cut out and answered on the same connection", async () => {
    const { transports, recorder, listener, port } = await start({ listen: [{ url: "tcp://0.0.0.0:0" }] });
    recorder.onEach = (text, flow) => flow.send(`<${text}>`);
    const client = await tcpClient(port());
    const messages = [request(1), request(2, "body \xe9"), request(3)];
    const answers = textUntil(client, messages.join("").length + 6);
    for (const byte of Buffer.from(messages.join(""), "latin1")) client.write(Buffer.from([byte]));
    expect(await answers).toBe(messages.map((text) => `<${text}>`).join(""));
    const flow = recorder.of("message")[0]?.flow;
    expect(flow).toMatchObject({ protocol: "tcp", isOpen: true, localAddress: "127.0.0.1", localPort: port(), remoteAddress: "127.0.0.1", remotePort: client.localPort });
    expect(flow?.listener).toBe(listener());
    expect(transports.connection(flow?.connection ?? 0)).toBe(flow);
    expect(transports.connection(12345)).toBeNull();
    expect(transports.counters.tcp).toMatchObject({ messagesIn: 3, messagesOut: 3, connectionsOpen: 1 });
    client.end();
    const end = await recorder.wait("closed");
    expect(end.flow).toBe(flow);
    expect(flow?.isOpen).toBe(false);
    expect(flow?.send("late")).toBe(false);
    expect(transports.connection(flow?.connection ?? 0)).toBeNull();
    expect(transports.counters.tcp.connectionsOpen).toBe(0);
  });

  test("a double CRLF is answered with a single one", async () => {
    const { port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const client = await tcpClient(port());
    const pong = textUntil(client, 2);
    client.write("\r\n\r\n");
    expect(await pong).toBe("\r\n");
  });

  test("over IPv6", async () => {
    const { recorder, port } = await start({ listen: [{ url: "tcp://[::]:0" }] });
    const client = await tcpClient(port(), "::1");
    client.write(request(1));
    expect((await recorder.wait("message")).flow).toMatchObject({ localAddress: "::1", remoteAddress: "::1" });
  });

  test("an IPv6 listener does not take IPv4 as well", async () => {
    const { port } = await start({ listen: [{ url: "tcp://[::]:0" }] });
    const socket = connect({ port: port(), host: "127.0.0.1" });
    expect(await new Promise((resolve) => socket.once("error", (error: Error & { code?: string }) => resolve(error.code)))).toBe("ECONNREFUSED");
  });

  test("open makes a connection, queues until it is made, and reuses it in both directions", async () => {
    const a = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const b = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const flow = a.transports.open({ protocol: "tcp", address: "127.0.0.1", port: b.port() });
    expect(flow?.send(request(1))).toBe(true);
    expect(flow?.send(request(2))).toBe(true);
    expect(a.transports.open({ protocol: "tcp", address: "127.0.0.1", port: b.port() })).toBe(flow);
    const there = await b.recorder.wait("message", 1);
    expect(b.recorder.of("message").map((one) => one.text)).toEqual([request(1), request(2)]);
    expect(flow).toMatchObject({ localAddress: "127.0.0.1", localPort: a.port(), remotePort: b.port(), isOpen: true });
    expect(b.transports.open({ protocol: "tcp", address: "127.0.0.1", port: there.flow.remotePort })).toBe(there.flow);
    there.flow.send(request(3));
    expect((await a.recorder.wait("message")).flow).toBe(flow);
    flow?.close();
    expect(flow?.isOpen).toBe(false);
    expect((await a.recorder.wait("closed")).text).toBe("closed by us");
    await b.recorder.wait("closed");
    expect(a.recorder.of("closed").length).toBe(1);
  });

  test("a refused connection is told once, not from within open", async () => {
    const { transports, recorder } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const flow = transports.open({ protocol: "tcp", address: "127.0.0.1", port: 1 });
    expect(flow?.send("x")).toBe(true);
    expect(recorder.seen).toEqual([]);
    const end = await recorder.wait("closed");
    expect(end.flow).toBe(flow);
    expect(end.text).toContain("ECONNREFUSED");
    expect(flow?.send("x")).toBe(false);
    expect(recorder.seen.length).toBe(1);
    expect(transports.connectionCount).toBe(0);
  });

  test("a connection that is not made within 2 s is given up", async () => {
    const clock = new FakeClock();
    const { transports, recorder } = await start({ listen: [{ url: "tcp://0.0.0.0:0" }], clock });
    // A connect that hangs: a listener's full backlog would do; here the clock is simply faster than the system.
    const flow = transports.open({ protocol: "tcp", address: "127.0.0.1", port: 1 });
    clock.advance(2500);
    const end = await recorder.wait("closed");
    expect(end.flow).toBe(flow);
    expect(end.text).toBe("no connection within the time limit");
    expect(transports.counters.tcp.connectionsTimedOut).toBe(1);
  });

  test("a connection is not opened where no listener fits", async () => {
    const { transports } = await start({ listen: [{ url: "tcp://127.0.0.1:0", network: "a" }, { url: "udp://127.0.0.1:0" }] });
    for (const hop of [
      { protocol: "tls", address: "127.0.0.1", port: 1 },
      { protocol: "tcp", address: "::1", port: 1 },
      { protocol: "tcp", address: "127.0.0.1", port: 1, network: "b" },
      { protocol: "tcp", address: "192.0.2.1", port: 1 },
      { protocol: "tcp", address: "localhost", port: 1 },
      { protocol: "tcp", address: "127.0.0.1", port: 0 },
      { protocol: "udp", address: "127.0.0.1", port: 70000 },
      { protocol: "ws", address: "127.0.0.1", port: 1 },
    ] as const) {
      expect(transports.open(hop), JSON.stringify(hop)).toBeNull();
    }
  });

  test("sends of one round leave in one write", async () => {
    const { recorder, port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    recorder.onEach = (_text, flow) => {
      for (let at = 0; at < 100; at++) flow.send("0123456789");
    };
    const client = await tcpClient(port());
    const first = new Promise<number>((resolve) => client.once("data", (chunk) => resolve(chunk.length)));
    client.write(request(1));
    expect(await first).toBe(1000);
  });

  test.each([
    ["too large", `MESSAGE sip:a SIP/2.0\r\nl: 99999\r\n\r\n`, "oversized", "513"],
    ["without Content-Length", "MESSAGE sip:a SIP/2.0\r\n\r\n", "message", "400"],
  ] as const)("a message %s is answered, then the connection ends", async (_, text, kind, answer) => {
    const { recorder, port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    recorder.onEach = (_text, flow) => flow.send("400");
    const client = await tcpClient(port());
    const ended = new Promise<void>((resolve) => client.once("end", resolve));
    const answered = textUntil(client, 3);
    client.write(text);
    client.write("x".repeat(50_000));
    expect((await recorder.wait(kind)).text).toBe(text);
    expect(await answered).toBe(answer);
    await ended;
    await recorder.wait("closed");
    expect(recorder.of("closed").length).toBe(1);
    expect(recorder.of("message").length + recorder.of("oversized").length).toBe(1);
  });

  test("what is not SIP at all is closed at once", async () => {
    const { recorder, port, transports } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }] });
    const client = await tcpClient(port());
    client.write(Buffer.from([22, 3, 1, 2, 0, 1, 0]));
    await closed(client);
    expect(recorder.of("message")).toEqual([]);
    expect(transports.counters.tcp.unframable).toBe(1);
  });

  test("a handler that throws costs one message, not the server", async () => {
    const { recorder, port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }, { url: "udp://127.0.0.1:0" }] });
    recorder.onEach = (text) => {
      if (text.includes("bad")) throw new Error("ours");
    };
    const client = await tcpClient(port());
    client.write(request("bad") + request(2));
    expect((await recorder.wait("message", 1)).text).toBe(request(2));
  });

  test("a peer that never reads fills its own queue only; another is served within 50 ms", async () => {
    const clock = new FakeClock();
    const { transports, recorder, port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }], clock });
    const deaf = await tcpClient(port());
    deaf.pause();
    const listening = await tcpClient(port());
    deaf.write(request("deaf"));
    const deafFlow = (await recorder.wait("message")).flow;
    listening.write(request("listening"));
    const goodFlow = (await recorder.wait("message", 1)).flow;
    let taken = 0;
    for (let round = 0; round < 200; round++) {
      for (let at = 0; at < 100; at++) if (deafFlow.send("x".repeat(1000))) taken++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(deafFlow.send("x".repeat(300_000))).toBe(false);
    expect(taken).toBeLessThan(20_000);
    expect(transports.counters.tcp.queueDropped).toBeGreaterThan(0);
    const sentAt = performance.now();
    const arrived = textUntil(listening, 5);
    goodFlow.send("hello");
    expect(await arrived).toBe("hello");
    expect(performance.now() - sentAt).toBeLessThan(50);
    clock.advance(29_000);
    expect(deafFlow.isOpen).toBe(true);
    expect(goodFlow.isOpen).toBe(true);
    clock.advance(2_000);
    expect(deafFlow.isOpen).toBe(false);
    expect((await recorder.wait("closed")).text).toBe("the peer does not read");
    expect(goodFlow.isOpen).toBe(true);
  });
});

describe("time limits, swept with a made-up clock", () => {
  async function connected(limits = {}): Promise<Running & { readonly clock: FakeClock; readonly client: Socket; drip(text: string): Promise<void> }> {
    const clock = new FakeClock();
    const server = await start({ listen: [{ url: "tcp://127.0.0.1:0" }], clock, limits });
    const client = await tcpClient(server.port());
    const counters = server.transports.counters.tcp;
    const drip = async (text: string): Promise<void> => {
      const wanted = counters.bytesIn + text.length;
      client.write(text);
      while (counters.bytesIn < wanted) await new Promise((resolve) => setImmediate(resolve));
    };
    while (counters.connectionsOpen === 0) await new Promise((resolve) => setImmediate(resolve));
    return { ...server, clock, client, drip };
  }

  test("a message that is begun and never finished closes the connection, however slowly it drips", async () => {
    const { clock, recorder, drip, client } = await connected();
    await drip(request(1));
    const slow = request(2, "x".repeat(100));
    let dripped = 0;
    while (recorder.of("message")[0]?.flow.isOpen === true) {
      await drip(slow[dripped++] ?? "");
      clock.advance(1000);
    }
    expect(dripped).toBeGreaterThanOrEqual(30);
    expect(dripped).toBeLessThanOrEqual(32);
    expect((await recorder.wait("closed")).text).toBe("a message was begun and not finished");
    await closed(client);
  });

  test("a connection that says nothing at all is closed after 30 s", async () => {
    const { clock, recorder, transports } = await connected();
    clock.advance(29_000);
    expect(transports.connectionCount).toBe(1);
    clock.advance(1_500);
    expect((await recorder.wait("closed")).text).toBe("no first message");
    expect(transports.counters.tcp.connectionsTimedOut).toBe(1);
  });

  test("keep-alives keep a connection, with or without a first message; silence ends it after the idle time", async () => {
    const { clock, recorder, drip, transports } = await connected({ idleSeconds: 100 });
    for (let at = 0; at < 5; at++) {
      await drip("\r\n\r\n");
      clock.advance(25_000);
    }
    await drip(request(1));
    for (let at = 0; at < 5; at++) {
      await drip("\r\n");
      clock.advance(90_000);
    }
    expect(transports.connectionCount).toBe(1);
    clock.advance(11_000);
    expect((await recorder.wait("closed")).text).toBe("idle");
  });
});

describe("start and stop", () => {
  test("an address that is taken is named", async () => {
    const { port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }, { url: "udp://127.0.0.1:0" }] });
    for (const url of [`tcp://127.0.0.1:${String(port(0))}`, `udp://127.0.0.1:${String(port(1))}`]) {
      const second = systemTransports({ listen: [{ url: "tcp://127.0.0.1:0" }, { url }], clock: systemClock, log: silentLog });
      await expect(second.start({ onMessage: () => undefined, onClosed: () => undefined })).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining(url) as string });
    }
  });

  test.each(["udp://pbx.example.test:5060", "sctp://0.0.0.0:5060", "udp://0.0.0.0:99999", "tcp://0.0.0.0:5060/path", "0.0.0.0:5060", "", "tls://0.0.0.0:0", "udp://[1.2.3.4]:1"])(
    "the listen address %s is an operator's mistake",
    (url) => {
      expect(() => systemTransports({ listen: [{ url }], clock: systemClock, log: silentLog })).toThrow(expect.objectContaining({ code: "config_error" }));
    },
  );

  test("stop lets what was accepted leave, then everything is closed", async () => {
    const { transports, recorder, port } = await start({ listen: [{ url: "tcp://127.0.0.1:0" }, { url: "udp://127.0.0.1:0" }] });
    const client = await tcpClient(port());
    const phone = await udpClient();
    client.write(request(1));
    const { flow } = await recorder.wait("message");
    const text = textUntil(client, 200_000);
    const datagram = nextDatagram(phone);
    flow.send("x".repeat(200_000));
    const udpFlow = transports.open({ protocol: "udp", address: "127.0.0.1", port: phone.address().port });
    udpFlow?.send("bye");
    await transports.stop();
    expect((await text).length).toBe(200_000);
    expect(await datagram).toBe("bye");
    await closed(client);
    expect(udpFlow?.send("late")).toBe(false);
    expect(transports.open({ protocol: "tcp", address: "127.0.0.1", port: port() })).toBeNull();
    expect(transports.connectionCount).toBe(0);
  });
});
