import { ParseError } from "../base/errors.ts";
import { childOf, type XmlElement } from "../documents/xml.ts";
import { bytesOf, escapeXml } from "../documents/xml-text.ts";
import type { Span } from "./adapter.ts";
import { parseCalendarXml } from "./xml-repair.ts";

/** The namespace of WebDAV (RFC 4918). */
export const DAV = "DAV:";
/** The namespace of CalDAV (RFC 4791). */
export const CALDAV = "urn:ietf:params:xml:ns:caldav";
// The third is that of Apple's calendar server, whose change tags many servers have.
const DECLARED = `xmlns:d="DAV:" xmlns:c="${CALDAV}" xmlns:cs="http://calendarserver.org/ns/"`;

/** One resource of a multistatus. */
export interface DavResource {
  readonly href: string;
  /** Of the resource itself; 200 when only its properties have one. */
  readonly status: number;
  /** The properties that were found, by local name. */
  readonly properties: ReadonlyMap<string, XmlElement>;
}

/** A multistatus (RFC 4918 §13), with the sync token that stands beside the resources (RFC 6578 §3.6). */
export interface DavMultistatus {
  readonly resources: readonly DavResource[];
  readonly syncToken: string | null;
}

/** Reads a multistatus (bytes as latin1); null when it is none, is malformed or was cut off. */
export function readMultistatus(body: string): DavMultistatus | null {
  let root: XmlElement;
  try {
    root = parseCalendarXml(body);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
  if (root.name !== "multistatus" || root.namespace !== DAV) return null;
  const resources = root.children.flatMap((response) => {
    const href = childOf(response, "href", DAV)?.text;
    if (response.name !== "response" || href === undefined) return [];
    const properties = new Map<string, XmlElement>();
    for (const propstat of response.children) {
      if (propstat.name !== "propstat" || statusOf(propstat) !== 200) continue;
      for (const property of childOf(propstat, "prop", DAV)?.children ?? []) properties.set(property.name, property);
    }
    return [{ href, status: statusOf(response), properties }];
  });
  return { resources, syncToken: childOf(root, "sync-token", DAV)?.text ?? null };
}

/** `HTTP/1.1 404 Not Found` → 404; 200 when nothing is said. */
function statusOf(element: XmlElement): number {
  const text = childOf(element, "status", DAV)?.text;
  if (text === undefined) return 200;
  return Number(/^HTTP\/[\d.]+\s+(\d{3})/.exec(text)?.[1] ?? 0);
}

/** The path of an address by which resources are told apart: servers write `@` and `%40`, a slash at the end or none, for the same. */
export function plainPath({ pathname }: URL): string {
  const path = pathname.replace(/\/$/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    // URIError: a stray percent sign.
    return path;
  }
}

/** Asks for properties, written with their prefixes: `d:` DAV, `c:` CalDAV, `cs:` Apple's. */
export function propfind(names: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?><d:propfind ${DECLARED}><d:prop>${names.map((name) => `<${name}/>`).join("")}</d:prop></d:propfind>`;
}

/** The entity tags of the events that touch a span (RFC 4791 §7.8). */
export function queryReport(span: Span): string {
  return query(range(span));
}

/** The entity tags of all events that repeat (RFC 4791 §9.7.2). */
export function repeatingReport(): string {
  return query('<c:prop-filter name="RRULE"/>');
}

function query(filter: string): string {
  return `<?xml version="1.0" encoding="utf-8"?><c:calendar-query ${DECLARED}><d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">${filter}</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>`;
}

/** Some events with their texts (RFC 4791 §7.9). Bytes as latin1. */
export function multigetReport(hrefs: readonly string[]): string {
  return bytesOf(`<?xml version="1.0" encoding="utf-8"?><c:calendar-multiget ${DECLARED}><d:prop><d:getetag/><c:calendar-data/></d:prop>${hrefs.map((href) => `<d:href>${escapeXml(href)}</d:href>`).join("")}</c:calendar-multiget>`);
}

/** What has changed since a token (RFC 6578 §3.2). Bytes as latin1. */
export function syncReport(token: string): string {
  return bytesOf(`<?xml version="1.0" encoding="utf-8"?><d:sync-collection ${DECLARED}><d:sync-token>${escapeXml(token)}</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>`);
}

/** Busy times without events (RFC 4791 §7.10). */
export function freeBusyReport(span: Span): string {
  return `<?xml version="1.0" encoding="utf-8"?><c:free-busy-query ${DECLARED}>${range(span)}</c:free-busy-query>`;
}

/** Who has this mail address (RFC 3744 §9.4, with the property of RFC 6638 §2.4.1). Bytes as latin1. */
export function principalSearch(mailbox: string): string {
  return bytesOf(
    `<?xml version="1.0" encoding="utf-8"?><d:principal-property-search ${DECLARED}><d:property-search><d:prop><c:calendar-user-address-set/></d:prop><d:match>${escapeXml(mailbox)}</d:match></d:property-search><d:prop><c:calendar-home-set/><c:calendar-user-address-set/></d:prop><d:apply-to-principal-collection-set/></d:principal-property-search>`,
  );
}

function range({ from, to }: Span): string {
  const time = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
  return `<c:time-range start="${time(from)}" end="${time(to)}"/>`;
}
