import { ParseError } from "../base/errors.ts";
import { activityName, type Activity } from "./rpid.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";
import { childOf, parseXml, type XmlElement } from "./xml.ts";
import { bytesOf, escapeUri, escapeXml } from "./xml-text.ts";

/** Can the person be reached (RFC 3863 §4.1.4). */
export type Basic = "open" | "closed";

/** What one presence document says: enough to write it. */
export interface PidfState {
  readonly basic: Basic;
  readonly activities: readonly Activity[];
  /** Unicode; empty writes none. */
  readonly note: string;
  /** Since when, ms since 1970; 0 when nobody knows, and none is written. */
  readonly since: number;
  /** A status in the old `im:` vocabulary that is passed through (only while `im_to_rpid` is off). */
  readonly im?: string;
  /** Contact information of RFC 4482 by element name, as its publisher gave it. */
  readonly cipid?: ReadonlyMap<string, string>;
}

/** What single phones want in the tuple beside the standard; all are whole XML, bytes as latin1. */
export interface TupleExtras {
  /** Its id; default: made of the entity. */
  readonly tupleId?: string;
  /** Elements after `<basic>`. */
  readonly inStatus?: string;
  /** A `<note>` after the contact. */
  readonly tupleNote?: string;
}

/** One `<tuple>` as its publisher wrote it (RFC 3863 §4.1.2); texts are Unicode. */
export interface ParsedTuple {
  readonly id: string;
  readonly basic?: Basic;
  readonly contact?: string;
  /** 0..1; 0 when not given. */
  readonly priority: number;
  readonly notes: readonly string[];
  readonly timestamp?: number;
  /** Activities of early drafts that stood in the tuple or its status. */
  readonly activities: readonly Activity[];
  /** Text of `<im:im>` (Snom). */
  readonly im?: string;
}

/** One `<dm:person>` (RFC 4479 §3.2). */
export interface ParsedPerson {
  readonly id: string;
  readonly activities: readonly Activity[];
  /** Its notes, then those of its activities. */
  readonly notes: readonly string[];
  readonly timestamp?: number;
}

/** One `<dm:device>` (RFC 4479 §3.3). */
export interface ParsedDevice {
  readonly id: string;
  readonly deviceId: string;
  readonly notes: readonly string[];
  readonly timestamp?: number;
}

/** A presence document as it was published: everything that merging looks at. */
export interface ParsedPresence {
  readonly entity: string;
  readonly tuples: readonly ParsedTuple[];
  readonly persons: readonly ParsedPerson[];
  readonly devices: readonly ParsedDevice[];
  readonly notes: readonly string[];
  /** Contact information of RFC 4482 (`display-name`, `icon` …) by element name, wherever it stood. */
  readonly cipid: ReadonlyMap<string, string>;
}

/** The namespace of RFC 3863. */
export const PIDF_NAMESPACE = "urn:ietf:params:xml:ns:pidf";
/** The namespace of RFC 4479. */
export const DATA_MODEL_NAMESPACE = "urn:ietf:params:xml:ns:pidf:data-model";
/** The namespace of RFC 4480. */
export const RPID_NAMESPACE = "urn:ietf:params:xml:ns:pidf:rpid";
const CIPID = "urn:ietf:params:xml:ns:pidf:cipid";
/** The namespace of the old `im:` status. */
export const IM_NAMESPACE = "urn:ietf:params:xml:ns:pidf:im";

/** Reads a presence document (bytes as latin1) of any publisher: elements in any order, unknown ones skipped, RPID of early drafts and of
 *  eyeBeam, `<im:im>` of Snom. Throws ParseError when it is no XML or its root is no `<presence>` of PIDF. */
export function parsePidf(body: string): ParsedPresence {
  const root = parseXml(body);
  if (root.name !== "presence") throw new ParseError(`a presence document begins with <presence>, this one with <${root.name.slice(0, 40)}>`);
  const own = (name: string): XmlElement[] => root.children.filter((child) => child.name === name && child.namespace === root.namespace);
  const modelled = (name: string): XmlElement[] => root.children.filter((child) => child.name === name && child.namespace === DATA_MODEL_NAMESPACE);
  const cipid = new Map<string, string>();
  collectCipid(root, cipid);
  return {
    entity: root.attributes.get("entity")?.trim() ?? "",
    tuples: own("tuple").map(tuple),
    persons: modelled("person").map(person),
    devices: modelled("device").map(device),
    notes: texts(own("note")),
    cipid,
  };
}

/** The document that watchers of presence get (bytes as latin1): exactly one tuple and one person, in the order that the schemas of RFC 3863,
 *  4479 and 4480 ask for. `entity` is the URI that the watcher subscribed to, as SIP text. */
export function renderPidf(state: PidfState, entity: string, extras: TupleExtras = NO_EXTRAS): string {
  const uri = escapeUri(entity);
  const id = idOf(entity);
  const note = bytesOf(escapeXml(state.note));
  const im = state.im === undefined ? "" : `<im:im xmlns:im="${IM_NAMESPACE}">${bytesOf(escapeXml(state.im))}</im:im>`;
  const inPerson = [
    ...activityElements(state.activities),
    ...(state.cipid === undefined ? [] : cipidElements(state.cipid)),
    ...(note === "" ? [] : [`<dm:note>${note}</dm:note>`]),
  ];
  const timestamp = state.since > 0 ? `<dm:timestamp>${formatTimestamp(state.since)}</dm:timestamp>` : "";
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="${DATA_MODEL_NAMESPACE}"\n xmlns:rpid="${RPID_NAMESPACE}" entity="${uri}">\n` +
    ` <tuple id="${extras.tupleId ?? `t${id}`}"><status><basic>${state.basic}</basic>${im}${extras.inStatus ?? ""}</status><contact priority="0.8">${uri}</contact>${extras.tupleNote ?? ""}</tuple>\n` +
    (note === "" ? "" : ` <note>${note}</note>\n`) +
    ` <dm:person id="p${id}">${inPerson.join("\n  ")}${timestamp}</dm:person>\n` +
    `</presence>\n`
  );
}

const NO_EXTRAS: TupleExtras = {};

/** The elements of RFC 4482 §3 that are written; others that a publisher named so are left out, and so are addresses that are none. */
const CIPID_NAMES = ["card", "display-name", "homepage", "icon", "map", "sound"];
const CIPID_ADDRESS = /^(?:https?|ftp|sips?|cid):(?:[\w\-.~:/?@!$&'()*+,;=]|%[\da-fA-F]{2})+$/;

function cipidElements(cipid: ReadonlyMap<string, string>): string[] {
  return CIPID_NAMES.flatMap((name) => {
    const text = cipid.get(name);
    return text === undefined || (name !== "display-name" && !CIPID_ADDRESS.test(text)) ? [] : [`<c:${name} xmlns:c="${CIPID}">${bytesOf(escapeXml(text))}</c:${name}>`];
  });
}

/** An `<activities>` element for each span of time: RPID writes `from` and `until` on the whole (RFC 4480 §3.2). */
export function activityElements(activities: readonly Activity[]): string[] {
  const elements: string[] = [];
  const isMixed = activities.some((activity) => activity.name !== "unknown");
  let open = "";
  let inside = "";
  for (const activity of activities) {
    if (activity.name === "unknown" && isMixed) continue;
    const start = `<rpid:activities${span("from", activity.from)}${span("until", activity.until)}>`;
    if (start !== open) {
      if (inside !== "") elements.push(`${open}${inside}</rpid:activities>`);
      open = start;
      inside = "";
    }
    if (activity.name === "unknown" && inside !== "") continue;
    const text = activity.name === "other" && activity.text !== undefined ? bytesOf(escapeXml(activity.text)) : "";
    inside += text === "" ? `<rpid:${activity.name}/>` : `<rpid:other>${text}</rpid:other>`;
  }
  if (inside !== "") elements.push(`${open}${inside}</rpid:activities>`);
  return elements;
}

function span(name: string, at: number | undefined): string {
  return at === undefined ? "" : ` ${name}="${formatTimestamp(at)}"`;
}

/** An xs:ID after a letter: the user part, other characters replaced. */
function idOf(entity: string): string {
  const at = entity.lastIndexOf("@");
  return entity.slice(entity.indexOf(":") + 1, at < 0 ? undefined : at).replace(/[^A-Za-z0-9._-]/g, "_");
}

function tuple(element: XmlElement): ParsedTuple {
  const status = childOf(element, "status", element.namespace);
  const basic = basicOf(status === undefined ? undefined : childOf(status, "basic", element.namespace)?.text);
  const contact = childOf(element, "contact", element.namespace);
  const im = [status, element].flatMap((parent) => parent?.children ?? []).find((child) => child.name === "im" && child.namespace === IM_NAMESPACE);
  const timestamp = parseTimestamp(childOf(element, "timestamp", element.namespace)?.text);
  const priority = Number(contact?.attributes.get("priority") ?? "0");
  return {
    id: element.attributes.get("id") ?? "",
    ...(basic === undefined ? {} : { basic }),
    ...(contact === undefined ? {} : { contact: contact.text }),
    priority: priority >= 0 && priority <= 1 ? priority : 0,
    notes: texts(element.children.filter((child) => child.name === "note" && child.namespace === element.namespace)),
    ...(timestamp === undefined ? {} : { timestamp }),
    activities: [element, ...(status === undefined ? [] : [status])].flatMap(activitiesIn),
    ...(im === undefined || im.text === "" ? {} : { im: im.text }),
  };
}

function basicOf(text: string | undefined): Basic | undefined {
  const word = text?.toLowerCase();
  return word === "open" || word === "closed" ? word : undefined;
}

function person(element: XmlElement): ParsedPerson {
  const status = childOf(element, "status");
  const parents = [element, ...(status === undefined ? [] : [status])];
  const inActivities = parents.flatMap((parent) => parent.children.filter(isActivities)).flatMap((found) => found.children);
  const timestamp = parseTimestamp(childOf(element, "timestamp")?.text);
  return {
    id: element.attributes.get("id") ?? "",
    activities: parents.flatMap(activitiesIn),
    notes: texts([...element.children, ...inActivities].filter((child) => child.name === "note")),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
}

function device(element: XmlElement): ParsedDevice {
  const timestamp = parseTimestamp(childOf(element, "timestamp")?.text);
  return {
    id: element.attributes.get("id") ?? "",
    deviceId: childOf(element, "deviceID")?.text ?? "",
    notes: texts(element.children.filter((child) => child.name === "note")),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
}

/** RPID of the RFC, of its drafts (`…:pidf:status:rpid`) and of eyeBeam (`…:pidf:rpid:rpid-person`). */
function isRpid(namespace: string): boolean {
  return namespace.startsWith(RPID_NAMESPACE) || namespace.startsWith("urn:ietf:params:xml:ns:pidf:status:rpid");
}

function isActivities(element: XmlElement): boolean {
  return element.name === "activities" && isRpid(element.namespace);
}

function activitiesIn(parent: XmlElement): Activity[] {
  const found: Activity[] = [];
  for (const list of parent.children.filter(isActivities)) {
    const from = parseTimestamp(list.attributes.get("from"));
    const until = parseTimestamp(list.attributes.get("until"));
    for (const child of list.children) {
      if (child.name === "note" || !isRpid(child.namespace)) continue;
      const name = activityName(child.name) ?? "other";
      const text = name !== "other" ? "" : child.name === "other" ? child.text : child.name;
      found.push({
        name,
        ...(from === undefined ? {} : { from }),
        ...(until === undefined ? {} : { until }),
        ...(text === "" ? {} : { text }),
      });
    }
  }
  return found;
}

function collectCipid(element: XmlElement, into: Map<string, string>): void {
  for (const child of element.children) {
    if (child.namespace !== CIPID) collectCipid(child, into);
    else if (child.text !== "" && !into.has(child.name)) into.set(child.name, child.text);
  }
}

function texts(elements: readonly XmlElement[]): string[] {
  return elements.map((element) => element.text).filter((text) => text !== "");
}
