import { getPriority, platform, setPriority } from "node:os";
import { join } from "node:path";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { InvariantError } from "../base/errors.ts";
import { writeBackup } from "./backup-file.ts";
import { JournalChanges } from "./journal-changes.ts";
import { JournalFiles } from "./journal-files.ts";
import { CONTROL, FACT, HEADER_BYTES, POSITION, SEGMENT, SEGMENTS_MAX, SEGMENTS_MIN, type BackupOrder, type Step, type WorkerData, type WorkerMessage } from "./journal-layout.ts";
import { StoreFile, TOMBSTONE_MS, type Change, type StoreMark } from "./store-file.ts";

// The thread that waits for the disk, so that nobody else does: it makes and syncs the journal's segments, and carries what they hold into the store's file.

/** How often the journal is synced: what a power cut costs at most. */
const SYNC_MS = 1000;
/** How often what the journal holds is carried into the store's file; a key that changed often meanwhile is written once. */
const CHECKPOINT_MS = 10_000;
/** After a failure the same is tried again so much later. */
const RETRY_MS = 1000;
/** Changes in one transaction; between two the journal is synced when it is time. */
const SLICE = 500;
/** How often it looks, when nobody wakes it. */
const LOOK_MS = 100;
/** Memory ahead of the journal's head that stays writable while the disk stalls: this much, or four times a second's growth. */
const WARM_BYTES_MIN = 64 << 10;
const WARM_BYTES_MAX = 4 << 20;
/** How often old marks of deletions are looked for. */
const SWEEP_MS = 3_600_000;

/** Where calls and the store's file want the same core, calls go first and the file gets a quarter of it; nobody waits for it. Linux counts a thread as a
 *  process here; elsewhere the whole program would be meant. */
const NICENESS = 5;

class JournalWorker {
  readonly #data: WorkerData;
  readonly #control: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #files: JournalFiles;
  readonly #changes = new JournalChanges();
  /** Of each segment: what was read of it, in which generation. */
  readonly #read = new Map<number, { generation: number; offset: number }>();
  #file: StoreFile | null = null;
  /** Last sequence number and largest version that were read. */
  readonly #facts = new Float64Array(FACT.count);
  #syncedAt = 0;
  #syncedSequence = 0;
  #checkpointAt = 0;
  #sweptAt = 0;
  #isSyncLost = false;
  /** What fails, and when it is tried again. */
  readonly #failing = new Map<Step, number>();

  constructor(data: WorkerData) {
    this.#data = data;
    this.#control = new Int32Array(data.control);
    this.#positions = new BigInt64Array(data.positions);
    this.#files = new JournalFiles(data);
    this.#facts[FACT.sequence] = this.#position(POSITION.applied);
    this.#facts[FACT.version] = data.version;
    this.#sweptAt = this.#checkpointAt = systemClock.now();
  }

  run(): void {
    // With `durability: full` answers wait for this thread.
    if (platform() === "linux" && !this.#data.isFull) setPriority(Math.min(19, getPriority() + NICENESS));
    for (let isFirst = true; ; isFirst = false) {
      const woken = Atomics.load(this.#control, CONTROL.wake);
      const stage = Atomics.load(this.#control, CONTROL.stage);
      this.#keepUp(stage >= 2);
      if (isFirst) say({ kind: "ready" });
      if (stage >= 1) this.#guarded("file", () => {
        this.#checkpointIfDue(stage >= 2);
      });
      if (stage >= 2 && this.#end()) return;
      for (let order = nextOrder(); order !== null; order = nextOrder()) this.#backup(order);
      Atomics.wait(this.#control, CONTROL.wake, woken, LOOK_MS);
    }
  }

  /** What the journal needs: between the slices of longer work too. */
  #keepUp(isEnd: boolean): void {
    this.#guarded("sync", () => {
      this.#syncIfDue(isEnd);
    });
    this.#guarded("room", () => {
      this.#prepareIfNeeded();
    });
  }

  /** Runs a step that may wait for the disk; a failure is told once, and tried again later. */
  #guarded(what: Step, step: () => void): void {
    const now = systemClock.now();
    if (now < (this.#failing.get(what) ?? 0)) return;
    try {
      step();
      if (this.#failing.delete(what)) say({ kind: "works", what });
    } catch (err) {
      trackCommitError(err);
      this.#idle();
      const isKnown = this.#failing.has(what);
      this.#failing.set(what, now + RETRY_MS);
      if (!isKnown) say({ kind: "failed", what, reason: err instanceof Error ? err.message : String(err) });
    }
  }

  #syncIfDue(isEnd: boolean): void {
    const last = this.#position(POSITION.last);
    const now = systemClock.now();
    if (!this.#files.isMapped && last > this.#position(POSITION.written)) {
      this.#waiting(() => {
        this.#files.write();
      });
      this.#store(POSITION.written, last);
      this.#tell();
    }
    if (last === this.#syncedSequence || (!isEnd && !this.#data.isFull && now < this.#syncedAt + SYNC_MS)) return;
    try {
      this.#waiting(() => {
        this.#files.sync();
      });
    } catch (err) {
      // The system may have thrown away what it could not write: from now on only the store's file says what is on the disk.
      this.#isSyncLost = true;
      throw err;
    }
    const grown = last - this.#syncedSequence;
    this.#syncedAt = systemClock.now();
    this.#syncedSequence = last;
    if (!this.#isSyncLost) this.#store(POSITION.synced, last);
    this.#tell();
    this.#files.warmAhead(Math.min(WARM_BYTES_MAX, Math.max(WARM_BYTES_MIN, grown * 2048)));
  }

  /** Two segments are always ready, or the store's file takes what the full ones hold. */
  #prepareIfNeeded(): void {
    while (this.#files.states().filter(({ state }) => state === SEGMENT.ready).length < SEGMENTS_MIN) {
      let isMade = false;
      this.#waiting(() => {
        isMade = this.#files.prepare();
      });
      if (!isMade) return;
      this.#tell();
    }
  }

  #checkpointIfDue(isEnd: boolean): void {
    const now = systemClock.now();
    const last = this.#position(POSITION.last);
    const states = this.#files.states();
    const full = states.filter(({ state }) => state === SEGMENT.full).length;
    const isPressed = full >= SEGMENTS_MAX / 2 || (full > 0 && !states.some(({ state }) => state === SEGMENT.ready));
    if (isEnd || isPressed || this.#isSyncLost || (last > this.#position(POSITION.applied) && now >= this.#checkpointAt + CHECKPOINT_MS)) this.#checkpoint();
    if (now >= this.#sweptAt + SWEEP_MS) {
      this.#sweptAt = now;
      this.#waiting(() => {
        this.#storeFile().sweep(now - TOMBSTONE_MS);
      });
    }
  }

  /** Carries everything that was appended into the store's file. */
  #checkpoint(): void {
    this.#checkpointAt = systemClock.now();
    const file = this.#storeFile();
    const full: number[] = [];
    for (const state of [...this.#files.states()].sort((one, other) => one.generation - other.generation)) {
      if (state.state !== SEGMENT.full && state.state !== SEGMENT.current) continue;
      const done = this.#read.get(state.at);
      const from = done?.generation === state.generation ? done.offset : 0;
      const end = this.#files.endOf(state);
      this.#take(this.#files.read(state, from, end), from, end);
      this.#read.set(state.at, { generation: state.generation, offset: end });
      if (state.state !== SEGMENT.full) continue;
      full.push(state.at);
    }
    const [applied = 0, version = 0] = this.#facts;
    const mark = { name: this.#data.storeName, applied, version };
    if (mark.applied > this.#position(POSITION.applied)) {
      const changes = this.#changes.values();
      for (let at = 0; at + SLICE < changes.length; at += SLICE) {
        // The journal keeps what the file lacks: the next start reads it there.
        if (this.#mustLeave()) return;
        this.#apply(file, changes.slice(at, at + SLICE), null);
      }
      this.#apply(file, changes.slice(Math.floor(Math.max(0, changes.length - 1) / SLICE) * SLICE), mark);
      this.#changes.clear();
      this.#store(POSITION.applied, mark.applied);
    }
    if (mark.applied > this.#position(POSITION.synced)) this.#store(POSITION.synced, mark.applied);
    this.#isSyncLost = false;
    for (const at of full) this.#files.recycle(at);
    this.#tell();
  }

  #apply(file: StoreFile, slice: readonly Change[], mark: StoreMark | null): void {
    this.#waiting(() => {
      file.apply(slice, mark);
    });
    if (mark === null) this.#keepUp(false);
  }

  /** Takes the records that stand from one place to another. Only the newest of a key is read whole, and checked. */
  #take(segment: Buffer, from: number, to: number): void {
    const facts = this.#facts;
    const offsets = this.#files.newest(segment, from, to, facts);
    if (offsets !== null) {
      this.#changes.take(segment, offsets, this.#data.node);
      return;
    }
    for (let offset = from; offset < to; offset += Math.ceil((HEADER_BYTES + segment.readUInt32LE(offset + 4)) / 8) * 8) {
      const sequence = segment.readDoubleLE(offset + 8);
      const last = facts[FACT.sequence] ?? 0;
      // Noted by an attempt that failed later.
      if (sequence > last + 1) throw new InvariantError(`the journal goes on with ${String(sequence)} after ${String(last)}`);
      facts[FACT.sequence] = Math.max(last, sequence);
      facts[FACT.version] = Math.max(facts[FACT.version] ?? 0, segment.readDoubleLE(offset + 16));
      this.#changes.note(segment, offset);
    }
    this.#changes.settle(segment, this.#data.node);
  }

  #backup({ id, file }: BackupOrder): void {
    let records = 0;
    try {
      this.#checkpoint();
      records = writeBackup(file, this.#storeFile(), (count) => {
        say({ kind: "progress", id, records: count });
        this.#keepUp(false);
      });
      say({ kind: "backedUp", id, records, reason: null });
    } catch (err) {
      trackCommitError(err);
      this.#idle();
      say({ kind: "backedUp", id, records, reason: err instanceof Error ? err.message : String(err) });
    }
  }

  /** True when there is nothing left to do, or no way to do it. */
  #end(): boolean {
    const isBehind = this.#position(POSITION.applied) < this.#position(POSITION.last);
    if (isBehind && !this.#failing.has("file") && !this.#mustLeave()) return false;
    const reason = !isBehind ? null : this.#failing.has("file") ? "the disk cannot be written" : "there was no time";
    this.#files.close();
    const file = this.#file;
    if (file === null) say({ kind: "ended", reason });
    else
      file.close().then(
        () => {
          say({ kind: "ended", reason });
        },
        (err: unknown) => {
          say({ kind: "ended", reason: String(err) });
        },
      );
    return true;
  }

  #mustLeave(): boolean {
    return Atomics.load(this.#control, CONTROL.stage) === 3;
  }

  #storeFile(): StoreFile {
    this.#file ??= new StoreFile(join(this.#data.folder, "store.mdb"));
    return this.#file;
  }

  #waiting(step: () => void): void {
    Atomics.add(this.#control, CONTROL.busy, 1);
    step();
    Atomics.add(this.#control, CONTROL.busy, 1);
  }

  /** After a step that threw. */
  #idle(): void {
    if (Atomics.load(this.#control, CONTROL.busy) % 2 !== 0) Atomics.add(this.#control, CONTROL.busy, 1);
  }

  #tell(): void {
    if (Atomics.load(this.#control, CONTROL.listening) === 1) say({ kind: "changed" });
  }

  #position(at: number): number {
    return Number(Atomics.load(this.#positions, at));
  }

  #store(at: number, value: number): void {
    Atomics.store(this.#positions, at, BigInt(value));
  }
}

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

function nextOrder(): BackupOrder | null {
  if (parentPort === null) return null;
  const received: { message: BackupOrder } | undefined = receiveMessageOnPort(parentPort);
  return received?.message ?? null;
}

/** A failed commit carries the disk's error as a second promise, which would end the process. */
function trackCommitError(err: unknown): void {
  if (err instanceof Error && "commitError" in err && err.commitError instanceof Promise) err.commitError.catch(() => undefined);
}

function isWorkerData(value: unknown): value is WorkerData {
  return typeof value === "object" && value !== null && "storeName" in value;
}

const begin = (data: unknown): void => {
  if (isWorkerData(data)) new JournalWorker(data).run();
};
// A thread that was started ahead is told later what to do.
if (workerData === null) parentPort?.once("message", begin);
else begin(workerData);
