import { crc32 } from "node:zlib";
import { decodeRecord, HEADER_BYTES, isIntact, isTombstone } from "./record-codec.ts";
import { TABLES } from "./journal-layout.ts";
import type { Table } from "./store.ts";
import { versionTimeMs } from "./version-clock.ts";

const NAMES = new Map<string, Table>(TABLES.map((table) => [table, table]));
const SEPARATOR = 0;
const HASH = 35;

/** What one pass over the entries of a store's file tells, before anything is decoded: half a second for 200,000. */
export class StoreSurvey {
  /** The largest version. */
  version = 0;
  /** The first record that is damaged; null when all are sound. */
  damaged: string | null = null;
  /** The live keys of each table. */
  readonly known = new Map<Table, Set<string>>(TABLES.map((table) => [table, new Set<string>()]));
  /** File keys of deletions' marks from before the time that was given. */
  readonly oldMarks: Buffer[] = [];
  readonly #oldMs: number;

  constructor(oldMs: number) {
    this.#oldMs = oldMs;
  }

  /** Takes the entry whose file key and value stand at these places. */
  readonly take = (bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number): void => {
    if (bytes[keyStart] === SEPARATOR) return;
    const value = bytes.subarray(start, end);
    if (end - start < HEADER_BYTES || !isIntact(value, crc32(bytes.subarray(keyStart, keyEnd)))) {
      this.damaged ??= bytes.toString("utf8", keyStart, keyEnd).replace("\0", " ");
      return;
    }
    const version = value.readDoubleBE(4);
    this.version = Math.max(this.version, version);
    if (isTombstone(value)) {
      if (versionTimeMs(version) < this.#oldMs) this.oldMarks.push(Buffer.from(bytes.subarray(keyStart, keyEnd)));
      return;
    }
    const separator = bytes.indexOf(SEPARATOR, keyStart);
    const table = NAMES.get(bytes.toString("latin1", keyStart, separator));
    if (table === undefined) return;
    const atKey = bytes.toString("utf8", keyStart, keyEnd);
    const key = bytes[separator + 1] === HASH ? decodeRecord(atKey, value)?.key : atKey.slice(table.length + 2);
    if (key !== undefined) this.known.get(table)?.add(key);
  };
}
