import { closeSync, fdatasyncSync, fsyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InvariantError, UnavailableError } from "../base/errors.ts";
import { CONTROL, SEGMENT, SEGMENTS_MAX, segmentName, type WorkerData } from "./journal-layout.ts";
import { journalAddon, type JournalAddon } from "./journal-native.ts";

const ZEROS = Buffer.alloc(1 << 20);

/** A segment as the worker sees it. */
interface OpenSegment {
  readonly file: number;
  /** The generation whose records are all on the disk; 0 when none is. */
  syncedGeneration: number;
  /** Without the addon: what is in the file, in which generation. */
  writtenGeneration: number;
  written: number;
}

/** Where a segment stands in the shared words. */
export interface SegmentState {
  readonly at: number;
  readonly state: number;
  readonly generation: number;
  /** Of a full one: where its records end. */
  readonly end: number;
}

/** The worker's side of the segments: makes their files, writes and syncs them, reads them. Every call may wait for the disk, and throws what the disk says. */
export class JournalFiles {
  readonly #data: WorkerData;
  readonly #control: Int32Array;
  readonly #addon: JournalAddon | null;
  readonly #memory: readonly Buffer[];
  readonly #open: (OpenSegment | null)[] = Array.from({ length: SEGMENTS_MAX }, () => null);
  #buffer: Buffer | null = null;

  constructor(data: WorkerData) {
    this.#data = data;
    this.#control = new Int32Array(data.control);
    this.#addon = data.nativePath === null ? null : journalAddon(data.nativePath);
    this.#memory = data.memory.map((memory) => Buffer.from(memory));
    // A worker before this one may have left some in use.
    for (const { at, state } of this.states()) if (state !== SEGMENT.none) this.#open[at] = opened(openSync(this.#path(at), "r+"));
  }

  /** True when what is appended is in the kernel's hands without us. */
  get isMapped(): boolean {
    return this.#addon !== null;
  }

  /** Where the newest record of each key stands between two places of a segment; null without the addon. `facts` is carried on (`FACT`). */
  newest(segment: Buffer, from: number, to: number, facts: Float64Array): Uint32Array | null {
    return this.#addon?.newest(segment, from, to, facts) ?? null;
  }

  states(): readonly SegmentState[] {
    return Array.from({ length: SEGMENTS_MAX }, (_, at) => {
      const word = CONTROL.segments + at * CONTROL.segmentWords;
      return { at, state: Atomics.load(this.#control, word), generation: Atomics.load(this.#control, word + 1), end: Atomics.load(this.#control, word + 3) };
    });
  }

  /** Makes one more segment and hands it over; false when there are as many as may be. Its bytes are on the disk before: appending never waits for room. */
  prepare(): boolean {
    const at = this.states().find(({ state }) => state === SEGMENT.none)?.at;
    if (at === undefined) return false;
    const { segmentBytes } = this.#data;
    const file = openSync(this.#path(at), "a+", 0o600);
    closeSync(file);
    const segment = opened(openSync(this.#path(at), "r+"));
    try {
      const { size, blocks } = fstatSync(segment.file);
      if (size !== segmentBytes || blocks * 512 < segmentBytes) {
        ftruncateSync(segment.file, 0);
        for (let offset = 0; offset < segmentBytes; ) offset += writeSync(segment.file, ZEROS, 0, Math.min(ZEROS.length, segmentBytes - offset), offset);
        fsyncSync(segment.file);
        syncFolder(this.#data.folder);
      }
      const slot = this.#addon === null ? at : this.#addon.map(segment.file, segmentBytes);
      if (slot < 0) throw new UnavailableError(`a segment of the journal cannot be mapped (error ${String(-slot)})`);
      this.#open[at] = segment;
      Atomics.store(this.#control, CONTROL.segments + at * CONTROL.segmentWords + 2, slot);
      this.#setReady(at);
    } catch (err) {
      try {
        // What is left of a full disk is for the store's file.
        ftruncateSync(segment.file, 0);
      } finally {
        closeSync(segment.file);
      }
      throw err;
    }
    return true;
  }

  /** Everything of a full segment is in the store's file: it is free again. */
  recycle(at: number): void {
    this.#warm(at, 0, this.#data.segmentBytes);
    this.#setReady(at);
  }

  /** Without the addon: writes what was appended since the last call. */
  write(): void {
    if (this.#addon !== null) return;
    const [headGeneration, headOffset] = this.#head();
    for (const { at, state, generation, end } of this.states()) {
      const segment = this.#open[at];
      const memory = this.#memory[at];
      if (segment == null || memory === undefined || (state !== SEGMENT.current && state !== SEGMENT.full)) continue;
      if (segment.writtenGeneration !== generation) {
        segment.writtenGeneration = generation;
        segment.written = 0;
      }
      const to = state === SEGMENT.full ? end : generation === headGeneration ? headOffset : 0;
      while (segment.written < to) segment.written += writeSync(segment.file, memory, segment.written, to - segment.written, segment.written);
    }
  }

  /** Has the disk take everything that is in the files. */
  sync(): void {
    for (const { at, state, generation } of this.states()) {
      const segment = this.#open[at];
      if (segment == null || (state !== SEGMENT.current && state !== SEGMENT.full) || segment.syncedGeneration === generation) continue;
      fdatasyncSync(segment.file);
      if (state === SEGMENT.full) segment.syncedGeneration = generation;
    }
  }

  /** Pages that the disk has taken are made writable again before they are needed: those from the head on for `bytes`. */
  warmAhead(bytes: number): void {
    const [generation, offset] = this.#head();
    const head = this.states().find((one) => one.generation === generation && one.state === SEGMENT.current);
    if (head === undefined || this.#addon === null) return;
    const to = Math.min(offset + bytes, this.#data.segmentBytes);
    if (!this.#warm(head.at, offset, to)) return;
    Atomics.store(this.#control, CONTROL.warmOffset, 0);
    Atomics.store(this.#control, CONTROL.warmGeneration, generation);
    Atomics.store(this.#control, CONTROL.warmOffset, to);
  }

  /** Generation and offset of the end of what was appended. */
  #head(): readonly [generation: number, offset: number] {
    for (;;) {
      const generation = Atomics.load(this.#control, CONTROL.headGeneration);
      const offset = Atomics.load(this.#control, CONTROL.headOffset);
      if (Atomics.load(this.#control, CONTROL.headGeneration) === generation) return [generation, offset];
    }
  }

  /** Where the records of a segment end that is in use. */
  endOf({ at, state, generation, end }: SegmentState): number {
    if (state === SEGMENT.full) return end;
    const [headGeneration, headOffset] = this.#head();
    // It may have become full since it was looked at.
    return headGeneration === generation ? headOffset : Atomics.load(this.#control, CONTROL.segments + at * CONTROL.segmentWords + 3);
  }

  /** The bytes of a segment up to `to`; what stands before `from` is not set. Good until the next call. */
  read({ at }: SegmentState, from: number, to: number): Buffer {
    const segment = this.#open[at];
    const memory = this.#memory[at];
    if (segment == null) throw new InvariantError("a segment that is not open");
    if (memory !== undefined) return memory.subarray(0, to);
    this.#buffer ??= Buffer.alloc(this.#data.segmentBytes);
    for (let offset = from; offset < to; ) {
      const count = readSync(segment.file, this.#buffer, offset, to - offset, offset);
      if (count === 0) throw new UnavailableError("a segment of the journal was cut off");
      offset += count;
    }
    return this.#buffer.subarray(0, to);
  }

  /** Gives the files back; the main thread has stopped appending. */
  close(): void {
    for (const { at, state } of this.states()) {
      const segment = this.#open[at];
      if (segment != null) closeSync(segment.file);
      if (state !== SEGMENT.none) this.#addon?.unmap(Atomics.load(this.#control, CONTROL.segments + at * CONTROL.segmentWords + 2));
      Atomics.store(this.#control, CONTROL.segments + at * CONTROL.segmentWords, SEGMENT.none);
    }
  }

  #setReady(at: number): void {
    Atomics.store(this.#control, CONTROL.segments + at * CONTROL.segmentWords, SEGMENT.ready);
  }

  #warm(at: number, from: number, to: number): boolean {
    return this.#addon?.warm(Atomics.load(this.#control, CONTROL.segments + at * CONTROL.segmentWords + 2), from, to) ?? false;
  }

  #path(at: number): string {
    return join(this.#data.folder, segmentName(at));
  }
}

/** Has the disk take the names in a folder. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function opened(file: number): OpenSegment {
  return { file, syncedGeneration: 0, writtenGeneration: 0, written: 0 };
}
