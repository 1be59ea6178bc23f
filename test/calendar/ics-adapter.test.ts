import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { CalendarAdapter, Reading } from "../../src/calendar/adapter.ts";
import { icsAdapter } from "../../src/calendar/ics-adapter.ts";
import type { CalendarConfig } from "../../src/config/calendars-schema.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { webServer, type Seen, type WebServer } from "./web-server.ts";

const NOW = Date.UTC(2026, 2, 2, 9);
const SPAN = { from: NOW, to: NOW + 86_400_000 };
const clock: Clock = { now: () => NOW, after: (delayMs, run) => systemClock.after(delayMs, run) };
const ENTRY = { start: NOW, end: NOW + 3_600_000, kind: "busy", hasAttendees: false, isPrivate: false };
const TEXT = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:QUARTZFALCON\r\nDTSTART:20260302T090000Z\r\nDTEND:20260302T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

const config = (more: Partial<CalendarConfig>): CalendarConfig => ({
  kind: "ics", name: "ics", url: "", loginUrl: "", users: "all", pollMs: 60_000, timeoutMs: 20_000, as: null, zone: null, ca: null, authentication: "auto", username: null, password: null, tenant: null, clientId: null, secret: null, ...more,
});

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

function adapterOf(more: Partial<CalendarConfig>): CalendarAdapter {
  const adapter = icsAdapter({ calendar: config(more), zone: "Europe/Brussels", clock });
  open.push(adapter);
  return adapter;
}

async function serverOf(answer: (seen: Seen, response: ServerResponse) => void, tls?: { readonly key: string; readonly cert: string }): Promise<WebServer> {
  const server = await webServer(answer, tls);
  open.push(server);
  return server;
}

async function read(adapter: CalendarAdapter, mailbox = "", signal = new AbortController().signal): Promise<Reading | undefined> {
  return (await adapter.read([mailbox], SPAN, signal)).get(mailbox);
}

const spoke = { kind: "entries", entries: [ENTRY] };

describe("a calendar on a web server", () => {
  test("is fetched whole once; then the server is asked by its entity tag and date whether it is still the same", async () => {
    let tag = '"1"';
    const server = await serverOf((seen, response) => {
      if (seen.headers["if-none-match"] === tag) response.writeHead(304).end();
      else response.writeHead(200, { "content-type": "text/calendar", etag: tag, "last-modified": "Mon, 02 Mar 2026 08:00:00 GMT" }).end(tag === '"1"' ? TEXT : TEXT.replace("T100000Z", "T110000Z"));
    });
    const adapter = adapterOf({ url: `${server.url}/a.ics` });
    expect(await read(adapter)).toEqual(spoke);
    expect(await read(adapter)).toEqual(spoke);
    expect(server.seen.map(({ headers }) => [headers["if-none-match"], headers["if-modified-since"]])).toEqual([[undefined, undefined], ['"1"', "Mon, 02 Mar 2026 08:00:00 GMT"]]);
    tag = '"2"';
    expect(await read(adapter)).toEqual({ kind: "entries", entries: [{ ...ENTRY, end: NOW + 2 * 3_600_000 }] });
  });

  test("what could not be read is asked for whole again, and a 304 to nothing is a failure", async () => {
    let body = "<html>";
    const server = await serverOf((_, response) => response.writeHead(200, { etag: '"1"' }).end(body));
    const adapter = adapterOf({ url: `${server.url}/a.ics` });
    expect(await read(adapter)).toMatchObject({ kind: "failure", failure: "unreadable" });
    body = TEXT;
    expect(await read(adapter)).toEqual(spoke);
    expect(server.seen[1]?.headers["if-none-match"]).toBeUndefined();
    const odd = await serverOf((_, response) => response.writeHead(304).end());
    expect(await read(adapterOf({ url: `${odd.url}/a.ics` }))).toMatchObject({ kind: "failure" });
  });

  test("from a server that does not say whether it is still the same, it is read again only when it is another", async () => {
    let body = TEXT;
    const server = await serverOf((_, response) => response.writeHead(200).end(body));
    const adapter = adapterOf({ url: server.url });
    for (let times = 0; times < 3; times++) expect(await read(adapter)).toEqual(spoke);
    body = TEXT.replace("T100000Z", "T110000Z");
    expect(await read(adapter)).toEqual({ kind: "entries", entries: [{ ...ENTRY, end: NOW + 2 * 3_600_000 }] });
  });

  test("is asked for each mailbox by itself, and one that fails hurts no other", async () => {
    const server = await serverOf((seen, response) => response.writeHead(seen.path === "/alice%40office.test/basic.ics" ? 200 : 404).end(TEXT));
    const adapter = adapterOf({ url: `${server.url}/{mailbox}/basic.ics` });
    expect(await read(adapter, "alice@office.test")).toEqual(spoke);
    expect(await read(adapter, "../../secret")).toMatchObject({ failure: "not-found" });
    expect(server.seen.map(({ path }) => path)).toEqual(["/alice%40office.test/basic.ics", "/..%2F..%2Fsecret/basic.ics"]);
  });

  test("comes packed", async () => {
    const server = await serverOf((seen, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(seen.headers["accept-encoding"]?.includes("gzip") === true ? gzipSync(TEXT) : "not asked for"));
    expect(await read(adapterOf({ url: server.url }))).toEqual(spoke);
  });

  test("redirects are followed, and another host is told no password", async () => {
    const other = await serverOf((_, response) => response.writeHead(200).end(TEXT));
    const server = await serverOf((seen, response) => {
      if (seen.path === "/a") response.writeHead(301, { location: "/b" }).end();
      else response.writeHead(302, { location: `http://mallory:pw@127.0.0.1:${String(other.port)}/c` }).end();
    });
    expect(await read(adapterOf({ url: `${server.url}/a`, username: "svc", password: "pässword" }))).toEqual(spoke);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill(`Basic ${Buffer.from("svc:pässword").toString("base64")}`));
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("a private authority is trusted where it is named, and a certificate of another name never", async () => {
    const good = await serverOf((_, response) => response.writeHead(200).end(TEXT), authority.issue("localhost", "IP:127.0.0.1"));
    const wrong = await serverOf((_, response) => response.writeHead(200).end(TEXT), authority.issue("mail.test", "DNS:mail.test"));
    expect(await read(adapterOf({ url: good.url, ca: authority.ca }))).toEqual(spoke);
    expect(await read(adapterOf({ url: good.url }))).toMatchObject({ failure: "certificate" });
    expect(await read(adapterOf({ url: wrong.url, ca: authority.ca }))).toMatchObject({ failure: "certificate" });
    expect([good.seen.length, wrong.seen.length]).toEqual([1, 0]);
  });

  const HOST = /127\.0\.0\.1:\d+/;
  test.each<[string, string, RegExp, (seen: Seen, response: ServerResponse) => void]>([
    ["a wrong password", "credentials", /does not accept the user name or the password/, (_, response) => response.writeHead(401, { "www-authenticate": "Basic" }).end("QUARTZFALCON")],
    ["no permission", "permission", /does not let us read/, (_, response) => response.writeHead(403).end()],
    ["no calendar", "not-found", /no calendar at this address/, (_, response) => response.writeHead(404).end()],
    ["a calendar that is gone", "not-found", /no calendar at this address/, (_, response) => response.writeHead(410).end()],
    ["too many requests", "throttled", /less often/, (_, response) => response.writeHead(429, { "retry-after": "120" }).end()],
    ["a server that is not there for a while", "throttled", /less often/, (_, response) => response.writeHead(503, { "retry-after": "120" }).end()],
    ["a server that has failed", "connection", /answered 500/, (_, response) => response.writeHead(500).end()],
    ["a redirect that goes round", "connection", /more than 5 times/, (_, response) => response.writeHead(302, { location: "/again" }).end()],
    ["a redirect to a file", "connection", /an address that is none/, (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end()],
    ["a redirect to nothing", "connection", /an address that is none/, (_, response) => response.writeHead(302, { location: "http://" }).end()],
    ["a page", "unreadable", /no calendar in iCalendar format/, (_, response) => response.writeHead(200).end("<!DOCTYPE html><p>QUARTZFALCON &#x0; sign in")],
    ["NUL alone", "unreadable", /no calendar/, (_, response) => response.writeHead(200).end("\0".repeat(5000))],
    ["half a calendar", "unreadable", /cut off/, (_, response) => response.writeHead(200).end(TEXT.slice(0, 120))],
    ["a calendar cut off between two events", "unreadable", /cut off/, (_, response) => response.writeHead(200).end(TEXT.replace("END:VCALENDAR\r\n", ""))],
    ["a calendar cut off before an event", "unreadable", /cut off/, (_, response) => response.writeHead(200).end(TEXT.replace("END:VCALENDAR\r\n", "BEGIN:VEV"))],
    ["half an answer", "connection", /closed the connection/, (_, response) => { response.writeHead(200, { "content-length": "9999" }); response.write(TEXT); setImmediate(() => response.destroy()); }],
    ["a damaged package", "unreadable", /cannot be unpacked/, (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(TEXT).subarray(0, 60))],
    ["a package of another kind", "unreadable", /cannot be unpacked/, (_, response) => response.writeHead(200, { "content-encoding": "br" }).end("x")],
    ["a bomb", "unreadable", /larger than 32 MB/, (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(100 << 20)))],
    ["silence", "timeout", /within 1 s/, () => undefined],
    ["an answer that drips", "timeout", /within 1 s/, (_, response) => { response.writeHead(200); const drip = setInterval(() => response.write("B"), 100); response.on("close", () => { clearInterval(drip); }); }],
  ])("%s", async (_, failure, text, answer) => {
    const server = await serverOf(answer);
    const reading = await read(adapterOf({ url: `${server.url}/a-secret-address.ics`, timeoutMs: failure === "timeout" ? 1000 : 20_000 }));
    expect(reading).toMatchObject({ kind: "failure", failure, text: expect.stringMatching(text) as unknown });
    expect(reading).toMatchObject({ text: expect.not.stringMatching(/secret-address|QUARTZFALCON/) as unknown });
    if (failure === "throttled") expect(reading).toMatchObject({ retryAfterMs: 120_000, text: expect.stringMatching(HOST) as unknown });
  });

  test("an endless answer is cut off", async () => {
    let sent = 0;
    const server = await serverOf((_, response) => {
      response.writeHead(200);
      const part = Buffer.alloc(1 << 20, "x");
      const more = (): void => {
        while (!response.destroyed && response.write(part)) sent++;
        sent++;
        response.once("drain", more);
      };
      more();
    });
    expect(await read(adapterOf({ url: server.url }))).toMatchObject({ failure: "too-large" });
    expect(sent).toBeLessThan(200);
  });

  test("a server that is not there, and a name that nobody knows", async () => {
    const server = await webServer(() => undefined);
    await server.close();
    expect(await read(adapterOf({ url: server.url }))).toMatchObject({ failure: "connection", text: expect.stringMatching(/refuses connections/) as unknown });
    expect(["name", "timeout"]).toContain(((await read(adapterOf({ url: "http://calendar.invalid/", timeoutMs: 5000 }))) as { failure?: string }).failure);
  });

  test("who gives up waits no longer", async () => {
    const server = await serverOf(() => undefined);
    const ended = new AbortController();
    const reading = read(adapterOf({ url: server.url, timeoutMs: 600_000 }), "", ended.signal);
    ended.abort();
    expect(await reading).toMatchObject({ failure: "timeout" });
  });
});

describe("a calendar in a file", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  function folderOf(files: Readonly<Record<string, string>>): string {
    const folder = mkdtempSync(join(tmpdir(), "lamplight-ics-"));
    folders.push(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  }

  test("is read, and read again when it changed", async () => {
    const folder = folderOf({ "a.ics": TEXT });
    const adapter = adapterOf({ url: pathToFileURL(join(folder, "a.ics")).href });
    expect(await read(adapter)).toEqual(spoke);
    writeFileSync(join(folder, "a.ics"), `${TEXT.replace("T100000Z", "T110000Z")}\r\n`);
    expect(await read(adapter)).toEqual({ kind: "entries", entries: [{ ...ENTRY, end: NOW + 2 * 3_600_000 }] });
  });

  test("its folder is watched: a change is told", async () => {
    const folder = folderOf({ "a.ics": TEXT });
    const adapter = adapterOf({ url: pathToFileURL(join(folder, "a.ics")).href });
    let hints = 0;
    adapter.watch?.(() => hints++, [], () => undefined);
    writeFileSync(join(folder, "b.ics"), TEXT);
    await expect.poll(() => hints, { timeout: 10_000 }).toBeGreaterThan(0);
  });

  test.each<[string, string, RegExp]>([
    ["missing.ics", "not-found", /is not there/],
    ["folder.ics", "unreadable", /is a folder/],
    ["half.ics", "unreadable", /cut off/],
    ["noise.ics", "unreadable", /no calendar/],
    ["empty.ics", "unreadable", /no calendar/],
  ])("%s", async (name, failure, text) => {
    const folder = folderOf({ "half.ics": TEXT.slice(0, 120), "noise.ics": "\u0001\u0000&#x0;", "empty.ics": "" });
    mkdirSync(join(folder, "folder.ics"));
    expect(await read(adapterOf({ url: pathToFileURL(join(folder, name)).href }))).toMatchObject({ kind: "failure", failure, text: expect.stringMatching(text) as unknown });
  });

  test("one that may not be read", async () => {
    const folder = folderOf({ "a.ics": TEXT });
    chmodSync(folder, 0o755);
    chmodSync(join(folder, "a.ics"), 0);
    // The superuser may read everything: he is nobody for a moment.
    const isSuper = process.geteuid?.() === 0;
    if (isSuper) process.seteuid?.(65_534);
    try {
      expect(await read(adapterOf({ url: pathToFileURL(join(folder, "a.ics")).href }))).toMatchObject({ failure: "permission" });
    } finally {
      if (isSuper) process.seteuid?.(0);
    }
  });

  test("a mailbox's name is no way out of the folder", async () => {
    const folder = folderOf({ "a.ics": TEXT });
    const adapter = adapterOf({ url: `${pathToFileURL(join(folder, "people")).href}/{mailbox}.ics` });
    expect(await read(adapter, "../a")).toMatchObject({ failure: "not-found" });
  });
});
