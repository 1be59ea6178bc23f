import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { Message } from "../../src/sip/message.ts";
import { realServer, type RealServer } from "../impair/real-server.ts";
import { eventually } from "../interop/program.ts";
import { buildDisk, stallingDisk } from "../store/disk.ts";
import { Phone } from "./phone.ts";
import { DOMAIN } from "./stage.ts";

const USERS = ["101", "102", "103"];
/** A REGISTER or PUBLISH is answered within this, whatever the disk does. */
const ANSWER_MS_MAX = 500;
/** As above, where the answer waits for the disk first: the limit is 300 ms and the test's machine is busy. */
const REFUSAL_MS_MAX = 800;

let canPreload = false;
beforeAll(async () => {
  canPreload = await buildDisk();
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The program on a disk that can stall, three registered phones, and 103 watching the lamp and the presence of 102. */
class Office {
  readonly server: RealServer;
  readonly #control: string;
  readonly phones: readonly [alice: Phone, bob: Phone, carol: Phone];

  private constructor(server: RealServer, control: string, phones: readonly [Phone, Phone, Phone]) {
    this.server = server;
    this.#control = control;
    this.phones = phones;
  }

  static async open(durability: "fast" | "full"): Promise<Office> {
    let control = "";
    const server = await realServer(DOMAIN, USERS, `durability: ${durability}\n`, {
      env: (folder) => {
        control = join(folder, "control");
        mkdirSync(join(folder, "data"), { recursive: true });
        writeFileSync(control, "work");
        return stallingDisk(join(folder, "data"), control);
      },
    });
    // What stalls cannot even be killed in good order: it works again when the test is over.
    onTestFinished(() => {
      writeFileSync(control, "work");
    });
    const phones = await Promise.all(USERS.map((user) => Phone.open({ user, domain: DOMAIN, password: `secret-${user}`, protocol: "udp", server: { address: "127.0.0.1", port: server.port } })));
    const [alice, bob, carol] = phones as [Phone, Phone, Phone];
    onTestFinished(async () => {
      for (const phone of phones) await phone.close();
    });
    for (const phone of phones) expect((await phone.register()).status).toBe(200);
    bob.onRequest = (request) => (request.method === "INVITE" ? bob.answer(request, 180, "Ringing", { tag: "b" }) : null);
    carol.onRequest = (request) => (request.method === "NOTIFY" ? carol.answer(request, 200, "OK", { contact: false }) : null);
    for (const event of ["dialog", "presence"]) {
      expect((await carol.ask(carol.text("SUBSCRIBE", bob.aor, { headers: `Event: ${event}\r\nExpires: 600\r\n` }))).final.status).toBe(200);
      await carol.request("NOTIFY");
    }
    return new Office(server, control, [alice, bob, carol]);
  }

  disk(what: "stall" | "work"): void {
    writeFileSync(this.#control, what);
  }

  async isStalled(): Promise<boolean> {
    return /^lamplight_store_stalled 1$/m.test(await this.server.get("/metrics"));
  }

  /** A call that rings, lights the watcher's lamp and is rejected: how long the caller waited for the ringing, and the watcher for the lamp. */
  async call(): Promise<{ callMs: number; notifyMs: number }> {
    const [alice, bob, carol] = this.phones;
    const lamp = (state: string): Promise<Message> => carol.request("NOTIFY", (request) => request.text.includes(`<state>${state}`));
    const text = alice.text("INVITE", bob.aor, {});
    alice.send(text);
    const challenge = await alice.response("INVITE", 407, Message.of(text).callId);
    alice.send(alice.ackOf(Message.of(text), challenge));
    const again = alice.withCredentials(text, challenge);
    const began = performance.now();
    alice.send(again);
    const lit = lamp("early").then(() => performance.now() - began);
    const [invite] = await Promise.all([bob.request("INVITE"), alice.response("INVITE", 180, Message.of(text).callId)]);
    const callMs = performance.now() - began;
    const notifyMs = await lit;
    bob.send(bob.answer(invite, 486, "Busy Here", { tag: "b" }));
    alice.send(alice.ackOf(Message.of(again), await alice.response("INVITE", 486, Message.of(text).callId)));
    await lamp("terminated");
    return { callMs, notifyMs };
  }
}

/** A request whose credentials are known to be good: one answer, and how long it took. */
async function answered(phone: Phone, text: string): Promise<{ final: Message; tookMs: number }> {
  phone.send(text);
  const request = Message.of(text);
  const challenge = await phone.final(request.method, request.callId);
  const began = performance.now();
  phone.send(phone.withCredentials(text, challenge));
  return { final: await phone.final(request.method, request.callId), tookMs: performance.now() - began };
}

const registers = (phone: Phone, headers = "Expires: 600\r\n"): ReturnType<typeof answered> => answered(phone, phone.text("REGISTER", `sip:${DOMAIN}`, { to: phone.aor, headers }));
/** Each phone has one publication, which it changes. */
async function publishes(phone: Phone, note: string): ReturnType<typeof answered> {
  const etag = etags.get(phone);
  const match = etag === undefined ? "" : `SIP-If-Match: ${etag}\r\n`;
  const result = await answered(phone, phone.text("PUBLISH", phone.aor, { headers: `Event: presence\r\nExpires: 600\r\n${match}Content-Type: application/pidf+xml\r\n`, body: pidf(phone.aor, note) }));
  const next = /\r\nSIP-ETag: (\S+)/.exec(result.final.text)?.[1];
  if (next !== undefined) etags.set(phone, next);
  return result;
}

const etags = new WeakMap<Phone, string>();

function pidf(aor: string, note: string): string {
  return `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${aor}"><tuple id="t"><status><basic>open</basic></status><note>${note}</note></tuple></presence>`;
}

test("durability: fast: while the disk stalls calls and NOTIFYs are not slowed, phones register and publish, and the alarm is on; then all of it is kept", { timeout: 60_000 }, async ({ skip }) => {
  skip(!canPreload, "there is no C compiler");
  const office = await Office.open("fast");
  const [alice, bob] = office.phones;
  for (let count = 0; count < 3; count++) await office.call();
  expect(await office.isStalled()).toBe(false);

  office.disk("stall");
  const stalledAt = performance.now();
  const slowest = { register: 0, publish: 0, call: 0, notify: 0 };
  let wasAlarm = false;
  for (let round = 0; performance.now() - stalledAt < 4000; round++) {
    const registered = await registers(alice);
    const published = await publishes(bob, `round ${String(round)}`);
    const { callMs, notifyMs } = await office.call();
    expect([registered.final.status, published.final.status]).toEqual([200, 200]);
    slowest.register = Math.max(slowest.register, registered.tookMs);
    slowest.publish = Math.max(slowest.publish, published.tookMs);
    slowest.call = Math.max(slowest.call, callMs);
    slowest.notify = Math.max(slowest.notify, notifyMs);
    wasAlarm ||= await office.isStalled();
    await pause(20);
  }
  expect((await publishes(bob, "the last word")).final.status).toBe(200);
  expect((await registers(alice, "Expires: 1234\r\n")).final.status).toBe(200);
  const said = JSON.stringify(slowest);
  for (const ms of Object.values(slowest)) expect(ms, said).toBeLessThan(ANSWER_MS_MAX);
  expect(wasAlarm).toBe(true);

  // What the journal had room for survives a kill -9 in the midst of it.
  await office.server.kill();
  office.disk("work");
  await office.server.start();
  expect(await office.isStalled()).toBe(false);
  expect(JSON.parse(await office.server.get("/api/presence/102"))).toMatchObject({ note: "the last word" });
  const [{ contacts }] = JSON.parse(await office.server.get("/api/registrations/101")) as [{ contacts: { expires_at: string }[] }];
  expect(Date.parse(contacts[0]?.expires_at ?? "") - Date.now()).toBeGreaterThan(1_000_000);
  expect(JSON.parse(await office.server.get("/api/subscriptions"))).toHaveLength(2);
  await office.call();
});

test("durability: full: while the disk stalls what cannot be kept is refused with 503 and Retry-After, calls go on, and afterwards all is served", { timeout: 60_000 }, async ({ skip }) => {
  skip(!canPreload, "there is no C compiler");
  const office = await Office.open("full");
  const [alice, bob] = office.phones;
  expect((await publishes(bob, "before")).final.status).toBe(200);
  for (let count = 0; count < 3; count++) await office.call();
  expect(await office.isStalled()).toBe(false);

  office.disk("stall");
  const stalledAt = performance.now();
  for (let round = 0; performance.now() - stalledAt < 3000; round++) {
    for (const { final, tookMs } of [await registers(alice, "Expires: 1234\r\n"), await publishes(bob, `round ${String(round)}`)]) {
      expect(final.status, final.text).toBe(503);
      expect(final.text).toMatch(/\r\nRetry-After: \d+/);
      expect(tookMs).toBeLessThan(REFUSAL_MS_MAX);
    }
    const { callMs, notifyMs } = await office.call();
    expect([callMs, notifyMs].every((ms) => ms < ANSWER_MS_MAX), `a call took ${String(callMs)} ms, its NOTIFY ${String(notifyMs)} ms`).toBe(true);
  }
  expect(await office.isStalled()).toBe(true);

  office.disk("work");
  await eventually(async () => ((await office.isStalled()) ? null : true), () => "the alarm stays on");
  expect((await registers(alice, "Expires: 2345\r\n")).final.status).toBe(200);
  expect((await publishes(bob, "after")).final.status).toBe(200);
  await office.call();
  await office.server.kill();
  await office.server.start();
  expect(JSON.parse(await office.server.get("/api/presence/102"))).toMatchObject({ note: "after" });
  const [{ contacts }] = JSON.parse(await office.server.get("/api/registrations/101")) as [{ contacts: { expires_at: string }[] }];
  expect(contacts).toHaveLength(1);
  expect(Date.parse(contacts[0]?.expires_at ?? "") - Date.now()).toBeGreaterThan(2_000_000);
});

test("a server that is told to end while the disk hangs does not hang with it, and what it had acknowledged is there again", { timeout: 60_000 }, async ({ skip }) => {
  skip(!canPreload, "there is no C compiler");
  const office = await Office.open("fast");
  const [alice] = office.phones;
  await office.call();
  office.disk("stall");
  expect((await registers(alice, "Expires: 1234\r\n")).final.status).toBe(200);
  await eventually(async () => ((await office.isStalled()) ? true : null), () => "the alarm does not go on");
  // SIGKILL by its own hand after four seconds: no exit code.
  expect(await office.server.stop()).toBe(null);
  office.disk("work");
  await office.server.start();
  const [{ contacts }] = JSON.parse(await office.server.get("/api/registrations/101")) as [{ contacts: { expires_at: string }[] }];
  expect(Date.parse(contacts[0]?.expires_at ?? "") - Date.now()).toBeGreaterThan(1_000_000);
  await office.call();
});
