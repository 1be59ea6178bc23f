import { bodyOf } from "./web-client.ts";
import { descendants } from "./xml-repair.ts";
import type { CaldavClient } from "./caldav-client.ts";
import { plainPath, principalSearch, propfind, readMultistatus, type DavMultistatus, type DavResource } from "./caldav-xml.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";

/** A calendar, and by what it shows that it has changed. */
export interface FoundCalendar {
  readonly url: URL;
  /** Changes whenever anything in the calendar does; null when the server has no such thing. */
  readonly changeTag: string | null;
  /** For `sync-collection`; null when the server has none. */
  readonly syncToken: string | null;
}

/** Where somebody's calendars are. */
export interface CalendarHome {
  readonly url: URL;
  /** The address is that of one calendar, and not of a collection of calendars. */
  readonly isCalendar: boolean;
}

/** Calendars that one person may have. */
const CALENDARS_MAX = 50;
const CALENDAR_PROPERTIES = ["d:resourcetype", "d:owner", "c:supported-calendar-component-set", "c:schedule-calendar-transp", "cs:getctag", "d:sync-token"];
const PRINCIPAL_PROPERTIES = ["d:resourcetype", "d:current-user-principal", "c:calendar-home-set", "c:calendar-user-address-set"];

/** Asks for properties and reads the answer. */
export async function askProperties(client: CaldavClient, url: URL, depth: "0" | "1", names: readonly string[], signal: AbortSignal): Promise<(DavMultistatus & { readonly url: URL }) | WebFailure> {
  const answer = await client.request({ method: "PROPFIND", url, depth, body: propfind(names), signal });
  if (answer.kind === "failure") return answer;
  const read = readMultistatus(bodyOf(answer));
  return read === null ? webFailure("unreadable", `what answers at ${url.host} is no CalDAV server`) : { ...read, url: answer.url };
}

/** The place of a person's calendars: his calendar home, or one calendar. With `{mailbox}` or `{user}` in the address it is made of that; else it is found as RFC 6764 and RFC 4791 §6.2 have it: the service
 *  account's principal, the principal with that mail address, or the principal beside our own that is called like the person. */
export async function findHome(client: CaldavClient, address: string, username: string | undefined, mailbox: string, signal: AbortSignal): Promise<CalendarHome | WebFailure> {
  const user = mailbox.replace(/@.*$/, "");
  const filled = address.replace(/\{mailbox\}|%7Bmailbox%7D/gi, encodeURIComponent(mailbox)).replace(/\{user\}|%7Buser%7D/gi, encodeURIComponent(user));
  const start = new URL(filled);
  const first = await startingPoint(client, start, signal);
  if ("failure" in first) return first;
  const { resource, url } = first;
  if (isCalendar(resource)) return { url, isCalendar: true };
  const below = (home: URL): CalendarHome => ({ url: home, isCalendar: false });
  const ownHome = homeOf(resource, url);
  if (filled !== address) return below(ownHome ?? url);
  const principal = hrefIn(resource, "current-user-principal", url);
  const isOwn = username !== undefined && (sameName(username, mailbox) || sameName(username, user));
  if (principal === null) return below(ownHome ?? url);
  if (isOwn || username === undefined) return below((await homeAt(client, principal, signal)) ?? ownHome ?? url);
  const searched = await searchHome(client, principal, mailbox, signal);
  if (searched !== null) return below(searched);
  let last: WebFailure = webFailure("not-found", `${start.host} shows no calendars of this person to the service account`);
  for (const name of new Set([mailbox, user])) {
    const sibling = siblingOf(principal, name);
    if (sibling === null) continue;
    const asked = await askProperties(client, sibling, "0", PRINCIPAL_PROPERTIES, signal);
    if (!("failure" in asked)) {
      const home = asked.resources[0] === undefined ? null : homeOf(asked.resources[0], asked.url);
      if (home !== null) return below(home);
    } else if (asked.failure !== "not-found") last = asked;
    if (last.failure !== "not-found" && last.failure !== "permission") break;
  }
  return last;
}

/** The calendars below a home, or the one calendar that it is; those that count for nothing (tasks alone, marked transparent, a colleague's that he may see) are left out. */
export async function listCalendars(client: CaldavClient, home: CalendarHome, signal: AbortSignal): Promise<readonly FoundCalendar[] | WebFailure> {
  const asked = await askProperties(client, home.url, home.isCalendar ? "0" : "1", CALENDAR_PROPERTIES, signal);
  if ("failure" in asked) return asked;
  const found: FoundCalendar[] = [];
  const self = asked.resources.find(({ href }) => URL.canParse(href, asked.url.href) && plainPath(new URL(href, asked.url.href)) === plainPath(asked.url));
  const owner = self === undefined ? null : hrefIn(self, "owner", asked.url);
  for (const resource of asked.resources) {
    if (!isCalendar(resource) || !URL.canParse(resource.href, asked.url.href)) continue;
    if (!home.isCalendar && (!countsTime(resource) || isOfSomebodyElse(resource, owner, asked.url))) continue;
    if (found.length >= CALENDARS_MAX) return webFailure("too-large", `this person has more than ${String(CALENDARS_MAX)} calendars`);
    found.push({ url: new URL(resource.href, asked.url.href), changeTag: textIn(resource, "getctag"), syncToken: textIn(resource, "sync-token") });
  }
  return found.length === 0 ? webFailure("not-found", `${home.url.host} shows no calendar of this person`) : found;
}

async function startingPoint(client: CaldavClient, start: URL, signal: AbortSignal): Promise<{ readonly resource: DavResource; readonly url: URL } | WebFailure> {
  const asked = await askProperties(client, start, "0", PRINCIPAL_PROPERTIES, signal);
  const resource = "failure" in asked ? undefined : asked.resources[0];
  if (resource !== undefined && !("failure" in asked) && (resource.properties.has("calendar-home-set") || isCalendar(resource) || hrefIn(resource, "current-user-principal", asked.url) !== null)) return { resource, url: asked.url };
  const isMisplaced = "failure" in asked ? asked.failure === "not-found" || asked.failure === "unreadable" : true;
  // RFC 6764 §5: where the service is, when the address is only that of the host.
  if (isMisplaced && start.pathname === "/") {
    const known = await askProperties(client, new URL("/.well-known/caldav", start), "0", PRINCIPAL_PROPERTIES, signal);
    const there = "failure" in known ? undefined : known.resources[0];
    if (there !== undefined && !("failure" in known)) return { resource: there, url: known.url };
  }
  if ("failure" in asked) return asked;
  return resource === undefined ? webFailure("unreadable", `what answers at ${start.host} is no CalDAV server`) : { resource, url: asked.url };
}

async function homeAt(client: CaldavClient, principal: URL, signal: AbortSignal): Promise<URL | null> {
  const asked = await askProperties(client, principal, "0", PRINCIPAL_PROPERTIES, signal);
  const [resource] = "failure" in asked ? [] : asked.resources;
  return resource === undefined || "failure" in asked ? null : homeOf(resource, asked.url);
}

async function searchHome(client: CaldavClient, principal: URL, mailbox: string, signal: AbortSignal): Promise<URL | null> {
  const answer = await client.request({ method: "REPORT", url: principal, depth: "0", body: principalSearch(mailbox), signal });
  const read = answer.kind === "failure" ? null : readMultistatus(bodyOf(answer));
  // Servers look for parts of the address: only who has exactly this one is meant.
  const match = read?.resources.find((resource) => {
    const addresses = resource.properties.get("calendar-user-address-set");
    return addresses !== undefined && descendants(addresses, "href").some(({ text }) => sameName(text.replace(/^mailto:/i, ""), mailbox));
  });
  return match === undefined ? null : homeOf(match, principal);
}

function siblingOf(principal: URL, name: string): URL | null {
  const path = principal.pathname.replace(/[^/]+\/?$/, "");
  return path === principal.pathname ? null : new URL(`${path}${encodeURIComponent(name)}/`, principal);
}

function homeOf(resource: DavResource, base: URL): URL | null {
  return hrefIn(resource, "calendar-home-set", base);
}

function hrefIn(resource: DavResource, property: string, base: URL): URL | null {
  const element = resource.properties.get(property);
  const href = element === undefined ? undefined : descendants(element, "href")[0]?.text;
  return href === undefined || href === "" || !URL.canParse(href, base.href) ? null : new URL(href, base.href);
}

function textIn(resource: DavResource, property: string): string | null {
  const text = resource.properties.get(property)?.text ?? "";
  return text === "" ? null : text;
}

function isCalendar({ properties }: DavResource): boolean {
  return properties.get("resourcetype")?.children.some(({ name }) => name === "calendar") ?? false;
}

/** What colleagues share stands beside what is one's own: Nextcloud tells by the owner (RFC 3744 §5.1), others by Apple's resource type. */
function isOfSomebodyElse(resource: DavResource, owner: URL | null, base: URL): boolean {
  if (resource.properties.get("resourcetype")?.children.some(({ name }) => name === "shared") ?? false) return true;
  const its = hrefIn(resource, "owner", base);
  return owner !== null && its !== null && plainPath(its) !== plainPath(owner);
}

/** RFC 4791 §5.2.3 and RFC 6638 §9.1. */
function countsTime({ properties }: DavResource): boolean {
  const components = properties.get("supported-calendar-component-set")?.children.map((component) => component.attributes.get("name")?.toUpperCase());
  if (components !== undefined && components.length > 0 && !components.includes("VEVENT")) return false;
  return !(properties.get("schedule-calendar-transp")?.children.some(({ name }) => name === "transparent") ?? false);
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
