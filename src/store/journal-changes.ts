import { UnavailableError } from "../base/errors.ts";
import { HEADER_BYTES, KIND, TABLES } from "./journal-layout.ts";
import { keyOf, textOf, type JournalRecord } from "./journal-reader.ts";
import type { Change } from "./store-file.ts";

/** The newest change of every key that a stretch of a journal names. */
export class JournalChanges {
  readonly #newest = new Map<string, Change>();

  get size(): number {
    return this.#newest.size;
  }

  /** In the order in which the keys first came. */
  values(): IterableIterator<Change> {
    return this.#newest.values();
  }

  clear(): void {
    this.#newest.clear();
  }

  /** Takes records that a server wrote into one segment, in their order. What is overtaken within them is never decoded. Throws UnavailableError at one that this program does not know. */
  take(segment: Buffer, records: Iterable<JournalRecord>, node: string): void {
    const newest = new Map<string, JournalRecord>();
    for (const record of records) if (record.kind !== KIND.begin) newest.set(rawKey(segment, record), record);
    for (const record of newest.values()) {
      const change = changeOf(segment, record, node);
      this.#newest.set(`${change.table}\0${change.key}`, change);
    }
  }
}

/** Distinct for distinct keys; of a wrapped put and its deletion too, which is harmless. */
function rawKey(segment: Buffer, record: JournalRecord): string {
  const start = record.offset + HEADER_BYTES;
  const isWrapped = record.kind === KIND.wrappedPut || record.kind === KIND.wrappedDelete;
  return isWrapped ? `\0${String(record.sequence)}` : String.fromCharCode(record.table) + segment.toString("latin1", start, start + record.keyLength);
}

function changeOf(segment: Buffer, record: JournalRecord, node: string): Change {
  const { version } = record;
  const table = TABLES[record.table];
  if (table === undefined) throw new UnavailableError("the journal holds a table that this program does not know; start the newer program");
  if (record.kind === KIND.put) return { table, key: keyOf(segment, record), json: textOf(segment, record), version, node };
  if (record.kind === KIND.delete) return { table, key: keyOf(segment, record), json: null, version, node };
  const wrapped: unknown = JSON.parse(textOf(segment, record));
  const [key, value] = fieldsOf(wrapped);
  if (typeof key !== "string") throw new UnavailableError("the journal holds a record of another kind");
  return { table, key, json: record.kind === KIND.wrappedPut ? JSON.stringify(value) : null, version, node };
}

function fieldsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
