import { open } from "lmdb";
import type { RootDatabase } from "lmdb";
import { UnavailableError } from "../base/errors.ts";
import { decodeRecord, encodeEntry, fileKey, fileKeyRange, FORMAT_KEY, intactVersion, isTombstoneAt, JOURNAL_KEY, STORE_FORMAT } from "./record-codec.ts";
import type { StoredRecord, Table } from "./store.ts";
import { versionTimeMs } from "./version-clock.ts";

/** How a store's file is opened: everywhere alike. A transaction is on the disk when it returns. */
export const LMDB_OPTIONS = { encoding: "binary", keyEncoding: "binary", mapSize: 1 << 28, eventTurnBatching: false, overlappingSync: false } as const;

/** How long a deletion's mark is kept for a second server to see. */
export const TOMBSTONE_MS = 86_400_000;

/** A change of one key, the newest. `json` is null for a deletion. */
export interface Change {
  readonly table: Table;
  readonly key: string;
  readonly json: string | null;
  readonly version: number;
  /** The server that made it. */
  readonly node: string;
}

/** Which store a file is, the sequence number up to which the journal is in it, and the largest version that was ever used. */
export interface StoreMark {
  readonly name: string;
  readonly applied: number;
  readonly version: number;
}

/** The format is of a later version of the program. */
export class NewerFormat extends UnavailableError {}

/** One store's file, `store.mdb`; used by one thread at a time. Every write is one transaction, on the disk when the call returns. */
export class StoreFile {
  readonly #db: RootDatabase<Buffer, Buffer>;

  /** Opens or makes it. The file must have passed `checkPages`: a broken page would end the process. */
  constructor(path: string) {
    this.#db = open<Buffer, Buffer>({ path, ...LMDB_OPTIONS });
  }

  /** The file's format, null for a file that is new. Throws UnavailableError when it is none of ours, NewerFormat (with its number as the message) for a later one. */
  format(): number | null {
    const format = this.#db.get(Buffer.from(FORMAT_KEY));
    if (format === undefined) {
      for (const entry of this.#db.getRange({ limit: 1 })) throw new UnavailableError(`a file of another program, it holds ${entry.key.toString()}`);
      return null;
    }
    const [, number = "0"] = /^lamplight (\d+)$/.exec(format.toString()) ?? [];
    if (Number(number) > STORE_FORMAT) throw new NewerFormat(number);
    if (Number(number) < 1) throw new UnavailableError("its format is unreadable");
    return Number(number);
  }

  /** Which store it is; null for one of format 1 or a new one. */
  mark(): StoreMark | null {
    const bytes = this.#db.get(Buffer.from(JOURNAL_KEY));
    if (bytes === undefined) return null;
    const mark: unknown = JSON.parse(bytes.toString());
    if (typeof mark !== "object" || mark === null || !("name" in mark) || !("applied" in mark) || !("version" in mark) || typeof mark.name !== "string")
      throw new UnavailableError("its mark is unreadable");
    const { name, applied, version } = mark;
    if (!Number.isSafeInteger(applied) || !Number.isSafeInteger(version)) throw new UnavailableError("its mark is unreadable");
    return { name, applied: Number(applied), version: Number(version) };
  }

  /** Makes it a file of the present format. */
  begin(mark: StoreMark): void {
    this.#db.transactionSync(() => {
      this.#db.putSync(Buffer.from(FORMAT_KEY), Buffer.from(`lamplight ${String(STORE_FORMAT)}`));
      this.#putMark(mark);
    });
  }

  /** Every entry's version; drops the marks of deletions from before `oldMs`. Throws UnavailableError at a damaged one. */
  walk(oldMs: number, onEntry: (version: number) => void): void {
    const old: Buffer[] = [];
    for (const { key, value } of this.#db.getRange()) {
      if (key[0] === 0) continue;
      const version = intactVersion(value, key);
      if (version === null) throw new UnavailableError(`the record ${key.toString().replace("\0", " ")} is damaged`);
      onEntry(version);
      if (versionTimeMs(version) < oldMs && isTombstoneAt(value, 0, value.length)) old.push(Buffer.from(key));
    }
    this.remove(old);
  }

  /** Removes entries by their file keys, marks and all. */
  remove(old: readonly Buffer[]): void {
    if (old.length === 0) return;
    this.#db.transactionSync(() => {
      for (const key of old) this.#db.removeSync(key);
    });
  }

  /** Drops the marks of deletions from before `oldMs`. Reads everything: seconds with millions of marks. */
  sweep(oldMs: number): void {
    this.walk(oldMs, () => undefined);
  }

  /** All live records of a table. */
  *records(table: Table): Generator<StoredRecord> {
    const { start, end } = fileKeyRange(table);
    for (const { key, value } of this.#db.getRange({ start: Buffer.from(start), end: Buffer.from(end) })) {
      const record = decodeRecord(key.toString(), value);
      if (record !== null) yield record;
    }
  }

  /** Writes changes and, unless null, the mark. A key that is deleted and was never here leaves no mark. Throws when the disk refuses: then nothing was written. */
  apply(changes: Iterable<Change>, mark: StoreMark | null): void {
    this.#db.transactionSync(() => {
      for (const { table, key, json, version, node } of changes) {
        const at = fileKey(table, key);
        const atBytes = Buffer.from(at);
        if (json === null && !this.#db.doesExist(atBytes)) continue;
        this.#db.putSync(atBytes, encodeEntry({ node, version, json }, key, at));
      }
      if (mark !== null) this.#putMark(mark);
    });
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #putMark(mark: StoreMark): void {
    this.#db.putSync(Buffer.from(JOURNAL_KEY), Buffer.from(JSON.stringify(mark)));
  }
}
