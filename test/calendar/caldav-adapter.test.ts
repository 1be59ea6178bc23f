import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { CaldavAdapter } from "../../src/calendar/caldav-adapter.ts";
import type { CaldavAccess } from "../../src/calendar/caldav-client.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { ACCOUNT, CALENDAR, davResource, davStandIn, eventText, HOME, multistatus, sayDav, type DavAnswer, type DavStandIn } from "./dav.ts";
import { webServer, type Seen } from "./web-server.ts";

const span = { from: Date.parse("2026-11-21T08:00:00Z"), to: Date.parse("2026-11-22T08:00:00Z") };
const entryAt = (start: string, end: string): unknown => ({ start: Date.parse(`2026-11-21T${start}:00Z`), end: Date.parse(`2026-11-21T${end}:00Z`), kind: "busy", hasAttendees: false, isPrivate: false });
const nine = { kind: "entries", entries: [entryAt("09:00", "10:00")] };
const busyAt = (...times: readonly (readonly [string, string])[]): unknown => ({ kind: "entries", entries: times.map(([start, end]) => entryAt(start, end)) });

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

interface Stage extends DavStandIn {
  readonly adapter: CaldavAdapter;
}

async function stage(answer?: DavAnswer, more: Partial<CaldavAccess> & { readonly path?: string } = {}, tls?: { readonly key: string; readonly cert: string }): Promise<Stage> {
  const stand = await davStandIn(answer, tls);
  open.push(stand.server);
  const { path = "/", ...access } = more;
  const adapter = new CaldavAdapter({ url: `${stand.server.url}${path}`, ...ACCOUNT, timeoutMs: 10_000, ...access }, "UTC", systemClock);
  open.push(adapter);
  return Object.assign(stand, { adapter });
}

async function readingOf(adapter: CaldavAdapter, { mailbox = "alice@office.test", signal = new AbortController().signal } = {}): Promise<unknown> {
  const reading = (await adapter.read([mailbox], span, signal)).get(mailbox);
  expect(JSON.stringify(reading)).not.toMatch(new RegExp(`${ACCOUNT.password}|${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64")}|QUARTZFALCON|ZEBRAROOM`));
  return reading;
}

const credentialsIn = (seen: readonly Seen[]): number => seen.filter(({ headers, body }) => headers.authorization !== undefined || body.includes(ACCOUNT.password)).length;

describe("what changed", () => {
  test("a change tag that stays the same means one request", async () => {
    const { adapter, asked } = await stage();
    expect(await readingOf(adapter)).toEqual(nine);
    asked.length = 0;
    expect(await readingOf(adapter)).toEqual(nine);
    expect(asked).toEqual([`PROPFIND ${HOME}`]);
  });

  test("a server without tags and tokens is asked for entity tags, and only for the texts of what is new", async () => {
    const bare = await stage((what, response) => what === `PROPFIND ${HOME}` && sayDav(response, multistatus(davResource(CALENDAR, "<d:resourcetype><c:calendar/></d:resourcetype>"))));
    expect(await readingOf(bare.adapter)).toEqual(nine);
    bare.asked.length = 0;
    bare.events.set("b.ics", { tag: '"b1"', text: eventText("110000", "120000") });
    expect(await readingOf(bare.adapter)).toEqual(busyAt(["09:00", "10:00"], ["11:00", "12:00"]));
    expect(bare.server.seen.at(-1)?.body).not.toContain("a.ics");
    expect(bare.asked).toEqual([`PROPFIND ${HOME}`, "REPORT calendar-query", "REPORT calendar-query", "REPORT calendar-multiget"]);
    bare.events.set("b.ics", { tag: '"b2"', text: eventText("110000", "113000") });
    expect(await readingOf(bare.adapter)).toEqual(busyAt(["09:00", "10:00"], ["11:00", "11:30"]));
    bare.events.delete("a.ics");
    expect(await readingOf(bare.adapter)).toEqual(busyAt(["11:00", "11:30"]));
  });

  test("a sync token that grew too old leads to a look at everything, in which only what is new is fetched", async () => {
    let token = 1;
    const stand = await stage((what, response) => {
      if (what === "REPORT sync-collection") return sayDav(response, '<d:error xmlns:d="DAV:"><d:valid-sync-token/></d:error>', 403);
      return what === `PROPFIND ${HOME}` && sayDav(response, multistatus(davResource(CALENDAR, `<d:resourcetype><c:calendar/></d:resourcetype><d:sync-token>urn:${String(token)}</d:sync-token>`)));
    });
    expect(await readingOf(stand.adapter)).toEqual(nine);
    token++;
    stand.asked.length = 0;
    stand.events.set("b.ics", { tag: '"b1"', text: eventText("110000", "120000") });
    expect(await readingOf(stand.adapter)).toEqual(busyAt(["09:00", "10:00"], ["11:00", "12:00"]));
    expect(stand.asked).toEqual([`PROPFIND ${HOME}`, "REPORT sync-collection", "REPORT calendar-query", "REPORT calendar-query", "REPORT calendar-multiget"]);
    expect(stand.server.seen.at(-1)?.body).not.toContain("a.ics");
  });

  test("changes that are told in part lead to a look at everything; a calendar that is told in part is not taken for a whole one", async () => {
    const partly = `<d:response><d:href>${CALENDAR}</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>`;
    let token = 1;
    let isPartial = false;
    const stand = await stage((what, response) => {
      if (what === "REPORT sync-collection" || (isPartial && what === "REPORT calendar-query")) return sayDav(response, multistatus(partly, davResource(`${CALENDAR}a.ics`, '<d:getetag>"1"</d:getetag>')));
      return what === `PROPFIND ${HOME}` && sayDav(response, multistatus(davResource(CALENDAR, `<d:resourcetype><c:calendar/></d:resourcetype><d:sync-token>urn:${String(token)}</d:sync-token>`)));
    });
    expect(await readingOf(stand.adapter)).toEqual(nine);
    token++;
    stand.events.set("b.ics", { tag: '"b1"', text: eventText("110000", "120000") });
    expect(await readingOf(stand.adapter)).toEqual(busyAt(["09:00", "10:00"], ["11:00", "12:00"]));
    token++;
    isPartial = true;
    expect(await readingOf(stand.adapter)).toMatchObject({ kind: "failure", failure: "too-large" });
  });

  test("what could not be read is asked for again, and a failure in between loses nothing", async () => {
    let isBroken = false;
    const stand = await stage((what, response) => isBroken && what === "REPORT calendar-multiget" && sayDav(response, "<d:multistatus"));
    expect(await readingOf(stand.adapter)).toEqual(nine);
    stand.properties = "<cs:getctag>2</cs:getctag>";
    stand.events.set("b.ics", { tag: '"b1"', text: eventText("110000", "120000") });
    isBroken = true;
    expect(await readingOf(stand.adapter)).toMatchObject({ kind: "failure", failure: "unreadable" });
    isBroken = false;
    expect(await readingOf(stand.adapter)).toEqual(busyAt(["09:00", "10:00"], ["11:00", "12:00"]));
  });
});

describe("which calendars count", () => {
  const listed = (properties: string): DavAnswer => (what, response) =>
    what === `PROPFIND ${HOME}` && sayDav(response, multistatus(davResource(HOME, "<d:resourcetype><d:collection/></d:resourcetype><d:owner><d:href>/people/alice</d:href></d:owner>"), davResource(CALENDAR, properties)));
  const type = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>";
  test.each([
    ["his own", `${type}<d:owner><d:href>/people/alice/</d:href></d:owner>`, true],
    ["his own, of events and tasks, that he shares", `<d:resourcetype><c:calendar/><cs:shared-owner/></d:resourcetype><c:supported-calendar-component-set><c:comp name="VTODO"/><c:comp name="VEVENT"/></c:supported-calendar-component-set><c:schedule-calendar-transp><c:opaque/></c:schedule-calendar-transp>`, true],
    ["a colleague's, by its owner", `${type}<d:owner><d:href>/people/bob/</d:href></d:owner>`, false],
    ["a colleague's, by its type", "<d:resourcetype><c:calendar/><cs:shared/></d:resourcetype>", false],
    ["one of tasks", `${type}<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>`, false],
    ["one that says nothing of his time", `${type}<c:schedule-calendar-transp><c:transparent/></c:schedule-calendar-transp>`, false],
    ["an address book", "<d:resourcetype><d:collection/></d:resourcetype>", false],
  ])("%s", async (_, properties, counts) => {
    const { adapter } = await stage(listed(properties));
    expect(await readingOf(adapter)).toEqual(counts ? nine : { kind: "failure", failure: "not-found", text: expect.stringContaining("shows no calendar of this person") as string });
  });
  test("one that the address names counts, whatever it is", async () => {
    const { adapter, server } = await stage((what, response) => what === `PROPFIND ${CALENDAR}` && sayDav(response, multistatus(davResource(CALENDAR, "<d:resourcetype><c:calendar/><cs:shared/></d:resourcetype>"))), { path: CALENDAR.replace(/[^/]+(?=.work.$)/, "{user}") });
    expect(await readingOf(adapter)).toEqual(nine);
    expect(server.seen.some(({ headers, method }) => method === "PROPFIND" && headers.depth === "1")).toBe(false);
  });
  test("too many calendars, too many events", { timeout: 60_000 }, async () => {
    const { adapter } = await stage((what, response) => what === `PROPFIND ${HOME}` && sayDav(response, multistatus(...Array.from({ length: 51 }, (_, index) => davResource(`${HOME}${String(index)}/`, type)))));
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "too-large" });
    const { adapter: other } = await stage((what, response) => what === "REPORT calendar-query" && sayDav(response, multistatus(...Array.from({ length: 5001 }, (_, index) => davResource(`${CALENDAR}${String(index)}`, "<d:getetag>1</d:getetag>")))));
    expect(await readingOf(other)).toMatchObject({ kind: "failure", failure: "too-large" });
  });
});

describe("a service account finds somebody", () => {
  test("by his mail address, and takes nobody whose address only resembles it", async () => {
    const person = (name: string): string => davResource(`/people/${name}/`, `<c:calendar-home-set><d:href>/cal/${name}/</d:href></c:calendar-home-set><c:calendar-user-address-set><d:href>mailto:${name}@OFFICE.test</d:href></c:calendar-user-address-set>`);
    const { adapter, asked } = await stage((what, response) => what === "REPORT principal-property-search" && sayDav(response, multistatus(person("malice"), person("alice"))), { path: "/" });
    // The account itself is called alice: as somebody else it has to search.
    expect(await readingOf(adapter, { mailbox: "alice@office.test" })).toEqual(nine);
    expect(asked).not.toContain("REPORT principal-property-search");
    const found = await readingOf(adapter, { mailbox: "malice@office.test" });
    expect(asked).toContain("REPORT principal-property-search");
    expect(asked.at(-1)).toBe("PROPFIND /cal/malice/");
    expect(found).toMatchObject({ kind: "failure", failure: "not-found" });
  });
  test("who is nowhere is said to be nowhere", async () => {
    const { adapter } = await stage();
    expect(await readingOf(adapter, { mailbox: "nobody@office.test" })).toMatchObject({ kind: "failure", failure: "not-found" });
  });
  test("whatever characters his name has", async () => {
    const { adapter, server } = await stage(undefined, { path: "/cal/{mailbox}/" });
    expect(await readingOf(adapter, { mailbox: "o'neil/../&sons<x>é@office.test" })).toMatchObject({ kind: "failure", failure: "not-found" });
    expect(server.seen.at(-1)?.path).toBe(`/cal/${encodeURIComponent("o'neil/../&sons<x>é@office.test")}/`);
  });
});

describe("events", () => {
  test.each([
    ["a reference that XML forbids, from a subject that was cut off", eventText("090000", "100000", "DESCRIPTION:cut&#x0;off&#8;"), nine],
    ["bytes that XML forbids", eventText("090000", "100000", "DESCRIPTION:cut\u0001off"), nine],
    ["a text in CDATA", `<![CDATA[${eventText("090000", "100000", "DESCRIPTION:a & b <c>")}]]>`, nine],
    ["letters of many scripts", eventText("090000", "100000", "DESCRIPTION:日本語 ñ 👩‍💻"), nine],
    ["garbage alone", "BEGIN:NOTHING", { kind: "failure", failure: "unreadable" }],
    ["half a text", eventText().slice(0, 120), { kind: "failure", failure: "unreadable" }],
  ])("%s", async (_, text, expected) => {
    const stand = await stage();
    stand.events.set("a.ics", { tag: '"1"', text });
    expect(await readingOf(stand.adapter)).toMatchObject(expected);
  });
  test("one that is garbage silences no other", async () => {
    const stand = await stage();
    stand.events.set("b.ics", { tag: '"b"', text: "BEGIN:VCALENDAR" });
    expect(await readingOf(stand.adapter)).toEqual(nine);
  });
  test("a server that cannot look for what repeats is asked by time alone", async () => {
    const stand = await stage((_, response, { body }) => body.includes("RRULE") && sayDav(response, "", 501));
    expect(await readingOf(stand.adapter)).toEqual(nine);
  });
  test("what repeats and was not found by time is fetched all the same", async () => {
    const text = eventText("090000", "100000", "RRULE:FREQ=WEEKLY").replace("20261121T09", "20240106T09").replace("20261121T10", "20240106T10");
    const repeating = await stage((what, response, { body }) => what === "REPORT calendar-query" && sayDav(response, multistatus(...(body.includes("RRULE") ? [davResource(`${CALENDAR}w.ics`, '<d:getetag>"w"</d:getetag>')] : []))));
    repeating.events.set("w.ics", { tag: '"w"', text });
    expect(await readingOf(repeating.adapter)).toEqual(nine);
  });
});

describe("where events may not be read", () => {
  const forbidden = (answer: DavAnswer): DavAnswer => (what, response, seen) => (what === "REPORT free-busy-query" ? answer(what, response, seen) : what.startsWith("REPORT") && sayDav(response, "", 403));
  const times = (text: string): DavAnswer => (_, response) => {
    response.writeHead(200, { "content-type": "text/calendar" }).end(text);
    return true;
  };
  test.each([
    ["busy times are taken", times("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VFREEBUSY\nFREEBUSY:20261121T090000Z/PT1H\nFREEBUSY;FBTYPE=FREE:20261121T100000Z/PT1H\nEND:VFREEBUSY\nEND:VCALENDAR"), nine],
    ["the permission is missing where those are forbidden too", (_: string, response: ServerResponse) => sayDav(response, "", 403), { kind: "failure", failure: "permission" }],
    ["the permission is missing where the answer is no calendar", times("QUARTZFALCON"), { kind: "failure", failure: "permission" }],
  ])("%s", async (_, answer, expected) => {
    const { adapter } = await stage(forbidden(answer));
    expect(await readingOf(adapter)).toMatchObject(expected);
  });
});

describe("signing in", () => {
  test("a wrong password", async () => {
    const { adapter } = await stage(undefined, { password: "wrong" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "credentials" });
  });
  test("a server that offers neither Basic nor Digest gets no password", async () => {
    const { adapter, server } = await stage((_, response) => {
      response.writeHead(401, { "www-authenticate": "Negotiate" }).end();
      return true;
    });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "credentials" });
    expect(credentialsIn(server.seen)).toBe(0);
  });
  test("who asks for Digest sends no password to a server that wants it plain", async () => {
    const { adapter, server } = await stage(undefined, { auth: "digest" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "credentials" });
    expect(credentialsIn(server.seen)).toBe(0);
  });
  test("Digest with a nonce that grows old", async () => {
    const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
    let nonce = 1;
    let uses = 0;
    const stand = await stage((_, response, seen) => {
      const written = seen.headers.authorization ?? "";
      const field = (name: string): string => new RegExp(`\\b${name}="?([^",]*)`).exec(written)?.[1] ?? "";
      const expected = md5(`${md5(`${ACCOUNT.username}:dav:${ACCOUNT.password}`)}:${String(nonce)}:${field("nc")}:${field("cnonce")}:auth:${md5(`${seen.method}:${seen.path}`)}`);
      const isGood = field("response") === expected && field("nonce") === String(nonce) && Number.parseInt(field("nc"), 16) === uses + 1;
      if (isGood && ++uses <= 2) {
        seen.headers.authorization = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64")}`;
        return false;
      }
      nonce++;
      uses = 0;
      response.writeHead(401, { "www-authenticate": `Digest realm="dav", nonce="${String(nonce)}", qop="auth,auth-int", stale=true, algorithm=MD5` }).end();
      return true;
    });
    expect(await readingOf(stand.adapter)).toEqual(nine);
    expect(await readingOf(stand.adapter)).toEqual(nine);
  });
  test("over TLS the authority has to be known and the name right, before anything is sent", async () => {
    const good = authority.issue("dav", "IP:127.0.0.1");
    const { adapter, server } = await stage(undefined, {}, good);
    expect(await readingOf(adapter)).toMatchObject({ failure: "certificate", text: expect.stringContaining("signed by nobody") as string });
    expect(server.seen).toHaveLength(0);
    const { adapter: misled, server: misnamed } = await stage(undefined, { ca: authority.ca }, authority.issue("dav", "DNS:other.test"));
    expect(await readingOf(misled)).toMatchObject({ failure: "certificate", text: expect.stringContaining("another name") as string });
    expect(misnamed.seen).toHaveLength(0);
    const { adapter: trusting } = await stage(undefined, { ca: authority.ca }, good);
    expect(await readingOf(trusting)).toEqual(nine);
  });
});

describe("elsewhere", () => {
  async function another(): Promise<{ readonly url: string; readonly host: string; readonly seen: readonly Seen[] }> {
    const other = await webServer((_, response) => response.writeHead(404).end());
    open.push(other);
    return { url: other.url, host: `127.0.0.1:${String(other.port)}`, seen: other.seen };
  }
  test.each([301, 302, 307, 308])("a redirect (%i) to another host is not followed", async (status) => {
    const other = await another();
    const { adapter } = await stage((_, response) => {
      response.writeHead(status, { location: `${other.url}/?secret=QUARTZFALCON` }).end();
      return true;
    });
    const reading = await readingOf(adapter);
    expect(reading).toMatchObject({ kind: "failure", failure: "connection" });
    expect(JSON.stringify(reading)).toContain(other.host);
    expect(other.seen).toHaveLength(0);
  });
  test.each([
    ["a principal", "PROPFIND /", (url: string) => davResource("/", `<d:current-user-principal><d:href>${url}/people/alice/</d:href></d:current-user-principal>`)],
    ["a home", "PROPFIND /people/alice/", (url: string) => davResource("/people/alice/", `<c:calendar-home-set><d:href>${url}/cal/</d:href></c:calendar-home-set>`)],
    ["a calendar", `PROPFIND ${HOME}`, (url: string) => davResource(`${url}/cal/desk/`, "<d:resourcetype><c:calendar/></d:resourcetype>")],
  ])("%s on another host is not asked", async (_, at, resource) => {
    const other = await another();
    const { adapter } = await stage((what, response) => what === at && sayDav(response, multistatus(resource(other.url))));
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure" });
    expect(other.seen).toHaveLength(0);
  });
  test("events on another host are not asked for", async () => {
    const other = await another();
    const { adapter } = await stage((what, response) => what === "REPORT calendar-query" && sayDav(response, multistatus(davResource(`${other.url}/x.ics`, "<d:getetag>1</d:getetag>"))));
    expect(await readingOf(adapter)).toEqual({ kind: "entries", entries: [] });
    expect(other.seen).toHaveLength(0);
  });
  test("a redirect on the same host is followed, and never in circles", async () => {
    const { adapter } = await stage((what, response) => {
      if (what !== "PROPFIND /") return false;
      response.writeHead(301, { location: "/people/alice/" }).end();
      return true;
    });
    expect(await readingOf(adapter)).toEqual(nine);
    const { adapter: circling, server } = await stage((_, response) => {
      response.writeHead(302, { location: "/again" }).end();
      return true;
    });
    expect(await readingOf(circling)).toMatchObject({ kind: "failure", failure: "connection", text: expect.stringContaining("circles") as string });
    expect(server.seen.length).toBeLessThan(20);
  });
  test("the well-known address is tried when the root of the host is no CalDAV server", async () => {
    const { adapter } = await stage((what, response) => {
      if (what === "PROPFIND /") response.writeHead(405).end("<html>");
      else if (what === "PROPFIND /.well-known/caldav") response.writeHead(301, { location: HOME.replace(HOME, "/people/alice/") }).end();
      else return false;
      return true;
    });
    expect(await readingOf(adapter)).toEqual(nine);
  });
});

describe("a server that", () => {
  const table: [string, (response: ServerResponse) => void, string, Partial<CaldavAccess>?][] = [
    ["answers 403", (response) => response.writeHead(403).end("QUARTZFALCON"), "permission"],
    ["answers 404", (response) => response.writeHead(404).end(), "not-found"],
    ["answers 429", (response) => response.writeHead(429, { "retry-after": "7" }).end(), "throttled"],
    ["answers 500", (response) => response.writeHead(500).end("QUARTZFALCON"), "connection"],
    ["answers 503", (response) => response.writeHead(503, { "retry-after": "7" }).end(), "throttled"],
    ["answers 507", (response) => response.writeHead(507).end(), "too-large"],
    ["is a log-in page", (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html><body>QUARTZFALCON</body></html>"), "unreadable"],
    ["answers garbage", (response) => response.writeHead(207).end("\u0000\u0003<multistatus <<<"), "unreadable"],
    ["answers nothing", (response) => response.writeHead(207).end(), "unreadable"],
    ["defines entities", (response) => response.writeHead(207).end('<!DOCTYPE a [<!ENTITY b "bb">]><d:multistatus xmlns:d="DAV:">&b;</d:multistatus>'), "unreadable"],
    ["ends too early", (response) => response.writeHead(207).end(multistatus(davResource(HOME, "")).slice(0, 200)), "unreadable"],
    ["stops half way", (response) => {
      response.writeHead(207, { "content-length": "5000" });
      response.write(multistatus(davResource(HOME, "")).slice(0, 200), () => response.socket?.destroy());
    }, "connection"],
    ["never ends", (response) => response.writeHead(207).write("<d:multistatus"), "timeout", { timeoutMs: 300 }],
    ["never begins", () => undefined, "timeout", { timeoutMs: 300 }],
    ["is endless", (response) => {
      response.writeHead(207);
      const more = (): void => {
        response.write(" ".repeat(1 << 20), (error) => {
          if (error == null) more();
        });
      };
      more();
    }, "too-large"],
  ];
  describe.each([
    ["at first", /^PROPFIND/],
    ["when its calendars are listed", new RegExp(`^PROPFIND ${HOME}$`)],
    ["when its events are asked for", /^REPORT calendar-query$/],
  ])("%s", (_when, place) => {
    test.each(table)("%s", async (_name, respond, failure, more = {}) => {
      const { adapter } = await stage((what, response) => {
        const isMeant = place.test(what);
        if (isMeant) respond(response);
        return isMeant;
      }, more);
      const reading = await readingOf(adapter);
      expect(reading).toMatchObject({ kind: "failure", failure });
      if (failure === "throttled") expect(reading).toMatchObject({ retryAfterMs: 7000 });
    });
  });
  test("is not there", async () => {
    const { adapter, server } = await stage();
    await server.close();
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "connection" });
  });
  test("has no name", async () => {
    const { adapter } = await stage(undefined, { url: "http://calendars.invalid/" });
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "name" });
  });
  test("is given up", async () => {
    const abort = new AbortController();
    const { adapter } = await stage(() => {
      abort.abort();
      return true;
    });
    expect(await readingOf(adapter, { signal: abort.signal })).toMatchObject({ kind: "failure", failure: "timeout" });
  });
});
