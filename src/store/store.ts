/** One kind of record: bindings, publications, subscriptions, dialogs, secrets, counters. */
export type Table = "bindings" | "publications" | "subscriptions" | "dialogs" | "settings" | "presence";

/** What the store keeps of a record. `value` is JSON-able and never holds a password or a calendar's subject.
 *  `version` is a hybrid logical clock, so that two servers settle a conflict alike (later issue). */
export interface StoredRecord {
  readonly key: string;
  readonly value: unknown;
  readonly node: string;
  readonly version: number;
}

/** Where what was acknowledged is kept. Writes return at once and are durable behind the caller's back;
 *  `flushed` says when. Tables that calls touch live in memory: the store is read at start only. */
export interface Store {
  /** All live records of a table, in no order. Called at start. */
  load(table: Table): Iterable<StoredRecord>;
  put(table: Table, key: string, value: unknown): void;
  delete(table: Table, key: string): void;
  /** Resolves when everything that was written before the call would survive a crash of the program. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}
