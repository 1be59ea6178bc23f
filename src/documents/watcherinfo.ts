import { bytesOf, escapeSipText, escapeUri, escapeXml } from "./xml-text.ts";

/** One who watches, or did until a moment ago (RFC 3858 §4.1). Texts are SIP text but for the name. */
export interface WatcherEntry {
  /** Unique among those of the resource, and stable. */
  readonly id: string;
  readonly uri: string;
  /** Unicode; empty writes none. */
  readonly name: string;
  readonly status: "pending" | "active" | "waiting" | "terminated";
  readonly event: "subscribe" | "approved" | "deactivated" | "probation" | "rejected" | "timeout" | "giveup" | "noresource";
  /** Seconds until the subscription ends; null writes none. */
  readonly expiresSeconds: number | null;
}

/** The media type of a list of watchers. */
export const WATCHERINFO_TYPE = "application/watcherinfo+xml";

/** A list of watchers around its version number: `head + version + tail` (bytes as latin1). `isFull`: whoever does not stand in it does not watch. */
export function renderWatcherinfoParts(resource: string, packageName: string, watchers: readonly WatcherEntry[], isFull: boolean): { readonly head: string; readonly tail: string } {
  return {
    head: `<?xml version="1.0" encoding="UTF-8"?>\n<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="`,
    tail: `" state="${isFull ? "full" : "partial"}">\n <watcher-list resource="${escapeUri(resource)}" package="${packageName}">\n${watchers.map(watcherElement).join("")} </watcher-list>\n</watcherinfo>\n`,
  };
}

function watcherElement({ id, uri, name, status, event, expiresSeconds }: WatcherEntry): string {
  const shown = name === "" ? "" : ` display-name="${bytesOf(escapeXml(name))}"`;
  return `  <watcher id="${escapeSipText(id)}" status="${status}" event="${event}"${expiresSeconds === null ? "" : ` expiration="${expiresSeconds}"`}${shown}>${escapeUri(uri)}</watcher>\n`;
}
