import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, test, vi } from "vitest";
import { bodyBytesMax, type AdminServer } from "../../src/admin/admin-server.ts";
import { keepAliveMs } from "../../src/admin/event-streams.ts";
import { guessesPerMinute } from "../../src/admin/token-guesses.ts";
import { sessionLifeMs } from "../../src/admin/session-tickets.ts";
import { json, list, refusal, type AdminRoute } from "../../src/admin/route.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { ask, desk, errorOf, TOKEN } from "./desk.ts";

const routes: readonly AdminRoute[] = [
  { method: "GET", path: "/api/thing/:name", access: "token", answer: ({ params, query }) => json({ ...params, ...query }) },
  { method: "GET", path: "/api/things", access: "token", answer: () => list([1, 2]) },
  { method: "POST", path: "/api/thing", access: "token", answer: ({ body }) => json({ got: body }, 201) },
  { method: "GET", path: "/api/refused", access: "token", answer: () => refusal(404, "unknown_thing", "no such thing") },
  { method: "GET", path: "/api/broken", access: "token", answer: () => Promise.reject(new Error("secret detail at line 7")) },
  { method: "GET", path: "/metrics", access: "scrape", answer: () => ({ kind: "text", contentType: "text/plain", text: "m 1\n" }) },
  { method: "GET", path: "/api/events", access: "token", answer: () => ({ kind: "events" }) },
];

let server: AdminServer;
afterEach(async () => {
  await server.stop();
});

describe("the bearer token", () => {
  test("lets in who sends it, and nobody else", async () => {
    server = await desk({ routes });
    expect((await ask(server, "/api/thing/x?a=1")).json()).toEqual({ name: "x", a: "1" });
    expect((await ask(server, "/api/thing/x", { headers: { authorization: `bearer  ${TOKEN} ` } })).statusCode).toBe(200);
    const none = await ask(server, "/api/thing/x", { headers: {} });
    expect(errorOf(none)).toBe("401 token_needed");
    expect(none.headers["www-authenticate"]).toMatch(/^Bearer/);
    for (const authorization of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer x"]) expect(errorOf(await ask(server, "/api/thing/x", { headers: { authorization } }))).toBe("401 wrong_token");
    for (const authorization of ["Bearer", "Bearer ", "", TOKEN, `Basic ${TOKEN}`]) expect(errorOf(await ask(server, "/api/thing/x", { headers: { authorization } }))).toBe("401 token_needed");
  });

  test("lets nobody in while none is set", async () => {
    server = await desk({ routes, token: null });
    expect(errorOf(await ask(server, "/api/things"))).toBe("401 wrong_token");
    expect(errorOf(await ask(server, "/api/things", { headers: {} }))).toBe("401 no_token_set");
    expect(errorOf(await ask(server, "/api/session", { method: "POST", headers: {}, payload: { token: "" } }))).toBe("401 wrong_token");
  });

  test("is not asked for with auth: none; Host and Origin still count", async () => {
    server = await desk({ routes, auth: "none", token: null });
    expect((await ask(server, "/api/things", { headers: {} })).json()).toEqual([1, 2]);
    expect((await ask(server, "/api/session", { method: "POST", headers: {}, payload: { token: "x" } })).json()).toEqual({ expires_at: null });
    expect(errorOf(await ask(server, "/api/things", { headers: { host: "evil.example" } }))).toBe("403 foreign_host");
    expect(errorOf(await ask(server, "/api/things", { headers: { origin: "http://evil.example" } }))).toBe("403 foreign_origin");
  });

  test.each(["?token=x", "?access_token=x", "?Token=", `?q=${TOKEN}`])("never stands in a URL: %s", async (query) => {
    server = await desk({ routes });
    for (const path of ["/api/things", "/metrics", "/", "/healthz", "/nothing"]) expect(errorOf(await ask(server, path + query)), path).toBe("400 token_in_url");
  });

  test("is not looked at any more after too many wrong ones from an address; other addresses and sessions go on", async () => {
    const clock = new FakeClock();
    server = await desk({ routes, clock });
    const { cookie } = await signedIn(server);
    for (let n = 0; n < guessesPerMinute; n++) expect((await ask(server, "/api/refused", { headers: { authorization: "Bearer wrong" } })).statusCode).toBe(401);
    const slowed = await ask(server, "/api/refused");
    expect(errorOf(slowed)).toBe("429 too_many_guesses");
    expect(slowed.headers["retry-after"]).toBe("6");
    expect(errorOf(await ask(server, "/api/session", { method: "POST", headers: {}, payload: { token: TOKEN } }))).toBe("429 too_many_guesses");
    expect(errorOf(await ask(server, "/api/refused", { remoteAddress: "192.0.2.10" }))).toBe("404 unknown_thing");
    expect(errorOf(await ask(server, "/api/refused", { headers: { cookie } }))).toBe("404 unknown_thing");
    clock.advance(6000);
    expect(errorOf(await ask(server, "/api/refused"))).toBe("404 unknown_thing");
  });
});

describe("a session", () => {
  test("is a cookie that scripts cannot read and other sites do not send", async () => {
    server = await desk({ routes });
    const { answer, cookie } = await signedIn(server);
    const [set] = answer.cookies;
    expect(set).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/", maxAge: sessionLifeMs / 1000 });
    expect(answer.body).not.toContain(set?.value ?? "");
    expect((await ask(server, "/api/things", { headers: { cookie } })).json()).toEqual([1, 2]);
    expect(errorOf(await ask(server, "/api/things", { headers: { cookie: `${cookie}0` } }))).toBe("401 token_needed");
  });

  test("ends after its time", async () => {
    const clock = new FakeClock();
    server = await desk({ routes, clock });
    const { cookie } = await signedIn(server);
    clock.advance(sessionLifeMs);
    expect(errorOf(await ask(server, "/api/refused", { headers: { cookie } }))).toBe("401 token_needed");
  });

  test.each([
    ["{}", "400 bad_request"],
    ['{"token":7}', "400 bad_request"],
    ["[]", "400 bad_request"],
    ["null", "400 bad_request"],
    ['{"token":"wrong"}', "401 wrong_token"],
    ['{"token":"x', "400 bad_request"],
    ["", "400 bad_request"],
    ['{"__proto__":{"token":"x"}}', "400 bad_request"],
  ])("is not opened by %s", async (payload, wanted) => {
    server = await desk({ routes });
    const answer = await ask(server, "/api/session", { method: "POST", headers: { "content-type": "application/json" }, payload });
    expect(errorOf(answer)).toBe(wanted);
    expect(answer.cookies).toEqual([]);
  });

  test("is not opened from another site's page", async () => {
    server = await desk({ routes });
    for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }]) expect(errorOf(await ask(server, "/api/session", { method: "POST", headers, payload: { token: TOKEN } }))).toBe("403 foreign_origin");
  });
});

describe("answers", () => {
  test("what does not exist is 404 in JSON, below /api only for those who are let in", async () => {
    server = await desk({ routes });
    for (const path of ["/nothing", "/api/nothing", "/%2e%2e/package.json", "/../package.json"]) expect(errorOf(await ask(server, path)), path).toBe("404 not_found");
    expect(errorOf(await ask(server, "/api/nothing", { headers: {} }))).toBe("401 token_needed");
    expect(errorOf(await ask(server, "/api/things", { method: "DELETE" }))).toBe("404 not_found");
    expect(errorOf(await ask(server, "/api/%"))).toMatch(/^40[04]/);
  });

  test("a body is JSON of at most 64 kB", async () => {
    server = await desk({ routes });
    const post = (payload: string, type = "application/json") => ask(server, "/api/thing", { method: "POST", headers: { authorization: `Bearer ${TOKEN}`, "content-type": type }, payload });
    const created = await post('{"a":[1]}');
    expect([created.statusCode, created.json()]).toEqual([201, { got: { a: [1] } }]);
    expect(errorOf(await post("{"))).toBe("400 bad_request");
    expect(errorOf(await post("a=1", "application/x-www-form-urlencoded"))).toBe("415 not_json");
    expect(errorOf(await post("{}", "text/plain"))).toBe("415 not_json");
    expect((await post(JSON.stringify("x".repeat(bodyBytesMax - 2)))).statusCode).toBe(201);
    expect(errorOf(await post(JSON.stringify("x".repeat(bodyBytesMax - 1))))).toBe("413 body_too_large");
  });

  test("a failure of ours is 500 and tells nothing of the inside", async () => {
    server = await desk({ routes });
    const answer = await ask(server, "/api/broken");
    expect(errorOf(answer)).toBe("500 internal");
    expect(answer.body).not.toContain("secret");
  });

  test("nothing of the API is kept by caches, and pages run no script but their own", async () => {
    server = await desk({ routes });
    expect((await ask(server, "/api/things")).headers["cache-control"]).toBe("no-store");
    const page = await ask(server, "/", { headers: {} });
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-security-policy"]).toMatch(/default-src 'none'; script-src 'self';/);
    expect(page.headers["content-security-policy"]).not.toContain("unsafe");
    expect(page.headers["x-content-type-options"]).toBe("nosniff");
    expect((await ask(server, "/page.js", { headers: {} })).headers["content-type"]).toContain("javascript");
  });

  test("a link from another site leads to the page, a foreign page's own call nowhere", async () => {
    server = await desk({ routes });
    expect((await ask(server, "/", { headers: { "sec-fetch-site": "cross-site" } })).statusCode).toBe(200);
    expect(errorOf(await ask(server, "/api/things", { headers: { "sec-fetch-site": "cross-site", authorization: `Bearer ${TOKEN}` } }))).toBe("403 foreign_origin");
    expect(errorOf(await ask(server, "/", { headers: { host: "evil.example" } }))).toBe("403 foreign_host");
  });

  test("metrics are open to this machine alone, unless another server passed the request on", async () => {
    server = await desk({ routes });
    expect((await ask(server, "/metrics", { headers: {}, remoteAddress: "127.0.0.1" })).body).toBe("m 1\n");
    expect((await ask(server, "/metrics", { headers: {}, remoteAddress: "::1" })).statusCode).toBe(200);
    expect(errorOf(await ask(server, "/metrics", { headers: { "x-forwarded-for": "192.0.2.1" }, remoteAddress: "127.0.0.1" }))).toBe("401 token_needed");
    expect(errorOf(await ask(server, "/metrics", { headers: {} }))).toBe("401 token_needed");
    expect((await ask(server, "/metrics")).statusCode).toBe(200);
  });
});

describe("over real sockets", () => {
  test("health is 503 before the start and while stopping, and a taken address is said in one line", async () => {
    server = await desk({ routes });
    const health = async (): Promise<number> => (await ask(server, "/healthz", { headers: { host: `localhost:${String(server.port)}` } })).statusCode;
    expect((await ask(server, "/healthz", { headers: {} })).statusCode).toBe(503);
    await server.start();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await health()).toBe(200);
    server.stopping();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(503);
    expect((await fetch(`${server.url}/api/things`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  });

  test("what is no HTTP, and headers without end, are answered 400 and closed", async () => {
    server = await desk({ routes });
    await server.start();
    for (const text of ["INVITE sip:x SIP/2.0\r\n\r\n", `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}`]) {
      const socket = connect(server.port, "127.0.0.1");
      let got = "";
      socket.on("data", (bytes) => (got += bytes.toString()));
      socket.write(text);
      await once(socket, "close");
      expect(got).toMatch(/^HTTP\/1\.1 400 /);
      expect(got).toContain('"error":"bad_request"');
    }
  });

  test("a reader who does not read is closed after two keep-alives, and nothing piles up for him meanwhile", async () => {
    const clock = new FakeClock();
    const { streams } = (server = await desk({ routes, clock }));
    await server.start();
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`GET /api/events HTTP/1.1\r\nHost: localhost:${String(server.port)}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await once(socket, "data");
    socket.pause();
    const big = "x".repeat(1 << 20);
    const bytesBefore = process.memoryUsage().rss;
    for (let n = 0; n < 500; n++) {
      streams.publish("lamp", "one and the same", { n, big });
      await new Promise(setImmediate);
    }
    expect((process.memoryUsage().rss - bytesBefore) / (1 << 20), "MB more").toBeLessThan(250);
    expect(streams.count).toBe(1);
    clock.advance(keepAliveMs);
    expect(streams.count).toBe(1);
    clock.advance(keepAliveMs);
    await vi.waitFor(() => {
      expect(streams.count).toBe(0);
    });
    expect(streams.closedSlow).toBe(1);
    socket.destroy();
  });

  test("a stream that finds no room is answered 503, and open ones end with the server", async () => {
    const { streams } = (server = await desk({ routes }));
    await server.start();
    const headers = { authorization: `Bearer ${TOKEN}` };
    const first = await fetch(`${server.url}/api/events`, { headers });
    expect(first.headers.get("content-type")).toBe("text/event-stream");
    expect(streams.count).toBe(1);
    Object.defineProperty(streams, "hasRoom", { value: false });
    const second = await fetch(`${server.url}/api/events`, { headers });
    expect(second.status).toBe(503);
    expect(second.headers.get("retry-after")).toBe("10");
    expect(await second.json()).toMatchObject({ error: "too_many_streams" });
    await server.stop();
    await expect(first.text()).rejects.toThrow();
    expect(streams.count).toBe(0);
  });
});

async function signedIn(on: AdminServer) {
  const answer = await ask(on, "/api/session", { method: "POST", headers: {}, payload: { token: TOKEN } });
  expect(answer.statusCode).toBe(200);
  const [set] = answer.cookies;
  return { answer, cookie: `${set?.name ?? ""}=${set?.value ?? ""}` };
}
