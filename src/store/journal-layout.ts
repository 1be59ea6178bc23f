import type { Table } from "./store.ts";

// A journal is a few files of one size, its segments, that are used again and again. A segment is a row of records, each at a multiple of 8:
//   0  CRC-32 of all that follows (written last, so that a torn record is none)   4  length of key and text
//   8  sequence number (one more than the record's before)   16  version   24  the sequence number up to which the disk had everything when this was written
//   32 generation of the segment's use (stale records of an earlier use have a smaller one)   36 length of the key   38 table   39 kind   40 key, text
// Numbers are little endian; 8, 16 and 24 are doubles. The first record of a use is of kind BEGIN, its key the name of the server, its text that of the store.

/** Bytes of a record before its key. */
export const HEADER_BYTES = 40;
/** A key that is longer, or that UTF-8 cannot carry, travels within the text. */
const KEY_BYTES_MAX = 8000;

/** True for a key that a record cannot carry as its key: it stands in the text then. */
export function isOdd(key: string): boolean {
  return key.length * 3 > KEY_BYTES_MAX || SURROGATES.test(key);
}

const SURROGATES = /[\ud800-\udfff]/;

/** The kinds of records. */
export const KIND = {
  begin: 1,
  /** Key and JSON of the value. */
  put: 2,
  delete: 3,
  /** The text is the JSON of `[key, value]`. */
  wrappedPut: 4,
  /** The text is the JSON of `[key]`. */
  wrappedDelete: 5,
} as const;

/** The number of a table in a record; never changed, new ones go to the end. */
export const TABLES: readonly Table[] = ["bindings", "publications", "subscriptions", "dialogs", "settings", "presence", "refreshes"];

/** The words in which the fields of the next record are handed to an appender: a Float64Array. */
export const WORD = { slot: 0, offset: 1, sequence: 2, version: 3, synced: 4, generation: 5, table: 6, kind: 7, count: 8 } as const;

/** What reading the journal carries along: the last sequence number, and the largest version. */
export const FACT = { sequence: 0, version: 1, count: 2 } as const;

/** Appends one record with the fields in its words; where the next one goes, or 0 when it does not fit. */
export type Append = (key: string, text: string) => number;

/** Segments at most; what comes when all are full waits in memory. */
export const SEGMENTS_MAX = 8;
/** Segments that are always there. */
export const SEGMENTS_MIN = 2;
/** Size of a segment unless a test says otherwise. */
export const SEGMENT_BYTES = 8 << 20;

/** States of a segment in `CONTROL`. */
export const SEGMENT = { none: 0, ready: 1, current: 2, full: 3 } as const;

/** 32-bit words that the main thread (M) and the worker (W) share; each is written by the one named. */
export const CONTROL = {
  /** M counts up to wake the worker. */
  wake: 0,
  /** M: 1 the store's file is the worker's; 2 end when all is written; 3 end now, between two transactions. */
  stage: 1,
  /** W counts up before (odd) and after (even) it waits for the disk. */
  busy: 2,
  /** M: 1 while it wants to hear of every sync and every segment that is free again. */
  listening: 4,
  /** M: generation and offset of the end of what is written. */
  headGeneration: 5,
  headOffset: 6,
  /** W: up to where, in that generation, memory can be written without waiting for the disk. */
  warmGeneration: 7,
  warmOffset: 8,
  /** From here on `segmentWords` for each segment: state, generation, slot, end (of a full one). */
  segments: 16,
  segmentWords: 4,
  count: 16 + 4 * SEGMENTS_MAX,
} as const;

/** 64-bit words: M the last record's sequence number; W those up to which everything is written, on the disk, in the store's file. */
export const POSITION = { last: 0, written: 1, synced: 2, applied: 3, count: 4 } as const;

/** What the worker is given. */
export interface WorkerData {
  readonly folder: string;
  readonly node: string;
  readonly storeName: string;
  /** A version that is larger than all before the start. */
  readonly version: number;
  readonly segmentBytes: number;
  /** The addon; null: segments are shared memory, which the worker writes to their files. */
  readonly nativePath: string | null;
  /** True: every commit is synced as soon as can be, not once a second. */
  readonly isFull: boolean;
  readonly control: SharedArrayBuffer;
  readonly positions: SharedArrayBuffer;
  /** Without the addon: the segments' memory. */
  readonly memory: readonly SharedArrayBuffer[];
}

/** What the disk may refuse: that the journal is synced, that a segment is made, that the store's file is written. */
export type Step = "sync" | "room" | "file";

/** What the worker says. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  /** Look at the shared words again. */
  | { readonly kind: "changed" }
  | { readonly kind: "failed"; readonly what: Step; readonly reason: string }
  | { readonly kind: "works"; readonly what: Step }
  | { readonly kind: "progress"; readonly id: number; readonly records: number }
  | { readonly kind: "backedUp"; readonly id: number; readonly records: number; readonly reason: string | null }
  /** Everything is in the store's file, which is closed. */
  | { readonly kind: "ended"; readonly reason: string | null };

/** What the worker is told. */
export interface BackupOrder {
  readonly kind: "backup";
  readonly id: number;
  readonly file: string;
}

/** The name of a segment's file. */
export function segmentName(at: number): string {
  return `journal-${String(at + 1)}`;
}
