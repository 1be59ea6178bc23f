import { spawn, type ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Message } from "../../src/sip/message.ts";
import { bundled } from "../store/programs.ts";
import { Phone, type PhoneDialog } from "./phone.ts";
import { DOMAIN } from "./stage.ts";

const NATIVE_UDP = join(import.meta.dirname, "../../native/build/udp.node");
/** What passing a call on takes of the slow machine: a server of fewer than 500 new calls a second. */
const BURN_MS = 2;
const OFFERED_PER_SECOND = 2500;
const LOAD_SECONDS = 6;
const PEOPLE = ["101", "102", "103", "104", "105"];

/** What the slow server says of itself. */
interface Held {
  readonly rssBytes: number;
  readonly transactions: number;
  readonly shed: number;
  readonly isLimiting: boolean;
  readonly calls: number;
}

const folder = mkdtempSync(join(tmpdir(), "lamplight-overload-"));
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function slowServer(): Promise<{ port: number; held: () => Promise<Held> }> {
  const config = join(folder, "lamplight.yaml");
  writeFileSync(config, `domain: ${DOMAIN}\nlisten: ["udp://127.0.0.1:0"]\nstore: ./data\ndirectory: ./directory.yaml\nauthentication: { require: register, algorithms: [MD5] }\n`);
  writeFileSync(join(folder, "directory.yaml"), `users:\n${PEOPLE.map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}`, { mode: 0o600 });
  const program = await bundled("test/flows/slow-server-process.ts");
  const child: ChildProcess = spawn("node", [program, JSON.stringify({ config, nativePath: NATIVE_UDP, burnMs: BURN_MS })], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  ends.push(() => void child.kill("SIGKILL"));
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    port,
    async held() {
      child.send("?");
      const [held] = (await once(child, "message")) as [Held];
      return held;
    },
  };
}

/** A phone that says a request again until it has a final answer, as RFC 3261 §17.1 wants; the final answer and how long it took. */
async function persistently(phone: Phone, text: string): Promise<{ final: Message; tookMs: number }> {
  const request = Message.of(text);
  const asked = performance.now();
  const again = setInterval(() => {
    phone.send(text);
  }, 500);
  phone.send(text);
  try {
    return { final: await phone.final(request.method, request.callId), tookMs: performance.now() - asked };
  } finally {
    clearInterval(again);
  }
}

async function registers(phone: Phone): Promise<{ final: Message; tookMs: number }> {
  const text = phone.text("REGISTER", `sip:${DOMAIN}`, { to: phone.aor, headers: "Expires: 600\r\n" });
  const { final, tookMs } = await persistently(phone, text);
  expect(final.status).toBe(401);
  const second = await persistently(phone, phone.withCredentials(text, final));
  return { final: second.final, tookMs: tookMs + second.tookMs };
}

/** A call that is answered and acknowledged; the caller's view of it. */
async function talk(caller: Phone, callee: Phone): Promise<PhoneDialog> {
  const sent = caller.text("INVITE", callee.aor, {});
  caller.send(sent);
  callee.send(callee.answer(await callee.request("INVITE"), 200, "OK", { tag: "callee" }));
  const dialog = caller.callerDialog(Message.of(sent), await caller.response("INVITE", 200));
  caller.send(caller.within(dialog, "ACK"));
  await callee.request("ACK");
  return dialog;
}

/** New calls as fast as one likes: each INVITE is one datagram that is never sent again; failures are acknowledged. */
class Crowd {
  readonly statuses = new Map<number, number>();
  /** 503 without Retry-After, or with one that is out of range. */
  readonly badAnswers: string[] = [];
  readonly #socket: Socket;
  readonly #port: number;
  #sent = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on("message", (bytes) => {
      this.#heard(bytes.toString("latin1"));
    });
  }

  static async open(port: number): Promise<Crowd> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    ends.push(() => void socket.close());
    return new Crowd(socket, port);
  }

  get sent(): number {
    return this.#sent;
  }

  count(status: number): number {
    return this.statuses.get(status) ?? 0;
  }

  async call(perSecond: number, seconds: number): Promise<void> {
    const began = performance.now();
    let due = 0;
    while (due < perSecond * seconds) {
      const now = Math.min(perSecond * seconds, ((performance.now() - began) * perSecond) / 1000);
      for (; due < now; due++) this.#invite();
      await pause(2);
    }
  }

  #invite(): void {
    const number = ++this.#sent;
    const { port } = this.#socket.address();
    this.#send(
      `INVITE sip:102@${DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKcrowd${number}\r\nMax-Forwards: 70\r\nFrom: <sip:105@${DOMAIN}>;tag=c${number}\r\n` +
        `To: <sip:102@${DOMAIN}>\r\nCall-ID: crowd-${number}\r\nCSeq: 1 INVITE\r\nContact: <sip:105@127.0.0.1:${port}>\r\nContent-Length: 0\r\n\r\n`,
    );
  }

  #heard(text: string): void {
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    this.statuses.set(status, this.count(status) + 1);
    const seconds = Number(/\r\nRetry-After: (\d+)\r\n/.exec(text)?.[1] ?? 0);
    if (status === 503 && (seconds < 1 || seconds > 30)) this.badAnswers.push(text);
    const line = (name: string): string => new RegExp(`\r\n(${name}: [^\r]*\r\n)`).exec(text)?.[1] ?? "";
    this.#send(`ACK sip:102@${DOMAIN} SIP/2.0\r\n${line("Via")}Max-Forwards: 70\r\n${line("From")}${line("To")}${line("Call-ID")}CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`);
  }

  #send(text: string): void {
    this.#socket.send(Buffer.from(text, "latin1"), this.#port, "127.0.0.1");
  }
}

test("past the capacity new calls get 503 with Retry-After; calls that are up end, phones register, and within a second after the load everything is served", { timeout: 60_000 }, async ({ skip }) => {
  skip(!existsSync(NATIVE_UDP), "the native UDP engine is not built: node's own cannot see the receive buffer");
  const server = await slowServer();
  const phones: Phone[] = [];
  for (const user of PEOPLE) {
    const phone = await Phone.open({ user, domain: DOMAIN, password: `secret-${user}`, protocol: "udp", server: { address: "127.0.0.1", port: server.port } });
    ends.push(() => phone.close());
    phones.push(phone);
    expect((await registers(phone)).final.status).toBe(200);
  }
  const [alice, bob, carol, dave] = phones as [Phone, Phone, Phone, Phone];
  // Six calls are up when the crowd comes.
  const talks: PhoneDialog[] = [];
  for (let count = 0; count < 6; count++) talks.push(await talk(carol, dave));
  dave.onRequest = (request) => (request.method === "BYE" ? dave.answer(request, 200, "OK") : null);
  bob.onRequest = (request) => {
    // The crowd is not remembered: it is large.
    bob.received.length = 0;
    return request.method === "INVITE" ? bob.answer(request, 486, "Busy Here", { tag: "b" }) : null;
  };
  const before = await server.held();
  expect(before.calls).toBe(6);

  const crowd = await Crowd.open(server.port);
  let slowestMs = 0;
  const load = crowd.call(OFFERED_PER_SECOND, LOAD_SECONDS);
  await pause(2500);
  for (const mine of talks) {
    const bye = await persistently(carol, carol.within(mine, "BYE"));
    expect(bye.final.status, "a BYE during the load").toBe(200);
    const again = await registers(alice);
    expect(again.final.status, "a REGISTER during the load").toBe(200);
    slowestMs = Math.max(slowestMs, bye.tookMs, again.tookMs);
  }
  const during = await server.held();
  await load;
  const over = performance.now();
  const said = `${JSON.stringify(Object.fromEntries(crowd.statuses))} of ${String(crowd.sent)}; the slowest request took ${String(Math.round(slowestMs))} ms; ${JSON.stringify(during)}`;

  // A second after the load the next call is served, and so is every one after it.
  let firstServedMs = NaN;
  for (let count = 0; performance.now() - over < 2500; count++) {
    const invite = alice.text("INVITE", `sip:102@${DOMAIN}`, { callId: `after-${String(count)}` });
    const { final } = await persistently(alice, invite);
    alice.send(alice.ackOf(Message.of(invite), final));
    const atMs = performance.now() - over;
    if (final.status === 486 && Number.isNaN(firstServedMs)) firstServedMs = atMs;
    if (atMs > 1000) expect(final.status, `${String(Math.round(atMs))} ms after the load; ${said}`).toBe(486);
    await pause(50);
  }
  expect(firstServedMs, said).toBeLessThan(1000);
  const after = await server.held();

  expect(crowd.count(503), said).toBeGreaterThan(1000);
  expect(crowd.badAnswers).toEqual([]);
  // It went on serving calls: how many depends on what else the test's machine does.
  expect(crowd.count(486), said).toBeGreaterThan(40 * LOAD_SECONDS);
  expect([...crowd.statuses.keys()].sort(), said).toEqual([486, 503]);
  expect(slowestMs, said).toBeLessThan(4000);
  expect(during.isLimiting, said).toBe(true);
  expect([after.isLimiting, after.calls], said).toEqual([false, 0]);
  // What was turned away is not kept, and what was served is held for as long as RFC 3261's timers want.
  expect(during.transactions, said).toBeLessThan(4 * 500 * (LOAD_SECONDS + 2));
  expect(after.rssBytes - before.rssBytes, said).toBeLessThan(150 << 20);
});
