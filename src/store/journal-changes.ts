import { UnavailableError } from "../base/errors.ts";
import { HEADER_BYTES, KIND, TABLES } from "./journal-layout.ts";
import { keyOf, recordAt, textOf, type JournalRecord } from "./journal-reader.ts";
import type { Change } from "./store-file.ts";

/** The newest change of every key that a stretch of a journal names. */
export class JournalChanges {
  readonly #newest = new Map<string, Change>();
  readonly #noted = new Map<string, number>();

  get size(): number {
    return this.#newest.size;
  }

  /** In the order of the keys, so that neighbours in the store's file are written together. */
  values(): readonly Change[] {
    return [...this.#newest].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, change]) => change);
  }

  clear(): void {
    this.#newest.clear();
  }

  /** Takes the records at those places of a segment, which that server wrote: each the newest of its key there. Throws as `settle`. */
  take(segment: Buffer, offsets: Iterable<number>, node: string): void {
    for (const offset of offsets) this.#takeOne(segment, offset, node);
  }

  /** Notes the record at that place of a segment; `settle` follows before the next segment. */
  note(segment: Buffer, offset: number): void {
    const kind = segment[offset + 39];
    if (kind !== KIND.begin) this.#noted.set(rawKey(segment, offset, kind), offset);
  }

  /** Takes what was noted of a segment, which that server wrote. What was overtaken within it is never decoded. Throws UnavailableError at a record that this program does not know or that is damaged. */
  settle(segment: Buffer, node: string): void {
    this.take(segment, this.#noted.values(), node);
    this.#noted.clear();
  }

  #takeOne(segment: Buffer, offset: number, node: string): void {
    const record = recordAt(segment, offset);
    if (record === null) throw new UnavailableError("the journal holds a damaged record");
    const change = changeOf(segment, record, node);
    this.#newest.set(`${change.table}\0${change.key}`, change);
  }
}

/** Distinct for distinct keys; of a wrapped put and its deletion too, which is harmless. */
function rawKey(segment: Buffer, offset: number, kind: number | undefined): string {
  if (kind === KIND.wrappedPut || kind === KIND.wrappedDelete) return `\0${String(offset)}`;
  // The table's number stands before the kind; with it each table has its own keys.
  return String.fromCharCode(segment[offset + 38] ?? 0) + segment.toString("latin1", offset + HEADER_BYTES, offset + HEADER_BYTES + segment.readUInt16LE(offset + 36));
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
