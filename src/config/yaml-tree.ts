import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, ErrorCode, Node, Scalar } from "yaml";
import { plainTree } from "./plain-tree.ts";
import { Report } from "./report.ts";
import type { MapEntry, MapValue, ScalarValue, Value } from "./yaml-value.ts";

/** A parsed file. `root` is null when its syntax is wrong (the report says where): what follows from that would only mislead. */
export interface ParsedFile {
  readonly root: MapValue | null;
  readonly report: Report;
}

/** The environment that `${NAME}` takes its values from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Values that aliases (`*name`) may stand for in one file; more is an alias bomb. */
const aliasedValuesMax = 10_000;
/** Brackets that may open one within the other. */
const nestingMax = 100;
const endlessNesting = new RegExp(`(?:[[{][\\s,]*){${String(nestingMax)}}`);

/** Reads YAML text into values that know their place, fills in `${NAME}` from `env`, and reports every mistake of the syntax.
 *  `file` is the name as the user would write it, `order` its place among the files that are reported. */
export function parseYaml(text: string, file: string, order: number, env: Environment): ParsedFile {
  const lineCounter = new LineCounter();
  const report = new Report(file, order, lineCounter);
  const bomb = endlessNesting.exec(text);
  if (bomb !== null) {
    countLines(text, lineCounter);
    report.mistake(bomb.index, `more than ${String(nestingMax)} brackets open one within the other`, "remove them");
    return { root: null, report };
  }
  const plain = plainTree(text, plainType);
  if (plain?.kind === "map") {
    countLines(text, lineCounter);
    return { root: plain, report };
  }
  const document = parseDocument(text, { lineCounter, schema: "failsafe", uniqueKeys: false, prettyErrors: false });
  for (const { code, message, pos } of document.errors) report.mistake(message.endsWith("quote") ? openQuote(document, pos[0]) : pos[0], syntaxMistake(code, message), mends[code] ?? "mend the YAML here");
  for (const { message, pos } of document.warnings) report.mistake(pos[0], lowerFirst(message), "remove the tag and write the plain value");
  if (report.mistakes.length > 0) return { root: null, report };
  const tree = new TreeBuilder(document, text, report, env);
  if (document.contents === null) return { root: { kind: "map", entries: [], offset: 0 }, report };
  const root = tree.value(document.contents, 0);
  if (root.kind === "map") return { root, report };
  if (root.kind === "scalar" && root.type === "null") return { root: { kind: "map", entries: [], offset: 0 }, report };
  report.mistake(root.offset, "this is not a list of keys", 'write lines of the form "key: value"');
  return { root: null, report };
}

function countLines(text: string, lineCounter: LineCounter): void {
  lineCounter.addNewLine(0);
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineCounter.addNewLine(at + 1);
}

function syntaxMistake(code: ErrorCode, message: string): string {
  if (code === "MULTIPLE_DOCS") return "a second document starts here";
  if (code === "RESOURCE_EXHAUSTION") return "this is nested too deeply";
  return lowerFirst(message);
}

/** Where the quoted text starts that is open at the end of the file; the parser names the end only. */
function openQuote(document: Document, end: number): number {
  let start = end;
  visit(document, {
    Scalar: (_, node) => {
      if (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE") start = node.range?.[0] ?? start;
    },
  });
  return start;
}

const mends: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "indent with spaces",
  BAD_INDENT: "indent it like the lines of the same level",
  BLOCK_AS_IMPLICIT_KEY: 'start a new line, or put the value in "quotes"',
  MULTILINE_IMPLICIT_KEY: 'write "key: value" on one line, with a space after the colon',
  MISSING_CHAR: "add what is missing",
  UNEXPECTED_TOKEN: "remove it, or put the value in \"quotes\"",
  BAD_SCALAR_START: 'put the value in "quotes"',
  BAD_DQ_ESCAPE: "write \\\\ for a backslash, or use 'single quotes'",
  MULTIPLE_DOCS: "keep one document a file and remove the line ---",
  RESOURCE_EXHAUSTION: "write it flatter",
};

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1).replace(/[.;]+$/, "");
}

class TreeBuilder {
  readonly #document: Document;
  readonly #text: string;
  readonly #report: Report;
  readonly #env: Environment;
  readonly #open = new Set<Node>();
  #aliasDepth = 0;
  #aliased = 0;

  constructor(document: Document, text: string, report: Report, env: Environment) {
    this.#document = document;
    this.#text = text;
    this.#report = report;
    this.#env = env;
  }

  /** `fallbackOffset` is where a value that is not written at all would stand. */
  value(node: unknown, fallbackOffset: number): Value {
    if (this.#aliasDepth > 0) this.#aliased++;
    if (isAlias(node)) return this.#alias(node.source, node.resolve(this.#document), node.range?.[0] ?? fallbackOffset);
    if (isScalar(node)) return this.#scalar(node, fallbackOffset);
    if (isSeq(node)) {
      this.#open.add(node);
      const offset = node.range?.[0] ?? fallbackOffset;
      const items = node.items.map((item) => this.value(item, offset));
      this.#open.delete(node);
      return { kind: "list", items, offset };
    }
    if (isMap(node)) {
      this.#open.add(node);
      const offset = node.range?.[0] ?? fallbackOffset;
      const entries = node.items.flatMap((pair) => this.#entry(pair.key, pair.value, offset));
      this.#open.delete(node);
      return { kind: "map", entries: this.#withoutDuplicates(entries), offset };
    }
    return { kind: "scalar", type: "null", text: "", written: "", offset: fallbackOffset };
  }

  #entry(keyNode: unknown, valueNode: unknown, mapOffset: number): MapEntry[] {
    if (isScalar(keyNode) && typeof keyNode.value === "string") {
      const offset = keyNode.range?.[0] ?? mapOffset;
      return [{ key: keyNode.value, offset, value: this.value(valueNode, offset) }];
    }
    const offset = isMap(keyNode) || isSeq(keyNode) || isAlias(keyNode) ? (keyNode.range?.[0] ?? mapOffset) : mapOffset;
    this.#report.mistake(offset, "a key must be a plain word", 'write "key: value"');
    return [];
  }

  #withoutDuplicates(entries: readonly MapEntry[]): MapEntry[] {
    const seen = new Set<string>();
    return entries.filter(({ key, offset }) => {
      if (!seen.has(key)) return seen.add(key);
      this.#report.mistake(offset, `"${shortened(key)}" is written twice`, "keep one of them");
      return false;
    });
  }

  #alias(name: string, target: Node | undefined, offset: number): Value {
    const nothing: Value = { kind: "scalar", type: "refused", text: "", written: "", offset };
    if (target === undefined) {
      this.#report.mistake(offset, `nothing is named &${name}`, "name a value with & before this line, or put the text in \"quotes\"");
      return nothing;
    }
    if (this.#open.has(target)) {
      this.#report.mistake(offset, `*${name} contains itself`, "write the value out");
      return nothing;
    }
    if (this.#aliased >= aliasedValuesMax) {
      this.#report.mistake(offset, `aliases stand for more than ${String(aliasedValuesMax)} values`, "write the values out");
      this.#aliased = Number.NEGATIVE_INFINITY;
    }
    if (this.#aliased < 0) return nothing;
    this.#aliasDepth++;
    const value = this.value(target, offset);
    this.#aliasDepth--;
    return value;
  }

  #scalar(node: Scalar, fallbackOffset: number): ScalarValue {
    const offset = node.range?.[0] ?? fallbackOffset;
    const written = typeof node.value === "string" ? node.value : "";
    const text = this.#filledIn(written, offset, node.range?.[1] ?? offset);
    if (text === null) return { kind: "scalar", type: "refused", text: "", written, offset };
    const type = text !== written ? "free" : node.type === "PLAIN" ? plainType(text) : "text";
    return { kind: "scalar", type, text, written, offset };
  }

  /** Null when a variable was missing. */
  #filledIn(written: string, start: number, end: number): string | null {
    if (!written.includes("${")) return written;
    let isWhole = true;
    const text = written.replace(/(\$?)\$\{([^}]*)\}/g, (whole, escape: string, name: string) => {
      if (escape !== "") return whole.slice(1);
      const value = this.#env[name];
      if (value !== undefined) return value;
      isWhole = false;
      const at = this.#text.slice(start, end).indexOf(whole);
      const mend = `set ${name}, or write the value itself ($$\{ stands for a plain $\{)`;
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) this.#report.mistake(start + Math.max(0, at), `the environment has no variable ${name}`, mend);
      else this.#report.mistake(start + Math.max(0, at), `"${shortened(whole)}" names no environment variable`, "write ${NAME}, or $${ for a plain ${");
      return "";
    });
    return isWhole ? text : null;
  }
}

function plainType(text: string): ScalarValue["type"] {
  if (text === "" || text === "~" || /^null$/i.test(text)) return "null";
  if (/^(?:true|false)$/i.test(text)) return "boolean";
  return /^[-+]?(?:\d[\d_]*(?:\.\d*)?(?:e[-+]?\d+)?|0x[0-9a-f]+|0o[0-7]+)$/i.test(text) ? "number" : "text";
}

/** Text of the file as a message may show it: one line, at most 60 characters. */
export function shortened(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f]+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
