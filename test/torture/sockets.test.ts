import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Phone } from "../flows/phone.ts";
import { Stage } from "../flows/stage.ts";
import { corpus } from "./corpus.ts";
import { GOOD_MESSAGES } from "./good-messages.ts";
import { mutated, pick } from "./mutations.ts";

const SEED = Number(process.env["TORTURE_SEED"] ?? 20261121);
const DATAGRAMS = 1000;
const CONNECTIONS = 1000;
/** Connections at a time: each is given up by its peer, half of them in the middle of a message. */
const AT_ONCE = 50;

let stage: Stage | null = null;
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

test(`${DATAGRAMS} datagrams and ${CONNECTIONS} connections of mutations from seed ${SEED} leave a server on real sockets answering`, { timeout: 120_000 }, async () => {
  stage = await Stage.start({});
  const { server, transports } = stage;
  const random = seededRandom(SEED);
  const base = [...[...corpus().values()].map(({ text }) => text), ...GOOD_MESSAGES];
  const spoiled = (): string => mutated(random, pick(random, base), pick(random, base));
  const phone = await stage.phone("101");

  for (let sent = 0; sent < DATAGRAMS; sent++) {
    phone.send(spoiled());
    // Answered ones in between keep the sender from running ahead of the receiver.
    if (sent % 25 === 24) await alive(phone, stage.address("udp").port);
  }
  for (let opened = 0; opened < CONNECTIONS; opened += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => onceConnected(stage, spoiled() + (random.below(3) === 0 ? spoiled() : ""), random.below(2) === 0)));
  }
  await alive(phone, stage.address("udp").port);
  const other = await stage.phone("102", "tcp");
  await alive(other, stage.address("tcp").port);
  for (const one of [phone, other]) expect((await one.register()).status).toBe(200);
  expect(transports.listeners.length).toBe(2);
  expect(server.layer.counts.requests + server.layer.counts.unparsable).toBeGreaterThan(DATAGRAMS);
});

/** An OPTIONS for the server itself is answered. */
async function alive(phone: Phone, port: number): Promise<void> {
  const callId = phone.token();
  phone.send(phone.text("OPTIONS", `sip:127.0.0.1:${port}`, { callId }));
  expect((await phone.final("OPTIONS", callId)).status).toBe(200);
}

/** Connects, sends, and goes: politely or by a reset. */
async function onceConnected(on: Stage | null, bytes: string, isPolite: boolean): Promise<void> {
  if (on === null) return;
  const { address, port } = on.address("tcp");
  const socket = connect(port, address);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const closed = once(socket, "close");
  socket.resume();
  if (isPolite) socket.end(Buffer.from(bytes, "latin1"));
  else socket.write(Buffer.from(bytes, "latin1"), () => socket.resetAndDestroy());
  await closed;
}
