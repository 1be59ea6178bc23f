import { crc32 } from "node:zlib";
import { HEADER_BYTES, KIND } from "./journal-layout.ts";

/** One record as it stands in a segment. */
export interface JournalRecord {
  /** Where it stands, and where the next one does. */
  readonly offset: number;
  readonly end: number;
  readonly sequence: number;
  readonly version: number;
  /** Everything up to this sequence number was on the disk when the record was written. */
  readonly synced: number;
  readonly generation: number;
  readonly table: number;
  readonly kind: number;
  readonly keyLength: number;
  readonly length: number;
}

/** The intact record at a place; null when there is none. `generation`: of the segment's use; 0 takes any. */
export function recordAt(segment: Buffer, offset: number, generation = 0): JournalRecord | null {
  const end = endAt(segment, offset, generation);
  if (end === 0) return null;
  return {
    offset,
    end,
    sequence: sequenceAt(segment, offset),
    version: segment.readDoubleLE(offset + 16),
    synced: segment.readDoubleLE(offset + 24),
    generation: segment.readUInt32LE(offset + 32),
    table: segment.readUInt8(offset + 38),
    kind: segment.readUInt8(offset + 39),
    keyLength: segment.readUInt16LE(offset + 36),
    length: segment.readUInt32LE(offset + 4),
  };
}

/** Where the next record stands after the intact one at a place; 0 when there is none. */
function endAt(segment: Buffer, offset: number, generation: number): number {
  if (offset + HEADER_BYTES > segment.length) return 0;
  const used = segment.readUInt32LE(offset + 32);
  if (used === 0 || (generation !== 0 && used !== generation)) return 0;
  const length = segment.readUInt32LE(offset + 4);
  const keyLength = segment.readUInt16LE(offset + 36);
  const kind = segment[offset + 39] ?? 0;
  if (kind < KIND.begin || kind > KIND.wrappedDelete || keyLength > length || offset + HEADER_BYTES + length > segment.length) return 0;
  if (crc32(segment.subarray(offset + 4, offset + HEADER_BYTES + length)) !== segment.readUInt32LE(offset)) return 0;
  return offset + Math.ceil((HEADER_BYTES + length) / 8) * 8;
}

function sequenceAt(segment: Buffer, offset: number): number {
  return segment.readDoubleLE(offset + 8);
}

/** Records of one segment, and the server that wrote them. */
export interface Stretch {
  readonly segment: Buffer;
  readonly node: string;
  readonly records: readonly JournalRecord[];
}

/** What a journal holds beyond what the store's file has. */
export interface Unapplied {
  /** In the order in which they were written, without a gap. */
  readonly stretches: readonly Stretch[];
  /** The largest sequence number, version and generation that were ever used here, stray records included. */
  readonly lastSequence: number;
  readonly lastVersion: number;
  readonly lastGeneration: number;
  /** True when something is missing that the disk is known to have had: then this is damage, and no power cut. */
  readonly isDamaged: boolean;
}

/** Reads all segments of one store. What is torn ends the journal, as a power cut leaves it: pages may be missing from among the last second's. But when a later
 *  record says that the disk had the missing one, the files are damaged. Segments of other stores are passed over. */
export function readJournal(segments: readonly Buffer[], storeName: string, applied: number): Unapplied {
  const uses: (Stretch & { readonly generation: number; readonly end: number })[] = [];
  let isDamaged = false;
  for (const segment of segments) {
    const begin = recordAt(segment, 0);
    if (begin?.kind === KIND.begin) {
      if (textOf(segment, begin) !== storeName) continue;
      uses.push({ segment, node: keyOf(segment, begin), generation: begin.generation, ...recordsAfter(segment, begin.generation, applied) });
    } else {
      // Without its beginning nothing says whose it is; records that are newer than the store's file say that it was in use.
      const strays = strayRecords(segment, 0, 0).filter(({ sequence }) => sequence > applied);
      if (strays.length > 0) uses.push({ segment, node: "", generation: Math.max(...strays.map(({ generation }) => generation)), records: [], end: 0 });
    }
  }
  uses.sort((one, other) => one.generation - other.generation);
  const stretches: Stretch[] = [];
  const strays: JournalRecord[] = [];
  let next = applied + 1;
  let isOver = false;
  let [lastSequence, lastVersion, lastGeneration] = [applied, 0, 0];
  for (const { segment, node, generation, records: whole, end } of uses) {
    const records: JournalRecord[] = [];
    stretches.push({ segment, node, records });
    for (const record of whole) {
      if (record.sequence < next) continue;
      if (isOver || record.sequence > next) {
        isOver = true;
        strays.push(record);
        continue;
      }
      records.push(record);
      next++;
    }
    strays.push(...strayRecords(segment, end, generation).filter(({ sequence }) => sequence >= next));
    lastGeneration = Math.max(lastGeneration, generation);
  }
  for (const record of [...stretches.flatMap(({ records }) => records), ...strays]) {
    lastSequence = Math.max(lastSequence, record.sequence);
    lastVersion = Math.max(lastVersion, record.version);
    if (record.synced >= next) isDamaged = true;
  }
  return { stretches, lastSequence, lastVersion, lastGeneration, isDamaged };
}

/** The records of a segment's latest use that are newer than `applied`, up to the first that is torn, and where that one stands. Most are not newer. */
function recordsAfter(segment: Buffer, generation: number, applied: number): { readonly records: readonly JournalRecord[]; readonly end: number } {
  const records: JournalRecord[] = [];
  let offset = 0;
  for (let end = endAt(segment, offset, generation); end !== 0; end = endAt(segment, offset, generation)) {
    const record = sequenceAt(segment, offset) > applied ? recordAt(segment, offset, generation) : null;
    if (record !== null) records.push(record);
    offset = end;
  }
  return { records, end: offset };
}

/** Intact records behind a torn one. */
function strayRecords(segment: Buffer, from: number, generation: number): readonly JournalRecord[] {
  const found: JournalRecord[] = [];
  for (let offset = from; offset + HEADER_BYTES <= segment.length; ) {
    const record = recordAt(segment, offset, generation);
    if (record !== null) found.push(record);
    offset = record?.end ?? offset + 8;
  }
  return found;
}

/** A record's key. */
export function keyOf(segment: Buffer, { offset, keyLength }: JournalRecord): string {
  return segment.toString("utf8", offset + HEADER_BYTES, offset + HEADER_BYTES + keyLength);
}

/** A record's text. */
export function textOf(segment: Buffer, { offset, keyLength, length }: JournalRecord): string {
  return segment.toString("utf8", offset + HEADER_BYTES + keyLength, offset + HEADER_BYTES + length);
}
