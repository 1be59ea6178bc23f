import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { UnavailableError } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";
import type { EmbeddedStoreDeps } from "./embedded-store-deps.ts";
import { lockFolder } from "./folder-lock.ts";
import type { FolderLock } from "./folder-lock.ts";
import { startAhead } from "./journal-ahead.ts";
import { Journal } from "./journal.ts";
import { isOdd, KIND, SEGMENT_BYTES, TABLES } from "./journal-layout.ts";
import { recover, type Start } from "./recovery.ts";
import { checkPages } from "./page-check.ts";
import { STORE_FORMAT } from "./record-codec.ts";
import { carryOutRestore } from "./staged-restore.ts";
import { NewerFormat, StoreFile, TOMBSTONE_MS, type Change } from "./store-file.ts";
import { StoreSurvey } from "./store-survey.ts";
import { STALL_MS, type Store, type StoredRecord, type StoreHealth, type Table } from "./store.ts";
import { versionClock, type VersionClock } from "./version-clock.ts";

/** Opens the durable store of one server: `FOLDER/store.mdb` and the journal beside it. What the journal holds beyond the file, because the last run ended without closing,
 *  is carried over. Rejects with UnavailableError, which names the path and the mend, when another server uses the folder, when a file is damaged, of a newer format, or not
 *  ours; the files are left as they are. */
export async function openEmbeddedStore(deps: EmbeddedStoreDeps): Promise<Store> {
  const { folder } = deps;
  const path = join(folder, "store.mdb");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UnavailableError(`data folder ${folder} cannot be made; name another with --data, or make it writable`, { cause });
  }
  const lock = await lockFolder(folder);
  let file: StoreFile | null = null;
  let ahead: Worker | null = null;
  try {
    const restored = await carryOutRestore(folder, newName(), deps.clock.now());
    if (restored !== null) deps.log.warn({ path: folder, count: restored.records, reason: restored.old ?? "there was none" }, "store restored from a backup; the old one was moved aside");
    ahead = startAhead(deps.programs.workerPath);
    const survey = new StoreSurvey(deps.clock.now() - TOMBSTONE_MS);
    if (existsSync(path)) checkPages(path, survey.take);
    file = new StoreFile(path);
    const versions = versionClock(deps.clock);
    const start = recover({ folder, log: deps.log, newName: newName() }, file, survey, versions);
    const store = new EmbeddedStore(deps, file, lock, versions, survey, start.changes);
    await store.open(start, ahead);
    return store;
  } catch (cause) {
    await ahead?.terminate();
    await file?.close();
    lock.release();
    if (cause instanceof NewerFormat)
      throw new UnavailableError(
        `store ${path} has format ${cause.message}, this program knows up to ${String(STORE_FORMAT)}; start the newer program, or give this one a folder of its own with --data`,
      );
    if (cause instanceof CannotWrite) throw cause;
    const seen = cause instanceof Error ? cause.message : "unknown";
    throw new UnavailableError(`store ${path} cannot be read (${seen}); restore it from a backup, or move the folder away to begin with an empty one`, { cause });
  }
}

function newName(): string {
  return Buffer.from(systemRandom().bytes(12)).toString("hex");
}

class CannotWrite extends UnavailableError {}

/** How long closing waits for the journal to take what waits in memory. */
const DRAIN_MS = 2000;

/** In place of a value: the key is deleted. */
const DELETED = Symbol("deleted");
/** In place of a value: nothing is to be done. */
const NOTHING = Symbol("nothing");

/** One table's part of the batch that gathers. */
interface TableBatch {
  readonly table: Table;
  readonly number: number;
  /** The keys that live in the store: what is deleted without having been there costs nothing. */
  readonly known: Set<string>;
  /** Of those that ever were known: what a record of the journal cannot carry as a key. */
  readonly odd: Set<string>;
  /** Places in the batch. */
  readonly places: Map<string, number>;
}

interface Waiter {
  readonly sequence: number;
  readonly since: number;
  readonly done: (isKept: boolean) => void;
}

/** Changes gather in a batch, the newest of a key, until a commit appends them to the journal. What the journal has no room for waits in memory, the newest of a key: bounded by
 *  the tables whose records it holds. */
class EmbeddedStore implements Store {
  readonly #deps: EmbeddedStoreDeps;
  readonly #versions: VersionClock;
  readonly #lock: FolderLock;
  readonly #batches: Readonly<Record<Table, TableBatch>>;
  #file: StoreFile | null;
  #journal: Journal | null = null;
  isImmediate = false;
  #count = 0;
  readonly #rows: TableBatch[] = [];
  readonly #keys: string[] = [];
  readonly #values: unknown[] = [];
  /** What found no room in the journal; it goes there before anything newer does. */
  #unwritten = new Map<string, { readonly batch: TableBatch; readonly key: string; readonly value: unknown }>();
  /** What was put since the opening, for `load`. */
  #early: Map<string, { readonly table: Table; readonly key: string; readonly value: unknown; readonly node: string; readonly version: number }> | null = new Map();
  /** The file as it was opened, for `load`. */
  #survey: StoreSurvey | null;
  #waiters: Waiter[] = [];
  #flushes: { readonly resolve: () => void; readonly reject: (err: UnavailableError) => void }[] = [];
  #isClosed = false;

  constructor(deps: EmbeddedStoreDeps, file: StoreFile, lock: FolderLock, versions: VersionClock, survey: StoreSurvey, changes: readonly Change[]) {
    this.#deps = deps;
    this.#file = file;
    this.#lock = lock;
    this.#versions = versions;
    const batch = (table: Table): TableBatch => ({ table, number: TABLES.indexOf(table), known: new Set(survey.keys(table)), odd: new Set(survey.keys(table).filter(isOdd)), places: new Map() });
    this.#batches = {
      bindings: batch("bindings"),
      publications: batch("publications"),
      subscriptions: batch("subscriptions"),
      dialogs: batch("dialogs"),
      settings: batch("settings"),
      presence: batch("presence"),
      refreshes: batch("refreshes"),
    };
    this.#survey = survey;
    for (const { table, key, json, node, version } of changes) {
      if (json === null) this.#batches[table].known.delete(key);
      else this.#batches[table].known.add(key);
      if (isOdd(key)) this.#batches[table].odd.add(key);
      this.#early?.set(`${table}\0${key}`, { table, key, value: json === null ? DELETED : JSON.parse(json), node, version });
    }
  }

  async open(start: Start, ahead: Worker): Promise<void> {
    const { folder, node, clock, log, programs, durability } = this.#deps;
    try {
      this.#journal = await Journal.open({
        folder,
        node,
        storeName: start.mark.name,
        ...programs,
        ahead,
        isFull: durability === "full",
        segmentBytes: this.#deps.segmentBytes ?? SEGMENT_BYTES,
        sequence: start.mark.applied,
        version: this.#versions.next(),
        generation: start.generation,
        clock,
        log,
        onChange: () => {
          this.#settle();
        },
        onStuck: () => this.#deps.onStuck?.(),
      });
    } catch (cause) {
      throw cause instanceof UnavailableError ? new CannotWrite(cause.message, { cause }) : cause;
    }
    this.isImmediate = durability === "fast" && this.#journal.isMapped;
  }

  *load(table: Table): Iterable<StoredRecord> {
    if (this.#early === null || this.#survey === null) throw new UnavailableError("the store is read at start only");
    this.commit();
    const early = new Map(this.#early);
    yield* this.#survey.records(table, (key) => early.size > 0 && early.has(`${table}\0${key}`));
    for (const { table: of, key, value, node, version } of early.values()) if (of === table && value !== DELETED) yield { key, value: copied(value), node, version };
  }

  started(): void {
    this.#early = null;
    this.#survey = null;
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    file.close().then(
      () => {
        this.#journal?.release();
      },
      (err: unknown) => {
        this.#deps.log.error({ err, path: this.#deps.folder }, "the store's file cannot be handed over");
      },
    );
  }

  put(table: Table, key: string, value: unknown): void {
    const batch = this.#batches[table];
    const place = batch.places.get(key);
    if (place === undefined) this.#note(batch, key, value ?? null);
    else this.#values[place] = value ?? null;
  }

  delete(table: Table, key: string): void {
    const batch = this.#batches[table];
    const place = batch.places.get(key);
    if (place !== undefined) this.#values[place] = batch.known.has(key) ? DELETED : NOTHING;
    else if (batch.known.has(key)) this.#note(batch, key, DELETED);
  }

  commit(): void {
    if (this.#count !== 0) this.#commit();
  }

  kept(done: (isKept: boolean) => void): void {
    this.commit();
    const journal = this.#journal;
    if (journal === null || this.#isClosed) done(false);
    else if (this.isImmediate) done(true);
    else if (journal.isUnsynced || this.#unwritten.size > 0) done(this.#deps.durability === "fast");
    else if (this.#keptTo(journal) >= journal.sequence) done(true);
    else {
      this.#waiters.push({ sequence: journal.sequence, since: this.#deps.clock.now(), done });
      journal.listen(true);
    }
  }

  flushed(): Promise<void> {
    this.commit();
    const journal = this.#journal;
    if (journal === null || this.#isClosed) return Promise.reject(this.#failure(null));
    if (this.#isFlushed(journal)) return Promise.resolve();
    if (journal.failure !== null) return Promise.reject(this.#failure(journal.failure));
    return new Promise((resolve, reject) => {
      this.#flushes.push({ resolve, reject });
      journal.listen(true);
    });
  }

  health(): StoreHealth {
    const journal = this.#journal;
    if (journal === null) return { isStalled: false, pendingRecords: 0, pendingBytes: 0, pendingSeconds: 0, unwrittenRecords: 0 };
    const { records, bytes, forMs } = journal.pending;
    return { isStalled: journal.isStalled, pendingRecords: records + this.#unwritten.size, pendingBytes: bytes, pendingSeconds: forMs / 1000, unwrittenRecords: this.#unwritten.size };
  }

  backup(file: string, onProgress: (records: number) => void): Promise<number> {
    this.commit();
    this.started();
    return this.#journal?.backup(file, onProgress) ?? Promise.reject(this.#failure(null));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.commit();
    this.#isClosed = true;
    if (this.#unwritten.size > 0) await this.#whenWritten();
    const file = this.#file;
    this.#file = null;
    this.#early = null;
    this.#survey = null;
    const journal = this.#journal;
    this.#journal = null;
    await file?.close();
    if (journal !== null) {
      this.#drain(journal);
      const reason = await journal.close();
      if (reason !== null || this.#unwritten.size > 0)
        this.#deps.log.error({ path: this.#deps.folder, count: this.#unwritten.size, reason: reason ?? "no room" }, "store closed before everything was carried into its file");
    }
    for (const { done } of this.#waiters.splice(0)) done(false);
    for (const { reject } of this.#flushes.splice(0)) reject(this.#failure(null));
    this.#lock.release();
  }

  /** Resolves when the journal has taken what waits in memory, or the disk has not answered for long. */
  #whenWritten(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(DRAIN_MS, resolve);
      const done = (): void => {
        cancel();
        resolve();
      };
      this.#flushes.push({ resolve: done, reject: done });
      this.#journal?.listen(true);
    });
  }

  #note(batch: TableBatch, key: string, value: unknown): void {
    if (this.#isClosed) return;
    const place = this.#count++;
    batch.places.set(key, place);
    this.#rows[place] = batch;
    this.#keys[place] = key;
    this.#values[place] = value;
    if (place === 0) queueMicrotask(this.#commitLater);
  }

  readonly #commitLater = (): void => {
    this.commit();
  };

  #commit(): void {
    const journal = this.#journal;
    if (journal === null) return;
    const count = this.#count;
    this.#count = 0;
    if (this.#unwritten.size > 0) this.#drain(journal);
    for (let place = 0; place < count; place++) {
      const batch = this.#rows[place];
      const key = this.#keys[place];
      const value = this.#values[place];
      this.#values[place] = undefined;
      if (batch === undefined || key === undefined) continue;
      batch.places.delete(key);
      if (value === NOTHING) continue;
      if (value === DELETED) batch.known.delete(key);
      else if (!batch.known.has(key)) {
        batch.known.add(key);
        if (isOdd(key)) batch.odd.add(key);
      }
      if (this.#unwritten.size > 0 || !this.#append(journal, batch, key, value)) this.#unwritten.set(`${batch.table}\0${key}`, { batch, key, value });
    }
    journal.publish();
    if (this.#unwritten.size > 0) this.#lacksRoom(journal);
  }

  /** False when there is no room. */
  #append(journal: Journal, { table, number, odd }: TableBatch, key: string, value: unknown): boolean {
    const version = this.#versions.next();
    const isWrapped = odd.size > 0 && odd.has(key);
    let text: string;
    try {
      text = value === DELETED ? (isWrapped ? JSON.stringify([key]) : "") : JSON.stringify(isWrapped ? [key, value] : value);
    } catch (err) {
      this.#deps.log.error({ err, message: table }, "record not stored: its value is not JSON-able");
      return true;
    }
    if (text.length * 3 > this.#textMax) {
      this.#deps.log.error({ message: table, count: text.length }, "record not stored: it is too large");
      return true;
    }
    const kind = value === DELETED ? (isWrapped ? KIND.wrappedDelete : KIND.delete) : isWrapped ? KIND.wrappedPut : KIND.put;
    if (!journal.append(number, kind, isWrapped ? "" : key, text, version)) return false;
    this.#early?.set(`${table}\0${key}`, { table, key, value, node: this.#deps.node, version });
    return true;
  }

  /** Longest text that surely fits in a segment. */
  get #textMax(): number {
    return (this.#deps.segmentBytes ?? SEGMENT_BYTES) / 2;
  }

  #lacksRoom(journal: Journal): void {
    // The worker makes room, which it cannot before the file is its own.
    this.started();
    journal.listen(true);
  }

  #drain(journal: Journal): void {
    for (const [at, { batch, key, value }] of this.#unwritten) {
      if (!this.#append(journal, batch, key, value)) return;
      this.#unwritten.delete(at);
    }
  }

  #keptTo(journal: Journal): number {
    return this.#deps.durability === "full" ? journal.synced : journal.written;
  }

  #isFlushed(journal: Journal): boolean {
    return this.#unwritten.size === 0 && this.#keptTo(journal) >= journal.sequence;
  }

  /** Looks who waits no more. */
  #settle(): void {
    const journal = this.#journal;
    if (journal === null) return;
    if (this.#unwritten.size > 0) {
      this.#drain(journal);
      journal.publish();
    }
    const keptTo = this.#keptTo(journal);
    const lateBefore = this.#deps.clock.now() - STALL_MS;
    let ready = 0;
    for (const { sequence, since } of this.#waiters) {
      if (sequence > keptTo && since > lateBefore && !journal.isUnsynced) break;
      ready++;
    }
    for (const { sequence, done } of this.#waiters.splice(0, ready)) done(sequence <= keptTo || this.#deps.durability === "fast");
    if (this.#flushes.length > 0) {
      if (this.#isFlushed(journal)) for (const { resolve } of this.#flushes.splice(0)) resolve();
      else if (journal.failure !== null) for (const { reject } of this.#flushes.splice(0)) reject(this.#failure(journal.failure));
    }
    journal.listen(this.#waiters.length > 0 || this.#flushes.length > 0 || this.#unwritten.size > 0);
  }

  #failure(reason: string | null): UnavailableError {
    return new UnavailableError(`store in ${this.#deps.folder} cannot be written; is the disk full?${reason === null ? "" : ` (${reason})`}`);
  }
}

function copied(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
