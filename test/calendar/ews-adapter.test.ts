import { X509Certificate } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { EwsAdapter } from "../../src/calendar/ews-adapter.ts";
import type { EwsAccess } from "../../src/calendar/ews-transport.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { ACCOUNT, askedFor, availabilityAnswer, exchange, mailboxAnswer, refusedMailbox, say, soapFault, type ExchangeSettings } from "./exchange.ts";
import { webServer, type WebServer } from "./web-server.ts";

const span = { from: Date.parse("2026-11-21T08:00:00Z"), to: Date.parse("2026-11-22T08:00:00Z") };
const event = { start: "2026-11-21T09:00:00", end: "2026-11-21T10:00:00", meeting: true };
const entry = { start: Date.parse("2026-11-21T09:00:00Z"), end: Date.parse("2026-11-21T10:00:00Z"), kind: "busy", hasAttendees: true, isPrivate: false };

let authority: TestAuthority;
let pair: { readonly key: string; readonly cert: string };
let wrongName: { readonly key: string; readonly cert: string };
beforeAll(() => {
  authority = testAuthority();
  pair = authority.issue("mail.test", "IP:127.0.0.1");
  wrongName = authority.issue("mail.test", "DNS:other.test");
});
afterAll(() => {
  authority.remove();
});
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function stage(settings: ExchangeSettings, more: Partial<EwsAccess> = {}): Promise<{ readonly adapter: EwsAdapter; readonly server: WebServer }> {
  const server = await exchange(settings);
  open.push(server);
  const adapter = new EwsAdapter({ url: `${server.url}/EWS/Exchange.asmx`, username: `${ACCOUNT.domain}\\${ACCOUNT.user}`, password: ACCOUNT.password, timeoutMs: 5000, ...more }, systemClock);
  open.push(adapter);
  return { adapter, server };
}

async function readingOf(adapter: EwsAdapter, signal = new AbortController().signal): Promise<unknown> {
  const reading = (await adapter.read(["alice@mail.test"], span, signal)).get("alice@mail.test");
  expect(JSON.stringify(reading)).not.toMatch(new RegExp(`${ACCOUNT.password}|${Buffer.from(ACCOUNT.password).toString("base64")}|QUARTZFALCON|ZEBRAROOM`));
  return reading;
}

const busy: ExchangeSettings["answer"] = (soap, response) => {
  say(response, availabilityAnswer(...askedFor(soap).map(() => mailboxAnswer([event]))));
};

describe("signing in", () => {
  test.each(["basic", "ntlm"] as const)("with %s, found out by itself", async (scheme) => {
    const { adapter, server } = await stage({ scheme, answer: busy });
    expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [entry] });
    expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [entry] });
    // The way is asked for once.
    expect(server.seen.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(1);
  });
  test.each(["basic", "ntlm"] as const)("with %s and a wrong password", async (scheme) => {
    const { adapter } = await stage({ scheme, answer: busy }, { password: "wrong" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "credentials" });
  });
  test("with NTLM over TLS of a private authority, bound to the channel as Extended Protection wants it", async () => {
    const { adapter } = await stage({ scheme: "ntlm", tls: pair, certificate: new X509Certificate(pair.cert).raw, answer: busy }, { ca: authority.ca });
    expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [entry] });
  });
  test("with NTLM where something else's certificate is bound", async () => {
    const { adapter } = await stage({ scheme: "ntlm", tls: pair, certificate: new X509Certificate(wrongName.cert).raw, answer: busy }, { ca: authority.ca });
    const reading = await readingOf(adapter);
    expect(reading).toMatchObject({ kind: "failure", failure: "credentials" });
    expect(JSON.stringify(reading)).toContain("Extended Protection");
  });
});

test.each([
  ["garbage", "AAAA"],
  ["what is no base64", "%%%"],
  ["its own first message again", Buffer.from("NTLMSSP\0\u0001\0\0\0").toString("base64")],
  ["a challenge of NTLMv1", Buffer.concat([Buffer.from("NTLMSSP\0\u0002\0\0\0", "latin1"), Buffer.alloc(44)]).toString("base64")],
  ["a challenge that is cut off", Buffer.concat([Buffer.from("NTLMSSP\0\u0002\0\0\0", "latin1"), Buffer.alloc(28), Buffer.from([8, 0, 8, 0, 56, 0, 0, 0]), Buffer.alloc(8), Buffer.from([2, 0, 99, 0])]).toString("base64")],
  ["nothing", ""],
])("an Exchange whose NTLM is %s", async (_, token) => {
  const server = await webServer((_seen, response) => response.writeHead(401, { "www-authenticate": `NTLM ${token}`.trim() }).end());
  open.push(server);
  const adapter = new EwsAdapter({ url: `${server.url}/EWS/Exchange.asmx`, username: `${ACCOUNT.domain}\\${ACCOUNT.user}`, password: ACCOUNT.password, timeoutMs: 5000 }, systemClock);
  open.push(adapter);
  expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "credentials" });
});

test("an unknown authority and a certificate for another name are named as such, and nothing is sent", async () => {
  const { adapter, server } = await stage({ scheme: "basic", tls: pair, answer: busy });
  expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "certificate", text: expect.stringContaining("signed by nobody that is trusted here") as string });
  const { adapter: other } = await stage({ scheme: "basic", tls: wrongName, answer: busy }, { ca: authority.ca });
  expect(await readingOf(other)).toMatchObject({ kind: "failure", failure: "certificate", text: expect.stringContaining("for another name") as string });
  expect(server.seen).toHaveLength(0);
});

test("a hundred mailboxes are one request, and one that is refused hurts no other", async () => {
  const { adapter, server } = await stage({ scheme: "basic", answer: (soap, response) => {
    say(response, availabilityAnswer(...askedFor(soap).map((address) => (address.startsWith("u7@") ? refusedMailbox("ErrorMailRecipientNotFound") : mailboxAnswer([event])))));
  } }, { auth: "basic" });
  const mailboxes = Array.from({ length: 100 }, (_, index) => `u${String(index)}@mail.test`);
  const readings = await adapter.read(mailboxes, span, new AbortController().signal);
  expect(server.seen).toHaveLength(1);
  expect([...readings.keys()]).toEqual(mailboxes);
  expect(readings.get("u7@mail.test")).toEqual({ kind: "failure", failure: "not-found", text: "Exchange knows no such mailbox" });
  expect([...readings.values()].filter(({ kind }) => kind === "entries")).toHaveLength(99);
});

test("addresses stay what they are, whatever characters they have", async () => {
  const address = "jörg.o'neil&sons</t:Address><x>@mail.test";
  const { adapter, server } = await stage({ scheme: "basic", answer: (_, response) => {
    say(response, availabilityAnswer(mailboxAnswer([event])));
  } });
  expect((await adapter.read([address], span, new AbortController().signal)).get(address)).toMatchObject({ kind: "entries" });
  expect(server.seen.at(-1)?.body).toContain("jörg.o&apos;neil&amp;sons&lt;/t:Address&gt;&lt;x&gt;@mail.test");
});

describe("an Exchange that", () => {
  test.each<[string, ExchangeSettings["answer"], string, Partial<EwsAccess>?]>([
    ["is busy", (_, response) => { say(response, soapFault("ErrorServerBusy", '<t:Value Name="BackOffMilliseconds">5000</t:Value>'), 500); }, "throttled"],
    ["answers 503", (_, response) => { say(response, "busy", 503, { "retry-after": "7" }); }, "throttled"],
    ["answers 403", (_, response) => { say(response, "", 403); }, "permission"],
    ["answers 404", (_, response) => { say(response, "", 404); }, "not-found"],
    ["is a log-in page", (_, response) => { say(response, "<html>QUARTZFALCON</html>"); }, "unreadable"],
    ["answers garbage", (_, response) => { say(response, "\u0000\u0003<Envelope <<<"); }, "unreadable"],
    ["stops half way", (_, response) => { response.writeHead(200, { "content-length": "5000" }); response.write(availabilityAnswer(mailboxAnswer([event])).slice(0, 600), () => response.socket?.destroy()); }, "connection"],
    ["ends too early", (_, response) => { say(response, availabilityAnswer(mailboxAnswer([event])).slice(0, 600)); }, "unreadable"],
    ["never ends", (_, response) => { response.writeHead(200).write("<s:Envelope"); }, "timeout", { timeoutMs: 300 }],
    ["never begins", () => undefined, "timeout", { timeoutMs: 300 }],
    ["is endless", (_, response) => { response.writeHead(200); const more = (): void => { response.write("x".repeat(1 << 20), (error) => { if (error == null) more(); }); }; more(); }, "too-large"],
  ])("%s", async (_, answer, failure, more = {}) => {
    const { adapter } = await stage({ scheme: "basic", answer }, more);
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure });
  });
  test("is not there", async () => {
    const { adapter, server } = await stage({ scheme: "basic", answer: busy });
    await server.close();
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "connection" });
  });
  test("has no name", async () => {
    const { adapter } = await stage({ scheme: "basic", answer: busy }, { url: "http://exchange.invalid/EWS/Exchange.asmx" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "name" });
  });
  test("sends us elsewhere gets our password, and the other place does not", async () => {
    const elsewhere = await exchange({ scheme: "basic", answer: busy });
    open.push(elsewhere);
    const { adapter } = await stage({ scheme: "basic", answer: (_, response) => { say(response, "", 302, { location: `${elsewhere.url}/EWS/Exchange.asmx?token=x` }); } });
    const reading = await readingOf(adapter);
    expect(reading).toMatchObject({ kind: "failure", failure: "connection" });
    expect(JSON.stringify(reading)).toContain(`to 127.0.0.1:${String(elsewhere.port)};`);
    expect(elsewhere.seen).toHaveLength(0);
  });
});

test("a reading that is given up ends at once", async () => {
  const abort = new AbortController();
  const { adapter } = await stage({ scheme: "basic", answer: () => { abort.abort(); } });
  expect(await readingOf(adapter, abort.signal)).toMatchObject({ kind: "failure", failure: "timeout" });
});
