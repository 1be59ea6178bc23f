import type { ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { GraphAdapter, type GraphSettings } from "../../src/calendar/graph-adapter.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { webServer, type Seen, type WebServer } from "./web-server.ts";

// Graph and Entra ID are stand-ins that speak the documented protocol; no test here has met a real tenant.

const SECRET = "sEcr3t~value.of-the-app";
const at = (text: string): number => Date.parse(text);
const span = { from: at("2026-11-21T08:00:00Z"), to: at("2026-11-22T08:00:00Z") };
const entry = { start: at("2026-11-21T09:00:00Z"), end: at("2026-11-21T10:00:00Z"), kind: "busy", hasAttendees: true, isPrivate: false };

let authority: TestAuthority;
beforeAll(() => {
  authority = testAuthority();
});
afterAll(() => {
  authority.remove();
});
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

interface Item { readonly [name: string]: unknown }
const item = (more: Item = {}): Item => ({ isPrivate: false, status: "busy", subject: "QUARTZFALCON", location: "ZEBRAROOM", isMeeting: true, isRecurring: false, start: { dateTime: "2026-11-21T09:00:00.0000000", timeZone: "UTC" }, end: { dateTime: "2026-11-21T10:00:00.0000000", timeZone: "UTC" }, ...more });
const schedule = (scheduleId: string, items: readonly Item[] = [item()], more: Item = {}): Item => ({ scheduleId, availabilityView: "0", scheduleItems: items, workingHours: { timeZone: { name: "Pacific Standard Time" } }, ...more });

function json(response: ServerResponse, body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(typeof body === "string" ? body : JSON.stringify(body));
}

type Answer = (asked: readonly string[], response: ServerResponse, seen: Seen) => void;
const busy: Answer = (asked, response) => {
  json(response, { "@odata.context": "x", value: asked.map((id) => schedule(id.toUpperCase())) });
};

interface Stage { readonly adapter: GraphAdapter; readonly server: WebServer; readonly clock: FakeClock; readonly tokens: () => number; readonly schedules: () => number }

async function stage(answer: Answer, more: Partial<GraphSettings> = {}, lifeSeconds = 3599, tls?: { readonly key: string; readonly cert: string }): Promise<Stage> {
  let issued = 0;
  const server = await webServer((seen, response) => {
    if (seen.path === "/contoso.test/oauth2/v2.0/token") {
      const form = new URLSearchParams(seen.body);
      if (form.get("client_secret") !== SECRET) json(response, { error: "invalid_client", error_description: `AADSTS7000215: Invalid client secret ${form.get("client_secret") ?? ""}`, error_codes: [7000215] }, 401);
      else if (form.get("grant_type") !== "client_credentials" || form.get("scope") !== `${server.url}/.default`) json(response, { error: "invalid_request" }, 400);
      else json(response, { token_type: "Bearer", expires_in: lifeSeconds, access_token: `token-${String(++issued)}` });
      return;
    }
    if (seen.headers.authorization !== `Bearer token-${String(issued)}`) json(response, { error: { code: "InvalidAuthenticationToken", message: "QUARTZFALCON" } }, 401);
    else answer((JSON.parse(seen.body) as { schedules: string[] }).schedules, response, seen);
  }, tls);
  open.push(server);
  const clock = new FakeClock(at("2026-11-21T08:00:00Z"));
  const adapter = new GraphAdapter({ clock, tenant: "contoso.test", clientId: "client", secret: SECRET, loginUrl: server.url, graphUrl: server.url, timeoutMs: 5000, ...more });
  open.push(adapter);
  return { adapter, server, clock, tokens: () => issued, schedules: () => server.seen.filter(({ path }) => path.startsWith("/v1.0/")).length };
}

async function readingOf(adapter: GraphAdapter, mailbox = "alice@contoso.test", signal = new AbortController().signal): Promise<unknown> {
  const reading = (await adapter.read([mailbox], span, signal)).get(mailbox);
  expect(JSON.stringify(reading) ?? "").not.toMatch(new RegExp(`${SECRET}|token-1|QUARTZFALCON|ZEBRAROOM`));
  return reading;
}

test("twenty mailboxes are one request, in UTC, with one token", async () => {
  const { adapter, server, tokens, schedules } = await stage(busy);
  const mailboxes = Array.from({ length: 20 }, (_, index) => `u${String(index)}@contoso.test`);
  const readings = await adapter.read(mailboxes, span, new AbortController().signal);
  expect([...readings]).toEqual(mailboxes.map((mailbox) => [mailbox, { kind: "entries", entries: [entry] }]));
  expect([tokens(), schedules()]).toEqual([1, 1]);
  const seen = server.seen.at(-1);
  expect(seen?.path).toBe("/v1.0/users/u0%40contoso.test/calendar/getSchedule");
  expect(seen?.headers["prefer"]).toBe('outlook.timezone="UTC"');
  expect(JSON.parse(seen?.body ?? "")).toEqual({ schedules: mailboxes, startTime: { dateTime: "2026-11-21T08:00:00", timeZone: "UTC" }, endTime: { dateTime: "2026-11-22T08:00:00", timeZone: "UTC" }, availabilityViewInterval: 15 });
});

test("a token is kept until five minutes before its end, and one that is refused is replaced", async () => {
  const { adapter, clock, tokens } = await stage(busy);
  await Promise.all([readingOf(adapter), readingOf(adapter)]);
  clock.advance(3_298_000);
  await readingOf(adapter);
  expect(tokens()).toBe(1);
  clock.advance(2000);
  expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [entry] });
  expect(tokens()).toBe(2);
});

describe("an item", () => {
  const entries = (...kinds: string[]): unknown => ({ kind: "entries", entries: kinds.map((kind) => ({ ...entry, kind })) });
  test.each<[string, Item[], unknown]>([
    ["tentative", [item({ status: "tentative" })], entries("tentative")],
    ["oof", [item({ status: "oof" })], entries("out-of-office")],
    ["workingElsewhere", [item({ status: "workingElsewhere" })], entries("working-elsewhere")],
    ["free", [item({ status: "free" })], entries()],
    ["unknown", [item({ status: "unknown" })], entries()],
    ["of a status of tomorrow", [item({ status: "presenting" })], entries("busy")],
    ["in another zone", [item({ start: { dateTime: "2026-11-21T10:00:00.0000000", timeZone: "Romance Standard Time" }, end: { dateTime: "2026-11-21T11:00:00", timeZone: "Europe/Brussels" } })], entries("busy")],
    ["in a zone that nobody knows, beside a good one", [item(), item({ start: { dateTime: "2026-11-21T10:00:00", timeZone: "Nowhere" } })], entries("busy")],
    ["outside the span", [item({ start: { dateTime: "2026-11-21T01:00:00", timeZone: "UTC" }, end: { dateTime: "2026-11-21T08:00:00", timeZone: "UTC" } })], entries()],
    ["that is none", [item({ start: 7, end: null })], { kind: "failure", failure: "unreadable", text: "no event of the mailbox can be read" }],
  ])("%s", async (_, items, expected) => {
    const { adapter } = await stage((asked, response) => json(response, { value: asked.map((id) => schedule(id, items)) }));
    expect(await readingOf(adapter)).toEqual(expected);
  });
  test("private and without guests", async () => {
    const { adapter } = await stage((asked, response) => json(response, { value: asked.map((id) => schedule(id, [item({ isPrivate: true, isMeeting: false })])) }));
    expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [{ ...entry, isPrivate: true, hasAttendees: false }] });
  });
});

test("who may see no details is told by the view alone", async () => {
  const { adapter } = await stage((asked, response) => json(response, { value: asked.map((id) => schedule(id, [], { availabilityView: "00002222" })) }));
  expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [{ ...entry, hasAttendees: false }] });
});

test("a mailbox that fails or is missing hurts no other", async () => {
  const { adapter } = await stage((asked, response) => {
    const error = { message: "QUARTZFALCON", responseCode: "ErrorMailRecipientNotFound" };
    json(response, { value: asked.flatMap((id) => (id.startsWith("gone") ? [{ scheduleId: id, error }] : id.startsWith("lost") ? [] : [schedule(id)])) });
  });
  const readings = await adapter.read(["alice@x", "gone@x", "lost@x"], span, new AbortController().signal);
  expect(readings.get("alice@x")).toEqual({ kind: "entries", entries: [entry] });
  expect(readings.get("gone@x")).toMatchObject({ kind: "failure", failure: "not-found" });
  expect(readings.has("lost@x")).toBe(false);
});

test("when the first of a batch is gone, another is asked in its stead, and remembered", async () => {
  const { adapter, schedules } = await stage((asked, response, { path }) => {
    if (path.includes("gone")) json(response, { error: { code: "ErrorInvalidUser", message: "QUARTZFALCON" } }, 404);
    else json(response, { value: asked.map((id) => schedule(id)) });
  });
  const mailboxes = ["gone@x", "alice@x"];
  expect((await adapter.read(mailboxes, span, new AbortController().signal)).get("alice@x")).toEqual({ kind: "entries", entries: [entry] });
  await adapter.read(mailboxes, span, new AbortController().signal);
  expect(schedules()).toBe(3);
});

test("when Graph is busy nothing is sent before the time that it names", async () => {
  let isBusy = true;
  const { adapter, clock, schedules } = await stage((asked, response, seen) => {
    if (isBusy) json(response, { error: { code: "TooManyRequests" } }, 429, { "retry-after": "120" });
    else busy(asked, response, seen);
  });
  expect(await readingOf(adapter)).toEqual({ kind: "failure", failure: "throttled", text: "Microsoft Graph is busy and asks us to wait", retryAfterMs: 120_000 });
  isBusy = false;
  clock.advance(119_000);
  expect(await readingOf(adapter)).toMatchObject({ failure: "throttled", retryAfterMs: 1000 });
  expect(schedules()).toBe(1);
  clock.advance(1000);
  expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [entry] });
});

describe("a Graph that", () => {
  test.each<[string, Answer, string]>([
    ["answers 503", (_, response) => { json(response, "", 503); }, "throttled"],
    ["answers 403", (_, response) => { json(response, { error: { code: "ErrorAccessDenied", message: "QUARTZFALCON" } }, 403); }, "permission"],
    ["answers 404", (_, response) => { json(response, { error: { code: "Request_ResourceNotFound" } }, 404); }, "not-found"],
    ["answers 500 with garbage", (_, response) => { json(response, "<html>QUARTZFALCON", 500); }, "connection"],
    ["answers garbage", (_, response) => { json(response, "\u0000{{{"); }, "unreadable"],
    ["answers something else", (_, response) => { json(response, [1, null]); }, "unreadable"],
    ["answers half", (_, response) => { json(response, '{"value":[{"scheduleId":"alice@contoso.test","scheduleItems":['); }, "unreadable"],
    ["stops half way", (_, response) => { response.writeHead(200, { "content-length": "900" }); response.write('{"value":', () => response.socket?.destroy()); }, "connection"],
    ["is endless", (_, response) => { response.writeHead(200); const more = (): void => { response.write(" ".repeat(1 << 20), (error) => { if (error == null) more(); }); }; more(); }, "too-large"],
    ["sends us elsewhere", (_, response) => { json(response, "", 307, { location: "http://elsewhere.invalid/" }); }, "connection"],
  ])("%s", async (_, answer, failure) => {
    const { adapter } = await stage(answer);
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure });
  });
  test("is slow", async () => {
    const stood = await stage((_asked, _response) => {
      stood.clock.advance(5000);
    });
    expect(await readingOf(stood.adapter)).toMatchObject({ kind: "failure", failure: "timeout" });
  });
  test("is given up", async () => {
    const abort = new AbortController();
    const { adapter } = await stage(() => { abort.abort(); });
    expect(await readingOf(adapter, undefined, abort.signal)).toMatchObject({ kind: "failure", failure: "timeout" });
  });
  test("refuses the secret", async () => {
    const { adapter } = await stage(busy, { secret: "wrong" });
    expect(await readingOf(adapter)).toEqual({ kind: "failure", failure: "credentials", text: "the client secret is wrong (write its value, not its id)" });
  });
  test("is nobody's certificate", async () => {
    const pair = authority.issue("graph", "IP:127.0.0.1");
    const { adapter, server } = await stage(busy, {}, 3599, pair);
    expect(await readingOf(adapter)).toMatchObject({ failure: "certificate" });
    expect(server.seen).toHaveLength(0);
    const { adapter: trusting } = await stage(busy, { ca: authority.ca }, 3599, pair);
    expect(await readingOf(trusting)).toEqual({ kind: "entries", entries: [entry] });
  });
});

describe("a log-in server that", () => {
  const answers: [string, (response: ServerResponse) => void, unknown][] = [
    ["knows no such app", (response) => { json(response, { error: "unauthorized_client", error_description: `AADSTS700016: ${SECRET}`, error_codes: [700016] }, 400); }, { failure: "credentials", text: "the tenant knows no app with this client id" }],
    ["knows no such tenant", (response) => { json(response, { error: "invalid_request", error_codes: [90002] }, 400); }, { failure: "credentials", text: "there is no such tenant" }],
    ["says why in numbers that nobody knows", (response) => { json(response, { error: "x", error_codes: [42] }, 400); }, { failure: "credentials", text: expect.stringContaining("(AADSTS42)") as string }],
    ["says why in words", (response) => { json(response, { error: SECRET, error_codes: "QUARTZFALCON" }, 401); }, { failure: "credentials" }],
    ["is busy", (response) => { json(response, "", 429, { "retry-after": "9" }); }, { failure: "throttled", retryAfterMs: 9000 }],
    ["fails", (response) => { json(response, "QUARTZFALCON", 500); }, { failure: "throttled" }],
    ["is none", (response) => { json(response, "<html>QUARTZFALCON", 404); }, { failure: "connection" }],
    ["gives no token", (response) => { json(response, { token_type: "Bearer", expires_in: 3599 }); }, { failure: "unreadable" }],
    ["gives a token with line ends", (response) => { json(response, { access_token: "a\r\nx: y", expires_in: 3599 }); }, { failure: "unreadable" }],
    ["answers half", (response) => { json(response, '{"access_token":"tok'); }, { failure: "unreadable" }],
    ["answers garbage", (response) => { json(response, "\u0000&#x0;"); }, { failure: "unreadable" }],
    ["is endless", (response) => { response.writeHead(200); const more = (): void => { response.write(" ".repeat(1 << 20), (error) => { if (error == null) more(); }); }; more(); }, { failure: "too-large" }],
    ["stops half way", (response) => { response.writeHead(200, { "content-length": "900" }); response.write('{"acc', () => response.socket?.destroy()); }, { failure: "connection" }],
  ];
  test.each(answers)("%s", async (_, answer, expected) => {
    const login = await webServer((_seen, response) => {
      answer(response);
    });
    open.push(login);
    const { adapter, schedules } = await stage(busy, { loginUrl: login.url });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", ...(expected as object) });
    expect(schedules()).toBe(0);
  });
  test("sends us elsewhere does not make us tell the secret there", async () => {
    const elsewhere = await webServer((_, response) => { json(response, { access_token: "x" }); });
    const login = await webServer((_, response) => { json(response, "", 307, { location: `${elsewhere.url}/token` }); });
    open.push(elsewhere, login);
    const { adapter } = await stage(busy, { loginUrl: login.url });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "connection" });
    expect(elsewhere.seen).toHaveLength(0);
  });
  test("is not there", async () => {
    const { adapter } = await stage(busy, { loginUrl: "http://login.invalid" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "name" });
  });
});
