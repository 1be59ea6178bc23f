import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import type { RootDatabase } from "lmdb";
import type { Cancel, Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { lockFolder } from "./folder-lock.ts";
import type { FolderLock } from "./folder-lock.ts";
import { LMDB_OPTIONS, walkStore } from "./integrity-check.ts";
import { decodeRecord, encodeEntry, fileKey, fileKeyRange, FORMAT_KEY, intactVersion, isTombstone, STORE_FORMAT } from "./record-codec.ts";
import type { Store, StoredRecord, Table } from "./store.ts";
import { versionClock, versionTimeMs } from "./version-clock.ts";

/** How long a write waits for others to share its commit. */
export const COMMIT_DELAY_MS = 20;
/** Writes that are handed to the library in one go: under 1 ms of this thread. */
export const BATCH_MAX = 128;
/** After a failed commit the same writes are tried again so much later. */
export const RETRY_MS = 1000;
/** How long a deletion's mark is kept for a second server to see. */
export const TOMBSTONE_MS = 86_400_000;

/** What the store needs. `folder` is made (for this user alone) when it is missing; `node` is this server's name. */
export interface EmbeddedStoreDeps {
  readonly folder: string;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the durable store of one server: `FOLDER/store.mdb`. Rejects with UnavailableError, which names the path and the mend, when another server uses the
 *  folder, when the file is damaged, of a newer format, or not ours; the file is left as it is. */
export async function openEmbeddedStore(deps: EmbeddedStoreDeps): Promise<Store> {
  const { folder } = deps;
  const file = join(folder, "store.mdb");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UnavailableError(`data folder ${folder} cannot be made; name another with --data, or make it writable`, { cause });
  }
  const lock = await lockFolder(folder);
  let db: Database | null = null;
  try {
    if (existsSync(file)) await walkStore(file);
    db = open<Buffer, Buffer>({ path: file, ...LMDB_OPTIONS });
    const store = new EmbeddedStore(deps, db, lock);
    store.read();
    await store.flushed();
    return store;
  } catch (cause) {
    await db?.close();
    lock.release();
    if (cause instanceof NewerStore) throw cause;
    const seen = cause instanceof Error ? cause.message : "unknown";
    throw new UnavailableError(`store ${file} cannot be read (${seen}); restore it from a backup, or move it away to begin with an empty one`, { cause });
  }
}

type Database = RootDatabase<Buffer, Buffer>;

class NewerStore extends UnavailableError {}

interface Write {
  readonly table: Table;
  readonly key: string;
  readonly value: { readonly json: unknown } | null;
  readonly version: number;
  /** The number of the write that put this key in line. */
  readonly sequence: number;
}

interface Waiter {
  readonly upTo: number;
  resolve(): void;
  reject(err: UnavailableError): void;
}

/** Writes wait in a map, newest of a key only, and go to the library's own thread in batches, one batch at a time: a slow disk makes fewer, larger
 *  commits, never a stalled server. The map is bounded by the tables whose records it holds. */
class EmbeddedStore implements Store {
  readonly #deps: EmbeddedStoreDeps;
  readonly #db: Database;
  readonly #lock: FolderLock;
  readonly #versions;
  #pending = new Map<string, Write>();
  #writing = new Map<string, Write>();
  #waiters: Waiter[] = [];
  #sequence = 0;
  #cancel: Cancel | null = null;
  /** True from a failed commit to the next try. */
  #isFailing = false;
  /** True from a failed commit to the next good one. */
  #isTold = false;
  #isClosed = false;

  constructor(deps: EmbeddedStoreDeps, db: Database, lock: FolderLock) {
    this.#deps = deps;
    this.#db = db;
    this.#lock = lock;
    this.#versions = versionClock(deps.clock);
  }

  /** At start: checks format and records, takes note of the largest version, drops old tombstones. Throws UnavailableError. */
  read(): void {
    const format = this.#db.get(Buffer.from(FORMAT_KEY));
    if (format === undefined) {
      for (const entry of this.#db.getRange({ limit: 1 })) throw new UnavailableError(`a file of another program, it holds ${entry.key.toString()}`);
      track(this.#db.put(Buffer.from(FORMAT_KEY), Buffer.from(`lamplight ${String(STORE_FORMAT)}`)));
      return;
    }
    const [, number = "0"] = /^lamplight (\d+)$/.exec(format.toString()) ?? [];
    if (Number(number) > STORE_FORMAT)
      throw new NewerStore(
        `store ${join(this.#deps.folder, "store.mdb")} has format ${number}, this program knows up to ${String(STORE_FORMAT)}; start the newer program, or give this one a folder of its own with --data`,
      );
    if (Number(number) < 1) throw new UnavailableError("its format is unreadable");
    const oldMs = this.#deps.clock.now() - TOMBSTONE_MS;
    for (const { key, value } of this.#db.getRange()) {
      const name = key.toString();
      if (name === FORMAT_KEY) continue;
      const version = intactVersion(value);
      if (version === null) throw new UnavailableError(`the record ${name.replace("\0", " ")} is damaged`);
      this.#versions.observe(version);
      if (versionTimeMs(version) < oldMs && value.length < 512 && isTombstone(value)) track(this.#db.remove(key));
    }
  }

  *load(table: Table): Iterable<StoredRecord> {
    const { start, end } = fileKeyRange(table);
    const newer = new Map([...this.#writing, ...this.#pending]);
    for (const { key, value } of this.#db.getRange({ start: Buffer.from(start), end: Buffer.from(end) })) {
      const name = key.toString();
      const record = newer.has(name) ? null : decodeRecord(name, value);
      if (record !== null) yield record;
    }
    for (const write of newer.values())
      if (write.table === table && write.value !== null) yield { key: write.key, value: write.value.json, node: this.#deps.node, version: write.version };
  }

  put(table: Table, key: string, value: unknown): void {
    this.#write(table, key, { json: value });
  }

  delete(table: Table, key: string): void {
    this.#write(table, key, null);
  }

  flushed(): Promise<void> {
    if (this.#isFailing) return Promise.reject(this.#failure());
    if (this.#pending.size === 0 && this.#writing.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo: this.#sequence, resolve, reject });
      this.#drain();
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isFailing = false;
    try {
      await this.flushed();
      await this.#db.flushed;
    } catch (err) {
      // UnavailableError: what could not be written is lost with us; the operator is told.
      this.#deps.log.error({ err, path: this.#deps.folder, count: this.#pending.size }, "store closed with unwritten records");
    }
    this.#cancel?.();
    await this.#db.close();
    this.#lock.release();
  }

  #write(table: Table, key: string, value: { readonly json: unknown } | null): void {
    if (this.#isClosed) return;
    const at = fileKey(table, key);
    const sequence = this.#pending.get(at)?.sequence ?? ++this.#sequence;
    this.#pending.set(at, { table, key, value, version: this.#versions.next(), sequence });
    this.#schedule(COMMIT_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    this.#cancel ??= this.#deps.clock.after(delayMs, () => {
      this.#cancel = null;
      this.#isFailing = false;
      this.#drain();
    });
  }

  /** Hands the next batch to the library unless one is on its way. */
  #drain(): void {
    if (this.#writing.size > 0 || this.#pending.size === 0 || this.#isFailing) return;
    const commits = new Set<Promise<boolean>>();
    for (const [at, write] of this.#pending) {
      if (this.#writing.size === BATCH_MAX) break;
      this.#pending.delete(at);
      this.#writing.set(at, write);
      const bytes = this.#encoded(at, write);
      if (bytes !== null) commits.add(this.#db.put(Buffer.from(at), bytes));
    }
    Promise.all(commits).then(
      () => {
        this.#committed();
      },
      (cause: unknown) => {
        this.#failed(cause);
      },
    );
  }

  #encoded(at: string, write: Write): Buffer | null {
    try {
      return encodeEntry({ node: this.#deps.node, version: write.version, value: write.value }, write.key, at);
    } catch (err) {
      this.#deps.log.error({ err, message: write.table }, "record not stored");
      return null;
    }
  }

  #committed(): void {
    if (this.#isTold) this.#deps.log.warn({ path: this.#deps.folder, count: this.#pending.size }, "store can be written again");
    this.#isTold = false;
    this.#writing.clear();
    const oldest = this.#oldestSequence();
    const done = this.#waiters.filter(({ upTo }) => upTo < oldest);
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo >= oldest);
    for (const waiter of done) waiter.resolve();
    this.#drain();
  }

  #failed(cause: unknown): void {
    if (!this.#isTold) this.#deps.log.error({ err: cause, path: this.#deps.folder }, "store cannot be written; trying again every second");
    this.#isTold = true;
    trackCommitError(cause);
    this.#isFailing = true;
    const again = new Map<string, Write>();
    for (const [at, write] of this.#writing) again.set(at, { ...(this.#pending.get(at) ?? write), sequence: write.sequence });
    for (const [at, write] of this.#pending) if (!again.has(at)) again.set(at, write);
    this.#pending = again;
    this.#writing = new Map();
    for (const waiter of this.#waiters) waiter.reject(this.#failure(cause));
    this.#waiters = [];
    if (!this.#isClosed) this.#schedule(RETRY_MS);
  }

  #failure(cause?: unknown): UnavailableError {
    return new UnavailableError(`store in ${this.#deps.folder} cannot be written; is the disk full?`, { cause });
  }

  #oldestSequence(): number {
    for (const { sequence } of this.#pending.values()) return sequence;
    return Infinity;
  }
}

/** The library's own promises must not be lost: a failed one would end the process. */
function track(commit: Promise<boolean>): void {
  commit.catch(trackCommitError);
}

/** A failed commit carries the disk's error as a second promise. */
function trackCommitError(err: unknown): void {
  if (err instanceof Error && "commitError" in err && err.commitError instanceof Promise) err.commitError.catch(() => undefined);
}
