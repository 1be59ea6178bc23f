/** One kind of record: bindings (and what their latest refreshes changed), publications, subscriptions, dialogs, secrets and counters, states set through the API. */
export type Table = "bindings" | "refreshes" | "publications" | "subscriptions" | "dialogs" | "settings" | "presence";

/** What the store keeps of a record. `value` is JSON-able and never holds a password or a calendar's subject.
 *  `version` is a hybrid logical clock, so that two servers settle a conflict alike (later issue). */
export interface StoredRecord {
  readonly key: string;
  readonly value: unknown;
  readonly node: string;
  readonly version: number;
}

/** How well the store keeps up; read for metrics. */
export interface StoreHealth {
  /** The alarm: the disk has not answered for `STALL_MS`, or refuses to be written. */
  readonly isStalled: boolean;
  /** What a power cut would cost now: records that were put or deleted and are not known to be on the disk, and for how long the oldest of them has waited. */
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  readonly pendingSeconds: number;
  /** Of those, records that wait in memory because the journal has no room for them: a crash of the program would cost them too. */
  readonly unwrittenRecords: number;
}

/** Where what was acknowledged is kept. `put` and `delete` note a change; `commit` puts all noted ones into the kernel's hands, where they survive the end of
 *  this process. Tables that calls touch live in memory: the store is read at start only. Nothing here waits for the disk. */
export interface Store {
  /** All live records of a table, in no order; what was put before is among them. At start only: between the opening and `started`. */
  load(table: Table): Iterable<StoredRecord>;
  /** Start is over: `load` is not called again. Before it the store's file is not written. */
  started(): void;
  /** `value` is held until the next commit, which makes JSON of it: it must not change meanwhile. Of several changes of one key between two commits the last counts. */
  put(table: Table, key: string, value: unknown): void;
  delete(table: Table, key: string): void;
  /** Everything that was put or deleted is in the kernel's hands when it returns, before an answer leaves that says so. Costs one comparison when there is
   *  nothing. Whatever no transport asks for is committed before the event loop goes on. */
  commit(): void;
  /** True when a commit is all that an acknowledgement needs: answer straight away. False: ask `kept`. */
  readonly isImmediate: boolean;
  /** Calls `done(true)` when what was put so far is kept as durably as the configuration asks: at once (after a commit) when `isImmediate`, else when the disk has it.
   *  A disk that stalls longer than `STALL_MS`: `done(true)` with the alarm on, or `done(false)` with `durability: full` (answer 503 with Retry-After). Once, and in order. */
  kept(done: (isKept: boolean) => void): void;
  /** Resolves when everything that was written before the call would survive a crash of the program; rejects with UnavailableError when the disk refuses it. */
  flushed(): Promise<void>;
  health(): StoreHealth;
  /** Writes a whole and consistent copy of the store, everything committed included, to a new file; resolves to the number of its records.
   *  Rejects with UnavailableError. `onProgress` hears how many are written. */
  backup(file: string, onProgress: (records: number) => void): Promise<number>;
  close(): Promise<void>;
}

/** How long the disk may take before an acknowledgement goes without it (or is refused) and the alarm is on. */
export const STALL_MS = 300;
