import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { HEADER_BYTES, KIND, WORD, type Append } from "../../src/store/journal-layout.ts";
import { memoryAppender } from "../../src/store/journal-memory.ts";
import { journalAddon } from "../../src/store/journal-native.ts";
import { keyOf, readJournal, recordAt, textOf, type JournalRecord } from "../../src/store/journal-reader.ts";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativePath } from "./programs.ts";

/** The records of a segment's use, one after the other. */
function* recordsFrom(segment: Buffer, from: number, generation: number): Generator<JournalRecord> {
  for (let record = recordAt(segment, from, generation); record !== null; record = recordAt(segment, record.end, generation)) yield record;
}

const BYTES = 64 << 10;

/** A journal of segments in memory; `synced` says for each record what the disk had then. */
function written(count: number, options: { readonly from?: number; readonly generation?: number; readonly synced?: (sequence: number) => number } = {}): Buffer {
  const memory = new SharedArrayBuffer(BYTES);
  const words = new Float64Array(WORD.count);
  const append = memoryAppender(words, [memory]);
  const put = (sequence: number, kind: number, key: string, text: string): void => {
    words[WORD.sequence] = sequence;
    words[WORD.version] = 1000 + sequence;
    words[WORD.synced] = options.synced?.(sequence) ?? 0;
    words[WORD.generation] = options.generation ?? 1;
    words[WORD.kind] = kind;
    words[WORD.offset] = append(key, text);
  };
  const from = options.from ?? 1;
  put(from, KIND.begin, "laurel", "store");
  for (let sequence = from + 1; sequence < from + count; sequence++) put(sequence, KIND.put, `key-${String(sequence)}`, JSON.stringify({ sequence, text: "x".repeat(sequence % 50) }));
  return Buffer.from(memory);
}

const sequences = (found: ReturnType<typeof readJournal>): number[] => found.stretches.flatMap(({ records }) => records.map(({ sequence }) => sequence));

test("segments are read in the order of their use, and what the store's file has is passed over", () => {
  const found = readJournal([written(10, { from: 11, generation: 2 }), written(10), written(10, { from: 21, generation: 3 })], "store", 5);
  expect(sequences(found)).toEqual(Array.from({ length: 25 }, (_, at) => 6 + at));
  expect(found).toMatchObject({ lastSequence: 30, lastGeneration: 3, lastVersion: 1030, isDamaged: false });
  expect(found.stretches.map(({ node }) => node)).toEqual(["laurel", "laurel", "laurel"]);
});

test("a torn end is the end, whatever byte of the last record is missing", () => {
  const seed = 9;
  const random = seededRandom(seed);
  for (let turn = 0; turn < 200; turn++) {
    const segment = written(20);
    const [last] = [...recordsFrom(segment, 0, 1)].slice(-1);
    if (last === undefined) throw new Error("no records");
    const at = last.offset + random.below(HEADER_BYTES + last.length);
    segment[at] = (segment[at] ?? 0) ^ (1 + random.below(255));
    const found = readJournal([segment], "store", 0);
    expect(sequences(found), `seed ${String(seed)} turn ${String(turn)}`).toEqual(Array.from({ length: 19 }, (_, n) => 1 + n));
    expect(found.isDamaged).toBe(false);
  }
});

test("a hole that the disk never had is a power cut; a hole that it had is damage", () => {
  for (const [synced, isDamaged] of [
    [(): number => 4, false],
    [(sequence: number): number => sequence - 1, true],
    // Exactly the missing one was on the disk.
    [(sequence: number): number => (sequence === 20 ? 10 : 0), true],
    [(sequence: number): number => (sequence === 20 ? 9 : 0), false],
  ] as const) {
    const segment = written(20, { synced });
    const record = [...recordsFrom(segment, 0, 1)].find(({ sequence }) => sequence === 10);
    segment.fill(0, record?.offset, record?.end);
    const found = readJournal([segment], "store", 0);
    expect(sequences(found).at(-1)).toBe(9);
    expect(found.isDamaged).toBe(isDamaged);
    // Numbers of what was lost are not used again.
    expect(found.lastSequence).toBe(20);
  }
});

test("a segment that is missing between others, or whose beginning is gone, is damage when the disk had it", () => {
  const synced = (sequence: number): number => sequence - 1;
  expect(readJournal([written(10, { synced }), written(10, { from: 21, generation: 3, synced })], "store", 0).isDamaged).toBe(true);
  const headless = written(10, { from: 11, generation: 2, synced });
  headless.fill(0, 0, 40);
  expect(readJournal([written(10, { synced }), headless], "store", 0).isDamaged).toBe(true);
  // The store's file has all of it: then it does not matter.
  expect(readJournal([headless], "store", 20).isDamaged).toBe(false);
});

test("another store's segments, and records of an earlier use, are passed over", () => {
  expect(readJournal([written(10)], "other", 0)).toMatchObject({ lastSequence: 0, isDamaged: false });
  const reused = written(60);
  written(5, { from: 61, generation: 2 }).copy(reused, 0, 0, 300);
  const found = readJournal([reused], "store", 60);
  expect(sequences(found)[0]).toBe(61);
  expect(found.isDamaged).toBe(false);
});

test("the addon writes the same bytes as JavaScript, and refuses what does not fit", ({ skip }) => {
  skip(!existsSync(nativePath), "the addon is not built");
  const folder = mkdtempSync(join(tmpdir(), "lamplight-journal-"));
  const path = join(folder, "journal-1");
  writeFileSync(path, Buffer.alloc(BYTES));
  const file = openSync(path, "r+");
  const addon = journalAddon(nativePath);
  const slot = addon.map(file, BYTES);
  expect(slot).toBeGreaterThanOrEqual(0);
  const seed = 3;
  const random = seededRandom(seed);
  const memory = new SharedArrayBuffer(BYTES);
  const words = [new Float64Array(new ArrayBuffer(WORD.count * 8)), new Float64Array(WORD.count)] as const;
  words[0][WORD.slot] = slot;
  const appends: readonly Append[] = [addon.appender(words[0]), memoryAppender(words[1], [memory])];
  for (let turn = 1; ; turn++) {
    const key = `kä€😀${"k".repeat(random.below(40))}`.slice(0, random.below(40));
    const text = JSON.stringify("tä€😀".repeat(random.below(90)));
    const ends = appends.map((append, at) => {
      const fields = words[at === 0 ? 0 : 1];
      fields.set([random.below(1), 0], WORD.sequence);
      fields[WORD.sequence] = turn;
      fields[WORD.version] = turn * 1024.5;
      fields[WORD.synced] = turn - 1;
      fields[WORD.generation] = 4_000_000_000;
      fields[WORD.table] = turn % 6;
      fields[WORD.kind] = KIND.put;
      const end = append(key, text);
      if (end > 0) fields[WORD.offset] = end;
      return end;
    });
    if (ends.includes(0)) break;
    expect(ends[0], `seed ${String(seed)} turn ${String(turn)}`).toBe(ends[1]);
  }
  const [native, ours] = [readFileSync(path), Buffer.from(memory)];
  const read = [...recordsFrom(native, 0, 4_000_000_000)];
  const same = [...recordsFrom(ours, 0, 4_000_000_000)];
  expect(read.length).toBeGreaterThan(50);
  expect(Math.abs(read.length - same.length)).toBeLessThanOrEqual(1);
  for (const [at, record] of read.slice(0, same.length).entries()) {
    expect(record).toEqual(same[at]);
    expect(keyOf(native, record) + textOf(native, record)).toBe(keyOf(ours, record) + textOf(ours, record));
  }
  words[0][WORD.slot] = 900;
  expect(() => appends[0]?.("k", "t")).toThrow(TypeError);
  words[0][WORD.slot] = slot;
  words[0][WORD.offset] = BYTES * 2;
  expect(() => appends[0]?.("k", "t")).toThrow(TypeError);
  expect(addon.warm(slot, 0, BYTES)).toBeTypeOf("boolean");
  addon.unmap(slot);
  closeSync(file);
  rmSync(folder, { recursive: true });
});
