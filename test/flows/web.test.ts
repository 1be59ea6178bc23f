import { connect, type Socket } from "node:net";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { webOf, type Web } from "../../src/web.ts";
import type { Phone } from "./phone.ts";
import { builtPages } from "./pages.ts";
import { DOMAIN, Stage } from "./stage.ts";

const TOKEN = "the-token-of-the-stage";
const someText: unknown = expect.any(String);
const isoTime: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const uri = (user: string): string => `sip:${user}@${DOMAIN}`;

let stage: Stage;
let web: Web;
let streams: EventReader[];

beforeAll(builtPages, 60_000);

beforeEach(async () => {
  stage = await Stage.start();
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: 200 } }, stage.server, {
    clock: systemClock,
    random: systemRandom(),
    log: silentLog,
    transports: stage.transports,
  });
  streams = [];
  await web.start();
});

afterEach(async () => {
  for (const stream of streams) stream.close();
  await web.stop();
  await stage.stop();
});

async function get(path: string, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }): Promise<{ status: number; body: unknown; text: string }> {
  const response = await fetch(web.url + path, { headers });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith("{") || text.startsWith("[") ? (JSON.parse(text) as unknown) : null };
}

/** The events of /api/events as they come. */
class EventReader {
  readonly #events: { event: string; data: Record<string, unknown> }[] = [];
  readonly #socket: Socket;
  #rest = "";
  #wake: () => void = () => undefined;
  isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      // Chunk sizes stand on lines of their own, which no event has.
      this.#rest += chunk;
      for (let end = this.#rest.indexOf("\n\n"); end !== -1; end = this.#rest.indexOf("\n\n")) {
        const [, event, data] = /event: (\w+)\ndata: (.*)$/m.exec(this.#rest.slice(0, end)) ?? [];
        this.#rest = this.#rest.slice(end + 2);
        if (event !== undefined && data !== undefined) this.#events.push({ event, data: JSON.parse(data) as Record<string, unknown> });
      }
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  static open(): EventReader {
    const { port, host } = new URL(web.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`GET /api/events HTTP/1.0\r\nHost: ${host}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    const reader = new EventReader(socket);
    streams.push(reader);
    return reader;
  }

  pause(): void {
    this.#socket.pause();
  }

  /** The next event of that kind that fits; what came before it is passed over. */
  async next(event: string, fits: (data: Record<string, unknown>) => boolean = () => true): Promise<Record<string, unknown>> {
    for (;;) {
      for (let one = this.#events.shift(); one !== undefined; one = this.#events.shift()) if (one.event === event && fits(one.data)) return one.data;
      if (this.isClosed) throw new Error(`the stream ended before ${event}`);
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A call from one registered phone to another, up to the answer; ends it when asked. */
async function answeredCall(alice: Phone, bob: Phone): Promise<{ ring: () => void; answer: () => Promise<void>; end: () => Promise<void> }> {
  const asked = alice.ask(alice.text("INVITE", uri(bob.line.user), {}));
  const got = await bob.request("INVITE");
  let hangUp = (): void => undefined;
  return {
    ring: () => {
      bob.send(bob.answer(got, 180, "Ringing", { tag: "bob" }));
    },
    answer: async () => {
      bob.send(bob.answer(got, 200, "OK", { tag: "bob" }));
      const { final, sent } = await asked;
      expect(final.status).toBe(200);
      const dialog = alice.callerDialog(sent, final);
      alice.send(alice.within(dialog, "ACK"));
      hangUp = () => {
        alice.send(alice.within(dialog, "BYE"));
      };
    },
    end: async () => {
      hangUp();
      const bye = await bob.request("BYE");
      bob.send(bob.answer(bye, 200, "OK"));
    },
  };
}

describe("the API of a whole server", () => {
  test("lists a phone that registered, by id, alias and whole address", async () => {
    const phone = await stage.phone("101", "udp", { userAgent: "TestPhone/1.0" });
    expect((await get("/api/registrations")).body).toEqual([]);
    await phone.register();
    const wanted = [
      {
        aor: uri("101"),
        contacts: [{ uri: phone.contact.slice(1, -1), expires_at: isoTime, user_agent: "TestPhone/1.0", transport: "udp", received: phone.address }],
      },
    ];
    for (const path of ["", "/101", "/user101", `/${encodeURIComponent(uri("101"))}`, `/${encodeURIComponent("sip:101@127.0.0.1")}`]) expect((await get(`/api/registrations${path}`)).body, path).toEqual(wanted);
    expect((await get("/api/registrations/102")).body).toEqual([]);
    expect(await get("/api/registrations/999")).toMatchObject({ status: 404, body: { error: "unknown_aor" } });
    expect((await get("/api/presence/user101")).body).toMatchObject({ aor: uri("101"), basic: "open", activities: [], note: "Available", source: "registration" });
    expect((await get("/metrics", {})).text).toContain("\nlamplight_registrations 1\n");
  });

  test("shows a call in every list, with tags, names and reasons", async () => {
    const alice = await stage.phone("101");
    const bob = await stage.phone("102");
    const watcher = await stage.phone("103", "udp", { userAgent: "Watcher/1" });
    for (const phone of [alice, bob, watcher]) await phone.register();
    watcher.onRequest = (request) => (request.method === "NOTIFY" ? watcher.answer(request, 200, "OK") : null);
    expect((await watcher.ask(watcher.text("SUBSCRIBE", uri("102"), { headers: "Event: dialog\r\nExpires: 300\r\nAccept: application/dialog-info+xml\r\n" }))).final.status).toBe(200);
    const call = await answeredCall(alice, bob);
    await call.answer();
    expect((await get("/api/calls")).body).toEqual([{ call_id: someText, state: "confirmed", from: uri("101"), to: uri("102"), since: someText }]);
    const lamps = (await get("/api/lamps")).body as { aor: string }[];
    expect(lamps.map(({ aor }) => aor)).toEqual(["101", "102", "103", "104", "105"].map(uri));
    expect(lamps[1]).toEqual({
      aor: uri("102"),
      state: "talking",
      since: someText,
      dialogs: [
        {
          id: someText,
          call_id: someText,
          local_tag: "bob",
          remote_tag: someText,
          direction: "recipient",
          state: "confirmed",
          on_hold: false,
          since: isoTime,
          local: { uri: uri("102"), display: "Person 102" },
          remote: { uri: uri("101"), display: "Person 101" },
        },
      ],
    });
    expect((await get("/api/subscriptions")).body).toEqual([{ resource: uri("102"), watcher: uri("103"), event: "dialog", expires_at: someText, user_agent: "Watcher/1" }]);
    expect((await get("/api/presence/102/why")).body).toMatchObject({
      aor: uri("102"),
      document: { basic: "open", activities: ["on-the-phone"], source: "dialog" },
      inputs: [{ source: "dialog", kind: "confirmed", won: true }, { source: "registration", won: false }],
      watchers: [{ watcher: uri("103"), event: "dialog", user_agent: "Watcher/1" }],
    });
    expect((await get("/api/presence")).body).toHaveLength(5);
    await call.end();
  });

  test("says ringing, talking and idle as it happens, and what it knows first", async () => {
    const alice = await stage.phone("101");
    const bob = await stage.phone("102");
    await alice.register();
    const stream = EventReader.open();
    const snapshot = await stream.next("snapshot");
    expect(snapshot).toMatchObject({ domain: DOMAIN, people_count: 5, calls: [] });
    expect(snapshot["registrations"]).toMatchObject([{ aor: uri("101"), contacts: [{ transport: "udp" }] }, { aor: uri("102"), contacts: [] }, {}, {}, {}]);
    await bob.register();
    expect(await stream.next("registration")).toMatchObject({ aor: uri("102"), contacts: [{ received: bob.address }] });
    expect(await stream.next("presence")).toMatchObject({ aor: uri("102"), basic: "open" });
    const second = await stage.phone("102");
    await bob.register();
    await second.register();
    expect((await stream.next("registration"))["contacts"], "a refresh is no event").toHaveLength(2);
    const call = await answeredCall(alice, bob);
    call.ring();
    expect(await stream.next("lamp", ({ aor }) => aor === uri("102"))).toMatchObject({ state: "ringing" });
    await call.answer();
    expect(await stream.next("call", ({ state }) => state === "confirmed")).toMatchObject({ from: uri("101"), to: uri("102") });
    expect(await stream.next("lamp", ({ state }) => state === "talking")).toMatchObject({ dialogs: [{ direction: someText }] });
    await call.end();
    expect(await stream.next("call", ({ state }) => state === "terminated")).toMatchObject({ from: uri("101"), to: uri("102") });
    expect(await stream.next("presence", ({ activities }) => Array.isArray(activities) && activities.length === 0)).toMatchObject({ basic: "open", note: "Available" });
    await second.register("Expires: 0\r\n");
    await bob.register("Expires: 0\r\n");
    expect(await stream.next("registration", ({ contacts }) => Array.isArray(contacts) && contacts.length === 0)).toMatchObject({ aor: uri("102") });
  });

  test("shows the page by itself, and the page's stream by a session", async () => {
    const page = await fetch(`${web.url}/`);
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self'");
    const html = await page.text();
    for (const [, path] of html.matchAll(/(?:href|src)="([^"#]+)"/g)) expect((await get(`/${String(path)}`, {})).status, path).toBe(200);
    expect(html).not.toMatch(/https?:|<script(?![^>]*src=)|\son\w+=|style=/);
    const session = await fetch(`${web.url}/api/session`, { method: "POST", headers: { "content-type": "application/json", origin: web.url }, body: JSON.stringify({ token: TOKEN }) });
    const [cookie = ""] = (session.headers.get("set-cookie") ?? "").split(";");
    expect((await get("/api/calls", { cookie })).body).toEqual([]);
    expect((await get("/api/calls", {})).status).toBe(401);
  });

  test("a stream that nobody reads delays no other, and the server ends with it open", async () => {
    const slow = EventReader.open();
    await slow.next("snapshot");
    slow.pause();
    const quick = EventReader.open();
    await quick.next("snapshot");
    const phone = await stage.phone("101");
    await phone.register();
    expect(await quick.next("registration")).toMatchObject({ aor: uri("101") });
    web.stopping();
    expect((await get("/healthz")).status).toBe(503);
    await web.stop();
    await expect(quick.next("registration")).rejects.toThrow("ended");
  });
});
