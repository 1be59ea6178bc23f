import { UnavailableError } from "../base/errors.ts";
import { decodeRecord, HEADER_BYTES, isIntactAt, isTombstoneAt } from "./record-codec.ts";
import { TABLES } from "./journal-layout.ts";
import type { StoredRecord, Table } from "./store.ts";
import { versionTimeMs } from "./version-clock.ts";

const SEPARATOR = 0;
const HASH = 35;

/** The live entries of one table: keys, and the places of their values. */
interface Entries {
  readonly table: Table;
  readonly keys: string[];
  readonly places: number[];
}

/** What one pass over the bytes of a store's file tells; nothing is decoded before `records` is asked. Half a second for 200,000. Holds the file's bytes. */
export class StoreSurvey {
  /** The largest version. */
  version = 0;
  /** The first record that is damaged; null when all are sound. */
  damaged: string | null = null;
  /** File keys of deletions' marks from before the time that was given. */
  readonly oldMarks: Buffer[] = [];
  readonly #tables = new Map<string, Entries>(TABLES.map((table) => [table, { table, keys: [], places: [] }]));
  readonly #oldMs: number;
  #bytes: Buffer | null = null;

  constructor(oldMs: number) {
    this.#oldMs = oldMs;
  }

  /** Takes the entry whose file key and value stand at these places. */
  readonly take = (bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number): void => {
    if (bytes[keyStart] === SEPARATOR) return;
    this.#bytes = bytes;
    if (end - start < HEADER_BYTES || !isIntactAt(bytes, keyStart, keyEnd, start, end)) {
      this.damaged ??= bytes.toString("utf8", keyStart, keyEnd).replace("\0", " ");
      return;
    }
    const version = bytes.readDoubleBE(start + 4);
    this.version = Math.max(this.version, version);
    if (isTombstoneAt(bytes, start, end)) {
      if (versionTimeMs(version) < this.#oldMs) this.oldMarks.push(Buffer.from(bytes.subarray(keyStart, keyEnd)));
      return;
    }
    const atKey = bytes.toString("utf8", keyStart, keyEnd);
    const separator = atKey.indexOf("\0");
    const entries = this.#tables.get(atKey.slice(0, separator));
    if (entries === undefined) return;
    entries.keys.push(atKey.charCodeAt(separator + 1) === HASH ? (decodeRecord(atKey, bytes.subarray(start, end))?.key ?? "") : atKey.slice(separator + 2));
    entries.places.push(start, end);
  };

  /** The live keys of a table. */
  keys(table: Table): readonly string[] {
    return this.#tables.get(table)?.keys ?? [];
  }

  /** The live records of a table, those of `without` left out; each is decoded when its value is read. */
  *records(table: Table, without: (key: string) => boolean): Generator<StoredRecord> {
    const entries = this.#tables.get(table);
    const bytes = this.#bytes;
    if (entries === undefined || bytes === null) return;
    for (const [at, key] of entries.keys.entries()) {
      if (!without(key)) yield new SurveyedRecord(key, bytes, entries.places[2 * at] ?? 0, entries.places[2 * at + 1] ?? 0);
    }
  }
}

/** A record that stands in the file's bytes. Its value and its node throw UnavailableError when it is none of ours. */
class SurveyedRecord implements StoredRecord {
  readonly key: string;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;

  constructor(key: string, bytes: Buffer, start: number, end: number) {
    this.key = key;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  get value(): unknown {
    return this.#content()[1];
  }

  get node(): string {
    return String(this.#content()[0]);
  }

  get version(): number {
    return this.#bytes.readDoubleBE(this.#start + 4);
  }

  #content(): readonly unknown[] {
    const content: unknown = JSON.parse(this.#bytes.toString("utf8", this.#start + HEADER_BYTES, this.#end));
    if (!Array.isArray(content) || typeof content[0] !== "string") throw new UnavailableError("a record of another kind");
    return content;
  }
}
