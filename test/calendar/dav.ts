import type { ServerResponse } from "node:http";
import { webServer, type Seen, type WebServer } from "./web-server.ts";

// A CalDAV server that a test can make do what real ones do on bad days. Real ones, radicale and xandikos, are met in test/interop.

export const ACCOUNT = { username: "alice", password: "alice-Pw-93511" };
export const HOME = "/cal/alice/";
export const CALENDAR = "/cal/alice/desk/";

/** Answers a request, or leaves it to the stand-in by returning false. `what`: `PROPFIND /cal/alice/` or `REPORT calendar-query`. */
export type DavAnswer = (what: string, response: ServerResponse, seen: Seen) => boolean;

export interface DavStandIn {
  /** By name: `a.ics`. `tag` is its entity tag. */
  readonly events: Map<string, { readonly tag: string; readonly text: string }>;
  /** Properties of the calendar, as XML. */
  properties: string;
  /** Requests that were signed in: as `what` of DavAnswer. */
  readonly asked: string[];
  readonly server: WebServer;
}

export const declared = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/"';
const calendarType = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>";

/** One response of a multistatus. */
export function davResource(href: string, properties: string): string {
  return `<d:response><d:href>${href}</d:href><d:propstat><d:prop>${properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`;
}

export function multistatus(...resources: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?><d:multistatus ${declared}>${resources.join("")}</d:multistatus>`;
}

export function sayDav(response: ServerResponse, body: string, status = 207): true {
  response.writeHead(status, { "content-type": "application/xml; charset=utf-8" }).end(body);
  return true;
}

/** An event of the 21st of November 2026 in UTC, with words that nobody may see. */
export function eventText(start = "090000", end = "100000", ...more: readonly string[]): string {
  return ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", `UID:${start}`, "DTSTAMP:20261101T000000Z", `DTSTART:20261121T${start}Z`, `DTEND:20261121T${end}Z`, "SUMMARY:QUARTZFALCON", "LOCATION:ZEBRAROOM", ...more, "END:VEVENT", "END:VCALENDAR"].join("\n");
}

/** Listens with one calendar that has one event; `answer` goes before what it would do by itself. */
export async function davStandIn(answer: DavAnswer = () => false, tls?: { readonly key: string; readonly cert: string }): Promise<DavStandIn> {
  const stand: Omit<DavStandIn, "server"> = { events: new Map([["a.ics", { tag: '"1"', text: eventText() }]]), properties: "<cs:getctag>1</cs:getctag>", asked: [] };
  const password = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64")}`;
  const server = await webServer((seen, response) => {
    const what = seen.method === "PROPFIND" ? `PROPFIND ${seen.path}` : `REPORT ${/<\w+:([\w-]+)/.exec(seen.body)?.[1] ?? ""}`;
    if (seen.headers.authorization === password) stand.asked.push(what);
    if (answer(what, response, seen)) return;
    if (seen.headers.authorization !== password) response.writeHead(401, { "www-authenticate": 'Basic realm="dav"' }).end();
    else ordinary(stand, seen, response);
  }, tls);
  return Object.assign(stand, { server });
}

function ordinary({ events, properties }: Omit<DavStandIn, "server">, { method, path, body, headers }: Seen, response: ServerResponse): void {
  const calendar = davResource(CALENDAR, `${calendarType}${properties}`);
  if (method === "PROPFIND") {
    if (path === "/") sayDav(response, multistatus(davResource("/", "<d:current-user-principal><d:href>/people/alice/</d:href></d:current-user-principal>")));
    else if (path === "/people/alice/") sayDav(response, multistatus(davResource(path, `<c:calendar-home-set><d:href>${HOME}</d:href></c:calendar-home-set>`)));
    else if (path === HOME) sayDav(response, multistatus(davResource(HOME, "<d:resourcetype><d:collection/></d:resourcetype>"), ...(headers.depth === "1" ? [calendar] : [])));
    else if (path === CALENDAR) sayDav(response, multistatus(calendar));
    else response.writeHead(404).end();
    return;
  }
  const tagged = (name: string, more = ""): string => davResource(`${CALENDAR}${name}`, `<d:getetag>${events.get(name)?.tag ?? ""}</d:getetag>${more}`);
  if (body.includes("calendar-multiget")) {
    const wanted = [...body.matchAll(/<d:href>[^<]*\/([^/<]+)<\/d:href>/g)].map(([, name = ""]) => name);
    sayDav(response, multistatus(...wanted.map((name) => tagged(name, `<c:calendar-data>${events.get(name)?.text ?? ""}</c:calendar-data>`))));
  } else if (body.includes("calendar-query")) sayDav(response, multistatus(...(body.includes("RRULE") ? [] : [...events.keys()].map((name) => tagged(name)))));
  else response.writeHead(501).end();
}
