import { Header, headerLine, type HeaderId } from "./header-name.ts";
import { elementEnd } from "./list-element.ts";
import type { Message } from "./message.ts";

/** One change to a message on its way through: a value, applied when the message is spliced. */
export type Edit =
  | { readonly kind: "add"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "replace"; readonly name: string; readonly value: string }
  | { readonly kind: "uri"; readonly uri: string }
  | { readonly kind: "body"; readonly contentType: string; readonly body: string };

/** Changes to one message; none costs nothing. */
export type Edits = readonly Edit[];

/** No change. */
export const noEdits: Edits = [];

/** Collects replacements of parts of one text and makes the new text of them. Reused: `begin` starts the next message. */
export class Splice {
  #text = "";
  #count = 0;
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #put: string[] = [];

  /** Starts on a text. */
  begin(text: string): this {
    this.#text = text;
    this.#count = 0;
    return this;
  }

  /** Puts `text` in the place of what stands from `from` to `to`. Parts may be given in any order but may not overlap;
   *  two at the same place stand in the order in which they were given. */
  replace(from: number, to: number, text: string): void {
    let at = this.#count++;
    // Nearly always the last one: what comes behind it moves up.
    for (; at > 0 && (this.#from[at - 1] ?? 0) > from; at--) {
      this.#from[at] = this.#from[at - 1] ?? 0;
      this.#to[at] = this.#to[at - 1] ?? 0;
      this.#put[at] = this.#put[at - 1] ?? "";
    }
    this.#from[at] = from;
    this.#to[at] = to;
    this.#put[at] = text;
  }

  /** The new text. */
  end(): string {
    let made = "";
    let at = 0;
    for (let part = 0; part < this.#count; part++) {
      const from = this.#from[part] ?? 0;
      if (from > at) made += this.#text.slice(at, from);
      made += this.#put[part] ?? "";
      this.#put[part] = "";
      at = Math.max(at, this.#to[part] ?? at);
    }
    return made + this.#text.slice(at);
  }
}

/** Adds the edits to a splice that was begun on the message's text. */
export function spliceEdits(splice: Splice, message: Message, edits: Edits): void {
  for (const edit of edits) {
    switch (edit.kind) {
      case "uri":
        splice.replace(message.uriStart, message.uriEnd, edit.uri);
        break;
      case "add":
        splice.replace(message.headersEnd, message.headersEnd, `${edit.name}: ${edit.value}\r\n`);
        break;
      case "remove":
        removeLines(splice, message, edit.name);
        break;
      case "replace":
        removeLines(splice, message, edit.name);
        splice.replace(message.headersEnd, message.headersEnd, `${edit.name}: ${edit.value}\r\n`);
        break;
      case "body":
        removeLines(splice, message, "Content-Type");
        removeLines(splice, message, "c");
        removeLines(splice, message, "Content-Length");
        removeLines(splice, message, "l");
        splice.replace(message.headersEnd, message.headersEnd, headerLine(Header.contentType, edit.contentType) + headerLine(Header.contentLength, String(edit.body.length)));
        splice.replace(message.bodyStart, message.text.length, edit.body);
        break;
    }
  }
}

/** Takes the first `count` elements of a list header (Via, Route) off the message. */
export function spliceOffTop(splice: Splice, message: Message, id: HeaderId, count: number): void {
  let left = count;
  if (count === 1 && message.isSingle(id)) {
    const line = message.lineOf(id);
    splice.replace(message.lineStart(line), message.lineEnd(line), "");
    return;
  }
  for (let line = message.lineOf(id); line !== -1 && left > 0; line = message.lineOf(id, line)) {
    const end = message.valueEnd(line);
    let at = message.valueStart(line);
    while (at < end && left > 0) {
      const stop = elementEnd(message.text, at, end);
      left--;
      at = stop < end ? stop + 1 : end;
    }
    while (at < end && message.text.charCodeAt(at) <= 32) at++;
    if (at >= end) splice.replace(message.lineStart(line), message.lineEnd(line), "");
    else splice.replace(message.valueStart(line), at, "");
  }
}

function removeLines(splice: Splice, message: Message, name: string): void {
  const lower = name.toLowerCase();
  for (let line = 0; line < message.lineCount; line++) {
    if (message.lineName(line).toLowerCase() === lower) splice.replace(message.lineStart(line), message.lineEnd(line), "");
  }
}
