/** One stretch of the record; they follow one another in time. */
export interface RecordSegment {
  readonly id: number;
  /** Nothing in it is older, ms since 1970. */
  readonly startMs: number;
}

/** Where the record of what was so is kept: a ring of segments, bounded in bytes; the oldest goes when there are too many. */
export interface RecordDisk {
  /** What is there, oldest first. */
  segments(): readonly RecordSegment[];
  /** True when the next new segment ends the oldest. */
  readonly isFull: boolean;
  /** Appends whole lines; a full segment is followed by a new one, that begins with `head()` and starts at `since`, the oldest moment that the lines speak of. Rejects with UnavailableError; one at a time. */
  append(lines: string, since: number, head: () => string): Promise<void>;
  /** The bytes of a segment in pieces of at most some 100 kB; nothing when it is gone meanwhile. */
  read(id: number): AsyncIterable<Buffer>;
  close(): Promise<void>;
}
