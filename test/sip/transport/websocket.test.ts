import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { FakeClock } from "../../sim/fake-clock.ts";
import { request, running, testAuthority } from "./loopback.ts";
import type { Running, TestAuthority } from "./loopback.ts";

let authority: TestAuthority;
beforeAll(() => {
  authority = testAuthority();
});

afterAll(() => {
  authority.remove();
});

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function start(...args: Parameters<typeof running>): Promise<Running> {
  const made = await running(...args);
  cleanUp.push(() => made.transports.stop());
  return made;
}

function client(url: string, protocols: string | string[] = "sip", options = {}): WebSocket {
  const socket = new WebSocket(url, protocols, options);
  socket.on("error", () => undefined);
  cleanUp.push(() => {
    socket.terminate();
  });
  return socket;
}

function opened(socket: WebSocket): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

function next(socket: WebSocket): Promise<{ readonly data: Buffer; readonly isBinary: boolean }> {
  return new Promise((resolve) => socket.once("message", (data: Buffer, isBinary: boolean) => resolve({ data, isBinary })));
}

const withoutLength = "OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n";

describe("WebSocket", () => {
  test("each frame, text or binary, is one message; Content-Length is not needed", async () => {
    const { recorder, port, transports } = await start({ listen: [{ url: "ws://127.0.0.1:0" }] });
    const socket = await opened(client(`ws://127.0.0.1:${String(port())}/any`, ["chat", "sip"], { localAddress: "127.0.0.3" }));
    expect(socket.protocol).toBe("sip");
    recorder.onEach = (text, flow) => flow.send(text);
    const first = next(socket);
    socket.send(withoutLength);
    expect(await first).toMatchObject({ isBinary: false });
    const second = next(socket);
    socket.send(Buffer.from("MESSAGE sip:a SIP/2.0\r\n\r\ngr\u00fc\u00df", "utf8"));
    expect((await second).isBinary).toBe(false);
    const third = next(socket);
    socket.send(Buffer.from("MESSAGE sip:a SIP/2.0\r\n\r\n\xff", "latin1"));
    expect((await third).isBinary).toBe(true);
    expect(recorder.of("message").map((one) => one.text)).toEqual([withoutLength, "MESSAGE sip:a SIP/2.0\r\n\r\ngr\xc3\xbc\xc3\x9f", "MESSAGE sip:a SIP/2.0\r\n\r\n\xff"]);
    const flow = recorder.of("message")[0]?.flow;
    expect(flow).toMatchObject({ protocol: "ws", localAddress: "127.0.0.1", localPort: port(), remoteAddress: "127.0.0.3", isOpen: true });
    expect(transports.open({ protocol: "ws", address: "127.0.0.3", port: flow?.remotePort ?? 0 })).toBe(flow);
    expect(transports.open({ protocol: "ws", address: "127.0.0.3", port: 1 })).toBeNull();
    socket.close();
    expect((await recorder.wait("closed")).flow).toBe(flow);
    expect(transports.counters.ws).toMatchObject({ messagesIn: 3, messagesOut: 3, connectionsOpen: 0, handshakeErrors: 0 });
  });

  test("several sends of one round are several frames", async () => {
    const { recorder, port } = await start({ listen: [{ url: "ws://127.0.0.1:0" }] });
    const socket = await opened(client(`ws://127.0.0.1:${String(port())}`));
    const got: string[] = [];
    const all = new Promise<void>((resolve) => socket.on("message", (data: Buffer) => got.push(data.toString()) === 3 && resolve()));
    recorder.onEach = (_text, flow) => ["a", "b", "c"].forEach((text) => flow.send(text));
    socket.send(withoutLength);
    await all;
    expect(got).toEqual(["a", "b", "c"]);
  });

  test("pings and CRLF keep-alives are answered", async () => {
    const { recorder, port } = await start({ listen: [{ url: "ws://127.0.0.1:0" }] });
    const socket = await opened(client(`ws://127.0.0.1:${String(port())}`));
    const pong = new Promise((resolve) => socket.once("pong", (data) => resolve(data.toString())));
    socket.ping("are you there");
    expect(await pong).toBe("are you there");
    const crlf = next(socket);
    socket.send("\r\n");
    socket.send("\r\n\r\n");
    expect((await crlf).data.toString()).toBe("\r\n");
    expect(recorder.seen).toEqual([]);
  });

  test.each([
    ["without the subprotocol", "/sip", [], {}, 400],
    ["with another subprotocol", "/sip", ["xmpp"], {}, 400],
    ["on a wrong path", "/else", ["sip"], {}, 404],
    ["from a page that is not allowed", "/sip", ["sip"], { origin: "https://evil.test" }, 403],
    ["from no page where pages are listed", "/sip", ["sip"], {}, 403],
  ])("an upgrade %s is refused", async (_, path, protocols, options, status) => {
    const { port, transports } = await start({ listen: [{ url: "ws://127.0.0.1:0/sip", ...(status === 403 ? { origins: ["https://good.test"] } : {}) }] });
    const socket = client(`ws://127.0.0.1:${String(port())}${path}`, protocols, options);
    const got = await new Promise((resolve) => socket.once("unexpected-response", (_request, response) => resolve(response.statusCode)));
    expect(got).toBe(status);
    socket.terminate();
    while (transports.counters.ws.handshakeErrors === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("a page on the list may connect, whatever follows the path's question mark", async () => {
    const { port } = await start({ listen: [{ url: "ws://127.0.0.1:0/sip", origins: ["https://good.test"] }] });
    await opened(client(`ws://127.0.0.1:${String(port())}/sip?x=1`, "sip", { origin: "https://good.test" }));
  });

  test.each([["/sip", 426], ["/", 404]])("a plain HTTP request for %s gets %i", async (path, status) => {
    const { port } = await start({ listen: [{ url: "ws://127.0.0.1:0/sip" }] });
    const got = await new Promise((resolve) => httpRequest({ port: port(), host: "127.0.0.1", path }, (response) => resolve(response.resume().statusCode)).end());
    expect(got).toBe(status);
  });

  test("an oversized message is reported and answered, then the connection ends; a far larger one ends it at once", async () => {
    const { recorder, port, transports } = await start({ listen: [{ url: "ws://127.0.0.1:0" }] });
    const socket = await opened(client(`ws://127.0.0.1:${String(port())}`));
    const answer = next(socket);
    const gone = new Promise((resolve) => socket.once("close", (code) => resolve(code)));
    socket.send(request(1, "x".repeat(40_000)));
    expect((await recorder.wait("oversized")).text.length).toBe(8192);
    expect((await answer).data.toString()).toBe("513");
    expect(await gone).toBe(1000);
    const second = await opened(client(`ws://127.0.0.1:${String(port())}`));
    const code = new Promise((resolve) => second.once("close", (value) => resolve(value)));
    second.send("x".repeat(200_000));
    expect(await code).toBe(1009);
    await recorder.wait("closed", 1);
    expect(transports.counters.ws.oversized).toBe(2);
  });

  test("an upgrade that does not come within 10 s, and a frame that is never finished, are closed", async () => {
    const clock = new FakeClock();
    const { recorder, port, transports } = await start({ listen: [{ url: "ws://127.0.0.1:0" }], clock });
    const silent = connect(port(), "127.0.0.1");
    silent.on("error", () => undefined);
    const gone = new Promise((resolve) => silent.once("close", resolve));
    silent.write("GET / HT");
    const socket = await opened(client(`ws://127.0.0.1:${String(port())}`));
    socket.send(withoutLength);
    await recorder.wait("message");
    for (let at = 0; at < 24; at++) clock.advance(500);
    await gone;
    const before = transports.counters.ws.bytesIn;
    socket.send("OPTIONS", { fin: false });
    while (transports.counters.ws.bytesIn === before) await new Promise((resolve) => setImmediate(resolve));
    for (let at = 0; at < 62; at++) clock.advance(500);
    expect((await recorder.wait("closed")).text).toBe("a message was begun and not finished");
    expect(transports.counters.ws.handshakeErrors).toBe(1);
  });
});

describe("secure WebSocket", () => {
  test("a message arrives over TLS on the configured path", async () => {
    const { recorder, port, listener } = await start({ listen: [{ url: "wss://127.0.0.1:0/sip", ...authority.issue("main.test", "DNS:main.test") }] });
    const socket = await opened(client(`wss://127.0.0.1:${String(port())}/sip`, "sip", { ca: authority.ca, servername: "main.test" }));
    recorder.onEach = (_text, flow) => flow.send("answer");
    const answer = next(socket);
    socket.send(withoutLength);
    expect((await answer).data.toString()).toBe("answer");
    expect(recorder.of("message")[0]?.flow).toMatchObject({ protocol: "wss", remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" });
    expect(listener().url).toBe(`wss://127.0.0.1:${String(port())}/sip`);
  });
});
