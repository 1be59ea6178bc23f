import { Agent, get, type ClientRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { webOf, type Web } from "../../src/web.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { registered } from "./calling.ts";

const TOKEN = "the-token-of-the-stage";
const STREAMS = 3;
const PEOPLE = `users:
  - { id: "101", name: Alice, aliases: [alice], password: secret-101 }
  - { id: "102", name: Bob, password: secret-102, private: true }
  - { id: "103", name: Carol, password: secret-103, watchers: { polite_block: ["101"] } }
  - { id: "104", name: Dan, password: secret-104, watchers: { block: ["101"] } }
`;

let stage: Stage;
let web: Web;

beforeEach(async () => {
  stage = await Stage.start({ people: PEOPLE });
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: STREAMS } }, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports, store: stage.store });
  await web.start();
});

afterEach(async () => {
  await web.stop();
  await stage.stop();
});

async function call(path: string, parts: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: unknown } = {}): Promise<{ status: number; body: unknown; cookie: string }> {
  const { method = "GET", headers = {}, body } = parts;
  const answer = await fetch(web.url + path, { method, headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const [cookie = ""] = (answer.headers.get("set-cookie") ?? "").split(";");
  return { status: answer.status, body: (await answer.json()), cookie };
}

async function signedIn(user: string, password: string): Promise<{ readonly headers: { readonly cookie: string } }> {
  const { status, cookie } = await call("/api/session", { method: "POST", body: { user, password } });
  expect(status).toBe(200);
  return { headers: { cookie } };
}

describe("a visitor of the pages", () => {
  test("is let in by the name and password of his phone, and by no other", async () => {
    for (const [user, password] of [["101", "secret-102"], ["999", "secret-101"], ["", ""], ["101", ""]]) expect((await call("/api/session", { method: "POST", body: { user, password } })).status).toBe(401);
    for (const body of [{}, { user: "101" }, { user: 101, password: "secret-101" }, { user: "101", password: "x".repeat(600) }]) expect((await call("/api/session", { method: "POST", body })).status).toBe(400);
    expect((await call("/api/session")).body).toMatchObject({ viewer: null, domain: null });
    const alice = await signedIn("alice", "secret-101");
    expect((await call("/api/session", alice)).body).toEqual({ viewer: "person", aor: `sip:101@${DOMAIN}`, name: "Alice", domain: DOMAIN });
    expect((await call("/api/session", { ...alice, method: "DELETE" })).status).toBe(200);
    expect((await call("/api/presence", alice)).status, "signed out").toBe(401);
  });

  test("guesses no passwords: after ten wrong ones nothing is looked at", async () => {
    for (let n = 0; n < 10; n++) expect((await call("/api/session", { method: "POST", body: { user: "101", password: `guess ${String(n)}` } })).status).toBe(401);
    expect((await call("/api/session", { method: "POST", body: { user: "101", password: "secret-101" } })).status).toBe(429);
  });

  test("is let in no more once his password is another one", async () => {
    const alice = await signedIn("101", "secret-101");
    const users = ["101", "102", "103", "104"].map((id) => ({ id, name: `Person ${id}`, aliases: [], numbers: [], inbound: "none" as const, secret: { kind: "password" as const, password: `new-${id}` } }));
    stage.server.directory.replace({ users });
    expect((await call("/api/presence", alice)).status).toBe(401);
  });

  test("sees who lets him: the blocked see nobody there, the politely blocked someone who is always offline", async () => {
    for (const user of ["102", "103", "104"]) await registered(stage, user);
    const alice = await signedIn("101", "secret-101");
    const people = (await call("/api/presence", alice)).body as { aor: string; basic: string }[];
    expect(people.map(({ aor, basic }) => [aor.slice(4, 7), basic])).toEqual([["101", "closed"], ["102", "open"], ["103", "closed"]]);
    for (const path of ["/api/presence/104", "/api/presence/104/why", "/api/presence/104/history"]) expect(await call(path, alice), path).toMatchObject({ status: 404, body: { error: "unknown_aor" } });
    expect((await call("/api/presence/103", alice)).body).toEqual({ aor: `sip:103@${DOMAIN}`, basic: "closed", activities: [], note: "Offline", since: null, source: "registration" });
    expect((await call("/api/presence/103/why", alice)).body).toMatchObject({ document: { basic: "closed" }, watchers: [] });
    expect(JSON.stringify((await call("/api/presence/103/history", alice)).body)).not.toContain("open");
    const administrator = { headers: { authorization: `Bearer ${TOKEN}` } };
    expect(((await call("/api/presence", administrator)).body as unknown[]).length).toBe(4);
    expect((await call("/api/presence/103/history", administrator)).body).toMatchObject({ states: expect.arrayContaining([expect.objectContaining({ basic: "open" })]) as unknown });
  });

  test("is told by the stream what he may see, and of nobody else that anything happened", async () => {
    const alice = await signedIn("101", "secret-101");
    const stop = new AbortController();
    const stream = await fetch(`${web.url}/api/events`, { ...alice, signal: stop.signal });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) text += (await reader?.read())?.value ?? "";
    };
    await until("event: snapshot");
    await until("\n\n");
    expect(text).not.toContain("sip:104@");
    for (const user of ["104", "103", "102"]) await registered(stage, user);
    await until("event: presence");
    await until(`"aor":"sip:102@${DOMAIN}","basic":"open"`);
    const after = text.slice(text.indexOf("event: presence"));
    expect(after).not.toMatch(/sip:10[34]@/);
    expect(after).not.toContain("event: registration");
    stop.abort();
  });

  test("many streams are bounded by the configuration: one more is told to wait", async () => {
    const administrator = { headers: { authorization: `Bearer ${TOKEN}` } };
    const stops = Array.from({ length: STREAMS }, () => new AbortController());
    for (const { signal } of stops) expect((await fetch(`${web.url}/api/events`, { ...administrator, signal })).status).toBe(200);
    for (let n = 0; n < 50; n++) {
      const answer = await fetch(`${web.url}/api/events`, administrator);
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "10"]);
      await answer.text();
    }
    for (const stop of stops) stop.abort();
  });

  test("10,000 who all want a stream get no more than the bound, and whoever has one goes on being told", async () => {
    const administrator = { headers: { authorization: `Bearer ${TOKEN}` } };
    const stop = new AbortController();
    const told = await fetch(`${web.url}/api/events`, { ...administrator, signal: stop.signal });
    let text = "";
    const reading = told.body?.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: (part) => void (text += part) }));
    reading?.catch(() => undefined);
    const statuses = new Map<number, number>();
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const { hostname, port } = new URL(web.url);
    const open: ClientRequest[] = [];
    const asked = (): Promise<void> =>
      new Promise((done, failed) => {
        const request = get({ agent, hostname, port, path: "/api/events", ...administrator }, (answer) => {
          statuses.set(answer.statusCode ?? 0, (statuses.get(answer.statusCode ?? 0) ?? 0) + 1);
          answer.resume();
          if (answer.statusCode === 200) open.push(request);
          else answer.once("end", done);
          if (answer.statusCode === 200) done();
        }).once("error", failed);
      });
    for (let round = 0; round < 200; round++) await Promise.all(Array.from({ length: 50 }, asked));
    expect(Object.fromEntries(statuses)).toEqual({ 200: STREAMS - 1, 503: 10_000 - STREAMS + 1 });
    await registered(stage, "102");
    await expect.poll(() => text, { timeout: 10_000 }).toContain("event: registration");
    for (const request of open) request.removeAllListeners("error").on("error", () => undefined).destroy();
    agent.destroy();
    stop.abort();
  }, 120_000);

  test("the last hour of the server's health is there at once", async () => {
    expect((await call("/api/health/series", { headers: { authorization: `Bearer ${TOKEN}` } })).body).toMatchObject({ step_seconds: 10, at: [expect.any(Number)], series: { calls: [0], memory_bytes: [expect.any(Number)] } });
  });
});
