import { XMLParser, XMLValidator } from "fast-xml-parser";
import { ParseError } from "../base/errors.ts";
import { unicodeOf } from "./xml-text.ts";

/** One element of a parsed document, its namespace resolved. */
export interface XmlElement {
  /** The local name; with its prefix when that prefix was never declared. */
  readonly name: string;
  /** The namespace name; empty when there is none. */
  readonly namespace: string;
  /** By name as written (`from`, `xml:lang`), without namespace declarations. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Its own text and CDATA sections joined, references resolved, without the space around it. */
  readonly text: string;
}

/** The largest XML body that is read, in bytes. */
export const XML_SIZE_MAX = 65_536;
/** How deep elements may nest, the root being 1. */
export const XML_DEPTH_MAX = 32;
/** How many elements a document may have. */
export const XML_ELEMENTS_MAX = 2000;
/** How many attributes a document may have, namespace declarations included. */
export const XML_ATTRIBUTES_MAX = 2000;
/** What a document may hold; what a phone sends stays within `XML_LIMITS`, a calendar server that we asked may answer more. */
export interface XmlLimits {
  readonly bytesMax: number;
  readonly elementsMax: number;
  readonly attributesMax: number;
}
/** The bounds for whatever a phone or a watcher sends. */
export const XML_LIMITS: XmlLimits = { bytesMax: XML_SIZE_MAX, elementsMax: XML_ELEMENTS_MAX, attributesMax: XML_ATTRIBUTES_MAX };

// References are resolved here and not by the package: it knows HTML's, and leaves unknown ones standing.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  cdataPropName: "#cdata",
  maxNestedTags: XML_DEPTH_MAX,
  jPath: false,
});

/** Reads an XML body (bytes as latin1) of a peer: UTF-8 with or without a byte order mark, latin1 when it says so or is no UTF-8.
 *  Throws ParseError for anything malformed, for a DOCTYPE (so no entity is ever defined), and beyond the bounds above. */
export function parseXml(body: string, limits: XmlLimits = XML_LIMITS): XmlElement {
  const { bytesMax, elementsMax, attributesMax } = limits;
  if (body.length > bytesMax) throw new ParseError(`XML body of ${body.length} bytes; at most ${bytesMax} are read`, 413);
  const text = decoded(body);
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)) throw new ParseError("XML with a character that XML forbids");
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw new ParseError("XML with a DOCTYPE; none is read");
  // Start tags, end tags, comments and instructions together: checked before anything is built.
  const markupMax = 2 * elementsMax + 200;
  if (text.split("<", markupMax + 2).length - 1 > markupMax) throw new ParseError(`XML with more than ${elementsMax} elements`);
  const equals = text.match(/=\s*["']/g)?.length ?? 0;
  if (equals > attributesMax) throw new ParseError(`XML with more than ${attributesMax} attributes`);
  const document = elementsIn(rawTree(text), NO_SCOPE, { left: elementsMax }, 1);
  const [root, second] = document.children;
  if (root === undefined || second !== undefined || document.text !== "" || !text.trimEnd().endsWith(">")) throw new ParseError("XML without exactly one root element");
  return root;
}

/** The first child of that name, in that namespace unless it is left out. */
export function childOf(element: XmlElement, name: string, namespace?: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name && (namespace === undefined || child.namespace === namespace));
}

function decoded(body: string): string {
  if (body.startsWith("\u00ef\u00bb\u00bf")) return unicodeOf(body.slice(3)).trimStart();
  const text = body.trimStart();
  const encoding = /^<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.-]{1,40})["']/.exec(text)?.[1];
  return encoding === undefined || /^(?:utf-?8|us-ascii|ascii)$/i.test(encoding) ? unicodeOf(text) : text;
}

function rawTree(text: string): unknown {
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- its successor is another package; the parser alone accepts what is malformed
    const verdict = XMLValidator.validate(text);
    if (verdict !== true) throw new ParseError(`XML is malformed: ${verdict.err.msg.slice(0, 100)}`);
    const tree: unknown = parser.parse(text);
    return tree;
  } catch (cause) {
    if (cause instanceof ParseError) throw cause;
    throw new ParseError(`XML is malformed: ${cause instanceof Error ? cause.message.slice(0, 100) : "unreadable"}`);
  }
}

/** The namespaces that one element declares (the default one under the empty prefix), and those around it. A chain, because copying a
 *  table at each element would let one body cost a second. */
interface Scope {
  readonly declared: ReadonlyMap<string, string>;
  readonly outer: Scope | null;
}
const NO_SCOPE: Scope = { declared: new Map([["xml", "http://www.w3.org/XML/1998/namespace"]]), outer: null };
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

function elementsIn(nodes: unknown, scope: Scope, budget: { left: number }, depth: number): { children: XmlElement[]; text: string } {
  const children: XmlElement[] = [];
  let text = "";
  if (!Array.isArray(nodes)) throw new ParseError("XML is malformed");
  for (const node of nodes as readonly unknown[]) {
    if (typeof node !== "object" || node === null) throw new ParseError("XML is malformed");
    let attributes: unknown;
    let name = "";
    let content: unknown;
    for (const [key, value] of Object.entries(node)) {
      if (key === ":@") attributes = value;
      else [name, content] = [key, value as unknown];
    }
    if (name === "#text") text += resolved(String(content));
    else if (name === "#cdata") text += cdata(content);
    else {
      if (--budget.left < 0) throw new ParseError("XML with too many elements");
      if (depth > XML_DEPTH_MAX) throw new ParseError(`XML nested deeper than ${XML_DEPTH_MAX}`);
      children.push(element(name, content, attributes, scope, budget, depth));
    }
  }
  return { children, text: text.trim() };
}

function element(name: string, content: unknown, written: unknown, outer: Scope, budget: { left: number }, depth: number): XmlElement {
  let scope = outer;
  let attributes = NO_ATTRIBUTES;
  if (typeof written === "object" && written !== null) {
    const kept = new Map<string, string>();
    let declared: Map<string, string> | undefined;
    for (const [key, value] of Object.entries(written)) {
      const text = resolved(String(value).replace(/[\t\n\r]/g, " "));
      if (key === "xmlns") (declared ??= new Map<string, string>()).set("", text);
      else if (key.startsWith("xmlns:")) (declared ??= new Map<string, string>()).set(key.slice(6), text);
      else kept.set(key, text);
    }
    if (declared !== undefined) scope = { declared, outer };
    if (kept.size > 0) attributes = kept;
  }
  const colon = name.indexOf(":");
  const prefix = colon < 0 ? "" : name.slice(0, colon);
  const namespace = namespaceOf(prefix, scope);
  const inside = elementsIn(content, scope, budget, depth + 1);
  return {
    name: namespace === undefined || colon < 0 ? name : name.slice(colon + 1),
    namespace: namespace ?? "",
    attributes,
    children: inside.children,
    text: inside.text,
  };
}

function namespaceOf(prefix: string, scope: Scope): string | undefined {
  for (let within: Scope | null = scope; within !== null; within = within.outer) {
    const name = within.declared.get(prefix);
    if (name !== undefined) return name;
  }
  return undefined;
}

function cdata(content: unknown): string {
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  const text: unknown = typeof first === "object" && first !== null ? Object.values(first)[0] : "";
  return typeof text === "string" ? text : "";
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** XML 1.0 §4.1 and §4.6: the five names and the numbers; anything else that begins with `&` is malformed. */
function resolved(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-fA-F]{1,6}));|&/g, (all, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return NAMED[name] ?? "";
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : 0;
    const isCharacter = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
    if (!isCharacter) throw new ParseError(`XML with a bad reference ${all}`);
    return String.fromCodePoint(code);
  });
}
