import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { parseMultipart } from "../../src/documents/multipart.ts";
import { childOf, parseXml } from "../../src/documents/xml.ts";

/** One resource of an rlmi document, with the document that its instance points to. */
export interface Shown {
  readonly uri: string;
  readonly name: string;
  /** Empty when nothing is said of it. */
  readonly state: string;
  readonly reason: string;
  readonly body: string;
}

/** A NOTIFY for a list, taken apart. */
export interface ShownList {
  readonly version: number;
  readonly isFull: boolean;
  readonly uri: string;
  readonly resources: readonly Shown[];
  readonly rlmi: string;
  readonly documents: readonly string[];
}

/** Reads the body of a NOTIFY for a list as RFC 4662 has it; throws when a part is missing. */
export function shownList(notify: Message): ShownList {
  const contentType = notify.header(Header.contentType) ?? "";
  if (!contentType.startsWith("multipart/related")) throw new Error(`no list: ${contentType}`);
  const parts = parseMultipart(contentType, notify.body, 3000);
  const start = /start="<([^>]+)>"/.exec(contentType)?.[1];
  const [root] = parts;
  if (root === undefined || root.contentId !== start || !root.contentType.startsWith("application/rlmi+xml")) throw new Error("the root part is not the first");
  const list = parseXml(root.body);
  const used = new Set<string>();
  const resources = list.children
    .filter(({ name }) => name === "resource")
    .map((resource): Shown => {
      const instance = childOf(resource, "instance");
      const cid = instance?.attributes.get("cid");
      const part = parts.find(({ contentId }) => contentId === cid);
      if (cid !== undefined && part === undefined) throw new Error(`no part ${cid}`);
      if (cid !== undefined) used.add(cid);
      return { uri: resource.attributes.get("uri") ?? "", name: childOf(resource, "name")?.text ?? "", state: instance?.attributes.get("state") ?? "", reason: instance?.attributes.get("reason") ?? "", body: part?.body ?? "" };
    });
  if (used.size !== parts.length - 1) throw new Error("a part that no instance points to");
  return { version: Number(list.attributes.get("version")), isFull: list.attributes.get("fullState") === "true", uri: list.attributes.get("uri") ?? "", resources, rlmi: root.body, documents: parts.slice(1).map(({ body }) => body) };
}

/** What a phone that follows the RFC knows of a list after some NOTIFYs: by URI, the document or the state without one. */
export class KnownList {
  readonly known = new Map<string, string>();
  version = -1;
  /** Called when something new has come. */
  news: () => void = () => undefined;

  take(notify: Message): ShownList {
    const shown = shownList(notify);
    if (shown.version !== this.version + 1 && !(shown.isFull && shown.version > this.version)) throw new Error(`version ${shown.version} after ${this.version}`);
    this.version = shown.version;
    if (shown.isFull) for (const uri of [...this.known.keys()]) if (!shown.resources.some((one) => one.uri === uri)) this.known.delete(uri);
    for (const { uri, state, body } of shown.resources) if (body !== "" || state !== "" || !this.known.has(uri)) this.known.set(uri, body === "" ? state : body);
    return shown;
  }
}
