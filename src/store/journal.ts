import { Worker } from "node:worker_threads";
import type { Cancel, Clock } from "../base/clock.ts";
import { UnavailableError, unreachable } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { CONTROL, KIND, POSITION, SEGMENT, SEGMENTS_MAX, WORD, type Append, type BackupOrder, type Step, type WorkerData, type WorkerMessage } from "./journal-layout.ts";
import { memoryAppender } from "./journal-memory.ts";
import { usableAddon } from "./journal-native.ts";
import { STALL_MS } from "./store.ts";

/** How often the disk is looked after while it has not taken everything. */
const LOOK_MS = 50;
/** How long `close` waits until everything is in the store's file, and then until the worker has left what it is at. */
const CLOSE_MS = 2500;
const LEAVE_MS = 1500;
const STUCK = "the disk does not answer";
/** A worker that ended by itself is followed by another after this time. */
const AGAIN_MS = 1000;

/** What a journal is made of. */
export interface JournalDeps {
  readonly folder: string;
  readonly node: string;
  readonly storeName: string;
  /** The bundled `journal-worker.ts`. */
  readonly workerPath: string;
  /** Its thread when it was started ahead (`startAhead`). */
  readonly ahead?: Worker;
  /** The addon; null, or one that is not there: shared memory that the worker writes to the files. */
  readonly nativePath: string | null;
  readonly isFull: boolean;
  readonly segmentBytes: number;
  /** What was used before: later ones are larger. */
  readonly sequence: number;
  readonly version: number;
  readonly generation: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Something has changed for whoever waits: there is room again, more is on the disk, a stall began or ended. */
  readonly onChange: () => void;
  /** The worker waits for a disk that does not answer: a process that ends the ordinary way would wait with it. */
  readonly onStuck: () => void;
}

/** The main thread's side of the journal: appends records to memory that the kernel or the worker writes to files, and knows how far the disk is.
 *  No call waits for the disk. */
export class Journal {
  readonly #deps: JournalDeps;
  readonly #data: WorkerData;
  readonly #control: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #words = new Float64Array(new ArrayBuffer(WORD.count * 8));
  readonly #append: Append;
  /** True when a record that was appended survives the end of this process. */
  readonly isMapped: boolean;
  #worker: Worker | null = null;
  #sequence: number;
  #generation: number;
  #segment = -1;
  #offset = 0;
  /** The sequence number up to which the disk has everything, as far as was looked. */
  #synced: number;
  #pendingSince = 0;
  /** Bytes that were appended since the start, for how long a record is on average. */
  #bytes = 0;
  #look: Cancel | null = null;
  #busySeen = 0;
  #busySince = 0;
  #isStalled = false;
  readonly #failures = new Map<Step, string>();
  #isEnding = false;
  #ended: { readonly resolve: (reason: string | null) => void } | null = null;
  readonly #backups = new Map<number, { readonly onProgress: (records: number) => void; readonly resolve: (records: number) => void; readonly reject: (err: UnavailableError) => void }>();
  #backupId = 0;

  /** Resolves when there is room for records; rejects with UnavailableError when the disk refuses it. */
  static async open(deps: JournalDeps): Promise<Journal> {
    const journal = new Journal(deps);
    await new Promise<void>((resolve, reject) => {
      journal.#startWorker(resolve, reject, deps.ahead);
    });
    return journal;
  }

  private constructor(deps: JournalDeps) {
    this.#deps = deps;
    const native = deps.nativePath === null ? null : usableAddon(deps.nativePath);
    this.isMapped = native !== null;
    const memory = this.isMapped ? [] : Array.from({ length: SEGMENTS_MAX }, () => new SharedArrayBuffer(deps.segmentBytes));
    this.#append = native === null ? memoryAppender(this.#words, memory) : native.appender(this.#words);
    this.#data = {
      folder: deps.folder,
      node: deps.node,
      storeName: deps.storeName,
      version: deps.version,
      segmentBytes: deps.segmentBytes,
      nativePath: this.isMapped ? deps.nativePath : null,
      isFull: deps.isFull,
      control: new SharedArrayBuffer(CONTROL.count * 4),
      positions: new SharedArrayBuffer(POSITION.count * 8),
      memory,
    };
    this.#control = new Int32Array(this.#data.control);
    this.#positions = new BigInt64Array(this.#data.positions);
    this.#sequence = this.#synced = deps.sequence;
    this.#generation = deps.generation;
    this.#positions.fill(BigInt(deps.sequence));
  }

  /** The last record's number. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Up to which number the disk has everything. */
  get synced(): number {
    return Number(Atomics.load(this.#positions, POSITION.synced));
  }

  /** Up to which number everything survives the end of this process. */
  get written(): number {
    return this.isMapped ? this.#sequence : Number(Atomics.load(this.#positions, POSITION.written));
  }

  /** The alarm: the disk does not answer, or refuses something. */
  get isStalled(): boolean {
    return this.#isStalled || this.#failures.size > 0;
  }

  /** True while waiting for the disk is in vain. */
  get isUnsynced(): boolean {
    return this.#isStalled || this.#failures.has("sync");
  }

  /** Why the disk cannot be written; null when it can, or only takes long. */
  get failure(): string | null {
    const [reason = null] = this.#failures.values();
    return reason;
  }

  /** Records and bytes that are not known to be on the disk, and since when (milliseconds) the oldest waits. */
  get pending(): { readonly records: number; readonly bytes: number; readonly forMs: number } {
    const records = this.#sequence - this.synced;
    return records <= 0 ? { records: 0, bytes: 0, forMs: 0 } : { records, bytes: Math.round((records * this.#bytes) / Math.max(1, this.#sequence - this.#deps.sequence)), forMs: this.#deps.clock.now() - this.#pendingSince };
  }

  /** Appends a record; false when there is no room that can be written without waiting. After the last of several: `publish`. */
  append(table: number, kind: number, key: string, text: string, version: number): boolean {
    const words = this.#words;
    if (this.#segment === -1 || (this.#isStalled && !this.#isWarm(key.length + text.length))) if (!this.#nextSegment()) return false;
    words[WORD.version] = version;
    words[WORD.table] = table;
    words[WORD.kind] = kind;
    if (this.#tryAppend(key, text)) return true;
    return this.#nextSegment() && this.#setFields(table, kind, version) && this.#tryAppend(key, text);
  }

  /** Tells the worker of what was appended. */
  publish(): void {
    Atomics.store(this.#control, CONTROL.headOffset, this.#offset);
    Atomics.store(this.#positions, POSITION.last, BigInt(this.#sequence));
    if (this.#look === null) {
      this.#pendingSince = this.#deps.clock.now();
      this.#watch();
    }
    if (this.#deps.isFull || !this.isMapped) this.#wake();
  }

  /** From now on `onChange` is called also when only more is on the disk, or not any more. */
  listen(isListening: boolean): void {
    const wanted = isListening ? 1 : 0;
    if (Atomics.exchange(this.#control, CONTROL.listening, wanted) !== wanted && isListening) this.#watch();
  }

  /** The store's file is the worker's. */
  release(): void {
    if (Atomics.compareExchange(this.#control, CONTROL.stage, 0, 1) === 0) this.#wake();
  }

  /** Has the worker write a copy. */
  backup(file: string, onProgress: (records: number) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#worker === null || this.#isEnding) {
        reject(new UnavailableError("the store is not open"));
        return;
      }
      const id = ++this.#backupId;
      this.#backups.set(id, { onProgress, resolve, reject });
      const order: BackupOrder = { kind: "backup", id, file };
      this.#worker.postMessage(order);
      this.#wake();
    });
  }

  /** Has the worker carry everything into the store's file and end; resolves to why it could not, or null. */
  async close(): Promise<string | null> {
    this.#isEnding = true;
    this.#look?.();
    const worker = this.#worker;
    let cancel: Cancel = () => undefined;
    const reason = await new Promise<string | null>((resolve) => {
      this.#ended = { resolve };
      if (worker === null) resolve("its writer has ended");
      worker?.ref();
      cancel = this.#deps.clock.after(CLOSE_MS, () => {
        cancel = this.#deps.clock.after(LEAVE_MS, () => {
          resolve(STUCK);
        });
        this.#endWorker(3);
      });
      this.#endWorker(2);
    });
    cancel();
    this.#worker = null;
    // One that hangs in the disk holds up whoever ends it, and one that is ended within a transaction never ends (lmdb's clean-up waits for its own lock).
    if (reason === STUCK) this.#deps.onStuck();
    else await worker?.terminate();
    return reason;
  }

  #endWorker(stage: 2 | 3): void {
    Atomics.store(this.#control, CONTROL.stage, stage);
    this.#wake();
  }

  #tryAppend(key: string, text: string): boolean {
    const words = this.#words;
    words[WORD.offset] = this.#offset;
    words[WORD.sequence] = this.#sequence + 1;
    const next = this.#append(key, text);
    if (next === 0) return false;
    this.#bytes += next - this.#offset;
    this.#offset = next;
    this.#sequence++;
    return true;
  }

  #setFields(table: number, kind: number, version: number): true {
    this.#words[WORD.version] = version;
    this.#words[WORD.table] = table;
    this.#words[WORD.kind] = kind;
    return true;
  }

  /** While the disk stalls only memory that was made writable before is written to. A text's bytes are at most three times its length. */
  #isWarm(length: number): boolean {
    if (!this.isMapped) return true;
    const isThis = Atomics.load(this.#control, CONTROL.warmGeneration) === this.#generation;
    const warm = isThis ? Atomics.load(this.#control, CONTROL.warmOffset) : this.#freshTo;
    return this.#offset + 3 * length + 4096 <= warm;
  }

  /** Up to where the present segment was writable when it was taken. */
  #freshTo = 0;

  #nextSegment(): boolean {
    const control = this.#control;
    let at = 0;
    while (at < SEGMENTS_MAX && Atomics.load(control, CONTROL.segments + at * CONTROL.segmentWords) !== SEGMENT.ready) at++;
    if (at === SEGMENTS_MAX) return false;
    if (this.#segment !== -1) {
      const word = CONTROL.segments + this.#segment * CONTROL.segmentWords;
      Atomics.store(control, word + 3, this.#offset);
      Atomics.store(control, word, SEGMENT.full);
    }
    const word = CONTROL.segments + at * CONTROL.segmentWords;
    this.#segment = at;
    this.#generation++;
    this.#offset = 0;
    this.#freshTo = this.#deps.segmentBytes;
    Atomics.store(control, CONTROL.headOffset, 0);
    Atomics.store(control, word + 1, this.#generation);
    Atomics.store(control, CONTROL.headGeneration, this.#generation);
    this.#words[WORD.slot] = Atomics.load(control, word + 2);
    this.#words[WORD.generation] = this.#generation;
    this.#words[WORD.synced] = this.synced;
    this.#setFields(0, KIND.begin, this.#data.version);
    this.#tryAppend(this.#deps.node, this.#deps.storeName);
    Atomics.store(control, word, SEGMENT.current);
    this.#wake();
    return true;
  }

  #wake(): void {
    Atomics.add(this.#control, CONTROL.wake, 1);
    Atomics.notify(this.#control, CONTROL.wake);
  }

  #watch(): void {
    this.#look ??= this.#deps.clock.after(LOOK_MS, () => {
      this.#look = null;
      this.#check();
    });
  }

  /** Looks how the disk does; again later while it has not taken everything. */
  #check(): void {
    const synced = this.synced;
    const now = this.#deps.clock.now();
    if (synced > this.#synced) {
      this.#synced = synced;
      this.#words[WORD.synced] = synced;
      this.#pendingSince = now;
    }
    const busy = Atomics.load(this.#control, CONTROL.busy);
    if (busy !== this.#busySeen || busy % 2 === 0) this.#busySince = now;
    this.#busySeen = busy;
    this.#setStalled(now - this.#busySince >= STALL_MS);
    this.#deps.onChange();
    if (this.#isEnding) return;
    if (synced < this.#sequence || this.#isStalled || Atomics.load(this.#control, CONTROL.listening) === 1) this.#watch();
  }

  #setStalled(isStalled: boolean): void {
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    const { folder, log } = this.#deps;
    if (isStalled) log.error({ path: folder, count: this.#sequence - this.synced }, "the disk of the store does not answer");
    else log.warn({ path: folder, count: this.#sequence - this.synced }, "the disk of the store answers again");
  }

  #startWorker(onReady: () => void, onFailed: (err: UnavailableError) => void, ahead?: Worker): void {
    const worker = ahead ?? new Worker(this.#deps.workerPath, { workerData: this.#data, name: "journal" });
    ahead?.postMessage(this.#data);
    this.#worker = worker;
    let isReady = false;
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "ready") {
        isReady = true;
        worker.unref();
        if (this.failure === null) onReady();
        else onFailed(new UnavailableError(`store in ${this.#deps.folder} cannot be written; is the disk full? (${this.failure})`));
      } else this.#heard(message);
    });
    worker.on("error", (err) => {
      this.#failures.set("sync", err.message);
      this.#deps.log.error({ err, path: this.#deps.folder }, "the store's writer failed by our own mistake");
      if (!isReady) onFailed(new UnavailableError(`the store's writer cannot be started: ${err.message}`, { cause: err }));
    });
    worker.on("exit", () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      for (const { reject } of this.#backups.values()) reject(new UnavailableError("the store's writer has ended"));
      this.#backups.clear();
      if (this.#isEnding) this.#ended?.resolve("its writer has ended");
      else if (isReady) this.#replaceWorker();
    });
  }

  /** The journal goes on in memory meanwhile; the next worker takes up what this one left. */
  #replaceWorker(): void {
    this.#deps.clock.after(AGAIN_MS, () => {
      if (this.#isEnding) return;
      this.#startWorker(
        () => {
          this.#failures.delete("sync");
        },
        (err) => {
          this.#deps.log.error({ err, path: this.#deps.folder }, "the store's writer cannot be started again");
        },
      );
    });
  }

  #heard(message: Exclude<WorkerMessage, { kind: "ready" }>): void {
    switch (message.kind) {
      case "changed":
        this.#check();
        return;
      case "failed":
        this.#failures.set(message.what, message.reason);
        this.#deps.log.error({ path: this.#deps.folder, reason: message.reason }, `the store's ${message.what === "file" ? "file" : "journal"} cannot be written; trying again every second`);
        this.#deps.onChange();
        return;
      case "works":
        this.#failures.delete(message.what);
        this.#deps.log.warn({ path: this.#deps.folder }, "the store can be written again");
        this.#check();
        return;
      case "progress":
        this.#backups.get(message.id)?.onProgress(message.records);
        return;
      case "backedUp": {
        const waiting = this.#backups.get(message.id);
        this.#backups.delete(message.id);
        if (message.reason === null) waiting?.resolve(message.records);
        else waiting?.reject(new UnavailableError(`the backup could not be written: ${message.reason}`));
        return;
      }
      case "ended":
        this.#ended?.resolve(message.reason);
        return;
      default:
        unreachable(message, "journal");
    }
  }
}
