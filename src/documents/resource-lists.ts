import { ParseError } from "../base/errors.ts";
import { bytesOf } from "./xml-text.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** One entry of a list that a watcher brought; SIP text but for the name. */
export interface ListEntry {
  readonly uri: string;
  /** Unicode; empty when none was given. */
  readonly name: string;
}

/** The media type of such a body. */
export const RESOURCE_LISTS_TYPE = "application/resource-lists+xml";

/** Entries of one body that are read; more are refused. */
export const LIST_ENTRIES_MAX = 500;

const NAMESPACE = "urn:ietf:params:xml:ns:resource-lists";
const URI_LENGTH_MAX = 256;

/** The entries of a resource-lists body (RFC 4826 §3, RFC 5363 §4), lists within lists written out, each URI once. References to lists elsewhere are not followed.
 *  Throws ParseError when it is no such document, or too long. */
export function parseResourceLists(body: string): readonly ListEntry[] {
  const root = parseXml(body);
  if (root.name !== "resource-lists") throw new ParseError(`a list of recipients begins with <resource-lists>, this one with <${root.name.slice(0, 40)}>`);
  const found = new Map<string, ListEntry>();
  const collect = (element: XmlElement): void => {
    for (const child of element.children) {
      if (child.namespace !== NAMESPACE && child.namespace !== "") continue;
      if (child.name === "list") collect(child);
      else if (child.name === "entry") {
        const uri = bytesOf(child.attributes.get("uri")?.trim() ?? "");
        if (uri === "" || uri.length > URI_LENGTH_MAX || /[\s<>"]/.test(uri)) continue;
        const name = child.children.find((one) => one.name === "display-name")?.text ?? "";
        if (!found.has(uri)) found.set(uri, { uri, name: name.slice(0, 128) });
        if (found.size > LIST_ENTRIES_MAX) throw new ParseError(`more than ${LIST_ENTRIES_MAX} entries in one list`, 413);
      }
    }
  };
  collect(root);
  return [...found.values()];
}
