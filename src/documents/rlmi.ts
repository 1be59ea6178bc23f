import { bytesOf, escapeSipText, escapeUri, escapeXml } from "./xml-text.ts";

/** One member of a list as a NOTIFY shows it (RFC 4662 §5.3, §5.4). Texts are SIP text but for the name. */
export interface RlmiResource {
  readonly uri: string;
  /** Unicode; empty writes none. */
  readonly name: string;
  /** Its virtual subscription; null: nothing is said of it yet. */
  readonly instance: RlmiInstance | null;
}

/** The state of one virtual subscription. */
export interface RlmiInstance {
  readonly id: string;
  readonly state: "active" | "pending" | "terminated";
  /** Why it ended; empty writes none. */
  readonly reason: string;
  /** The Content-ID of the part with its document, without angle brackets; empty: there is none. */
  readonly cid: string;
}

/** What one document says of a list. */
export interface RlmiList {
  /** What the watcher subscribed to. */
  readonly uri: string;
  /** 0 for the first, one more with every NOTIFY. */
  readonly version: number;
  /** Every member stands in it: whoever does not is no member. */
  readonly isFull: boolean;
  /** Unicode; empty writes none. */
  readonly name: string;
  readonly resources: readonly RlmiResource[];
}

/** The media type of a list's root part. */
export const RLMI_TYPE = "application/rlmi+xml";

/** A list document (bytes as latin1), written short: it shares one datagram with the documents of its members. */
export function renderRlmi({ uri, version, isFull, name, resources }: RlmiList): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="${escapeUri(uri)}" version="${version}" fullState="${String(isFull)}">\n${nameElement(name)}${resources.map(rlmiResource).join("")}</list>\n`;
}

/** One `<resource>` of it. */
export function rlmiResource({ uri, name, instance }: RlmiResource): string {
  const inside = nameElement(name) + (instance === null ? "" : instanceElement(instance));
  return inside === "" ? `<resource uri="${escapeUri(uri)}"/>\n` : `<resource uri="${escapeUri(uri)}">${inside}</resource>\n`;
}

function nameElement(name: string): string {
  return name === "" ? "" : `<name>${bytesOf(escapeXml(name))}</name>`;
}

function instanceElement({ id, state, reason, cid }: RlmiInstance): string {
  return `<instance id="${escapeSipText(id)}" state="${state}"${reason === "" ? "" : ` reason="${reason}"`}${cid === "" ? "" : ` cid="${escapeSipText(cid)}"`}/>`;
}
