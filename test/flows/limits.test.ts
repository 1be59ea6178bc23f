import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { watch, watcher } from "./watching.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

async function opened(localAddress = "127.0.0.1"): Promise<Socket> {
  const { address, port } = stage.address("tcp");
  const socket = connect({ port, host: address, localAddress });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** What a socket says until it ends or `fits` is content. */
async function heard(socket: Socket, fits: (text: string) => boolean): Promise<string> {
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (fits(text)) break;
  }
  return text;
}

describe("an oversized message", () => {
  test("over UDP: 513, and the server goes on", async () => {
    const phone = await stage.phone("101");
    const text = phone.text("MESSAGE", `sip:102@${DOMAIN}`, { body: "x".repeat(40_000) });
    phone.send(text);
    await phone.response("MESSAGE", 513);
    expect((await phone.register()).status).toBe(200);
  });

  test("over TCP: 513, then the connection ends, and others go on", async () => {
    const phone = await stage.phone("101", "tcp");
    const socket = await opened();
    socket.write(phone.text("MESSAGE", `sip:102@${DOMAIN}`, { body: "x".repeat(100_000) }));
    expect(await heard(socket, () => false)).toContain("SIP/2.0 513");
    expect((await phone.register()).status).toBe(200);
  });

  test("a header section without end: the connection ends", async () => {
    const socket = await opened();
    socket.write(`OPTIONS sip:${DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n`);
    const ended = once(socket, "close");
    for (let line = 0; line < 2000; line++) socket.write(`X-Padding-${line}: ${"y".repeat(40)}\r\n`);
    socket.resume();
    await ended;
  });
});

test("a peer that speaks another protocol is cut off at once", async () => {
  const socket = await opened();
  const ended = once(socket, "close");
  socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]));
  socket.resume();
  await ended;
});

test("a slow-loris peer is cut off while a phone beside it is served", { timeout: 60_000 }, async () => {
  await stage.stop();
  stage = await Stage.start({ limits: { messageSeconds: 1, firstMessageSeconds: 1 } });
  const phone = await stage.phone("101", "tcp");
  const loris = await opened();
  // He may hear of it by a reset.
  loris.on("error", () => undefined);
  const ended = new Promise<void>((done) => loris.once("close", () => { done(); }));
  const line = `OPTIONS sip:${DOMAIN} SIP/2.0\r\n`;
  // One character at a time, each as soon as the last has left: never a whole message.
  const drip = (at: number): void => {
    if (!loris.destroyed) loris.write(line[at % (line.length - 2)] ?? "X", () => setTimeout(drip, 20, at + 1));
  };
  drip(0);
  loris.resume();
  expect((await phone.register()).status).toBe(200);
  await ended;
  expect((await phone.register()).status).toBe(200);
});

test("10,000 open TCP connections: all stay, a phone is registered and called through them, and one more than allowed is refused", { timeout: 120_000 }, async () => {
  const limit = Number(/Max open files\s+\d+\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 1024);
  const count = Math.min(10_000, Math.floor((limit - 500) / 2));
  await stage.stop();
  stage = await Stage.start({ limits: { connections: count + 2, connectionsPerAddress: 6000 } });
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(250, count - sockets.length) }, (_, index) => opened(`127.0.0.${2 + Math.floor((sockets.length + index) / 5000)}`));
    sockets.push(...(await Promise.all(batch)));
  }
  const [alice, bob] = [await stage.phone("101", "tcp"), await stage.phone("102", "tcp")];
  for (const phone of [alice, bob]) expect((await phone.register()).status).toBe(200);
  bob.onRequest = (request) => (request.method === "INVITE" ? bob.answer(request, 486, "Busy Here", { tag: "b" }) : null);
  const { final } = await alice.ask(alice.text("INVITE", `sip:102@${DOMAIN}`, {}));
  expect(final.status, final.text).toBe(486);
  expect(stage.transports.connectionCount).toBe(count + 2);
  const tooMany = await opened("127.0.0.9");
  tooMany.resume();
  await once(tooMany, "close");
  expect(stage.transports.connectionCount).toBe(count + 2);
  for (const socket of sockets) socket.destroy();
});

describe("a source that subscribes more than the operator allows", () => {
  const yaml = 'limits: { subscribe: { per_address: 1000/s, per_user_agent: 2/h } }\nphones: [{ match: "^Acme", overload: 503 }, { match: "^Old", overload: 403 }]\n';

  test.each([["Acme 1", 503], ["Old 7", 403], ["Yealink SIP-T46U", 480]])("%s is answered %i; its refreshes and other phones are not counted", async (userAgent, status) => {
    await stage.stop();
    stage = await Stage.start({ yaml });
    const phone = await watcher(stage, "101", "udp", userAgent);
    const lamps = [await watch(phone, "102", "dialog"), await watch(phone, "103", "dialog")];
    const { final } = await phone.ask(phone.text("SUBSCRIBE", `sip:104@${DOMAIN}`, { headers: "Event: dialog\r\nExpires: 600\r\n" }));
    expect([final.status, final.header(Header.retryAfter)]).toEqual([status, status === 403 ? undefined : "10"]);
    expect(stage.server.subscriptions.counters.limited).toEqual({ address: 0, user_agent: 1, event: 0 });
    for (const lamp of lamps) expect((await lamp.again("Expires: 600\r\n")).status).toBe(200);
    await watch(await watcher(stage, "102", "udp", "Other"), "104", "dialog");
  });
});
