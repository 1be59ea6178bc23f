import type { Cancel, Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import { STALL_MS, type Store, type Table } from "./store.ts";
import { versionClock } from "./version-clock.ts";

/** A store for tests and the simulation: a disk in memory that can stall, fail, and outlive a crash of its server. */
export interface MemoryStore extends Store {
  /** From now on the disk does not answer: writes wait, `flushed` does not resolve, `kept` answers as for a disk that stalls, until `resume`. */
  stall(): void;
  /** From now on writes wait and `flushed` rejects with UnavailableError, until `resume`. */
  fail(): void;
  resume(): void;
  /** The server dies within a commit: after so many more records the disk takes nothing any more, and `onCrash` is called once. What follows is as after `crashed`. */
  crashAfter(records: number, onCrash: () => void): void;
  /** The store as a new process finds it: without what was not yet written. The old one takes nothing any more. */
  crashed(): MemoryStore;
}

/** What a store in memory is made of. */
export interface MemoryStoreDeps {
  /** The server's name, in every record that it writes. */
  readonly node: string;
  readonly clock: Clock;
  /** Default `fast`. */
  readonly durability?: "fast" | "full";
  /** True: what was put is lost in a crash before the next commit, as on a real disk. Default: every put is a commit. */
  readonly holdsUntilCommit?: boolean;
}

/** An empty store in memory. */
export function memoryStore(deps: MemoryStoreDeps): MemoryStore {
  return storeOn(new Map(), deps);
}

/** What survives. Values are JSON text, so that no object is shared between a server and its successor. */
type Disk = Map<Table, Map<string, Row>>;

interface Row {
  readonly json: string;
  readonly node: string;
  readonly version: number;
}

interface Write {
  readonly table: Table;
  readonly key: string;
  /** Null for a deletion. */
  readonly row: Row | null;
}

function storeOn(disk: Disk, deps: MemoryStoreDeps): MemoryStore {
  const versions = versionClock(deps.clock);
  for (const table of disk.values()) for (const row of table.values()) versions.observe(row.version);
  const isFull = deps.durability === "full";
  let mode: "works" | "stalls" | "fails" | "over" = "works";
  let noted: Write[] = [];
  let waiting: Write[] = [];
  const waiters: (() => void)[] = [];
  let askers: { readonly done: (isKept: boolean) => void; readonly cancel: Cancel }[] = [];
  let stalledSince = Infinity;
  let crash: { left: number; readonly onCrash: () => void } | null = null;

  const settle = (): void => {
    if (mode !== "works") return;
    for (const write of waiting) {
      if (crash?.left === 0) {
        mode = "over";
        crash.onCrash();
        return;
      }
      if (crash !== null) crash.left--;
      apply(disk, write);
    }
    waiting = [];
    for (const resolve of waiters.splice(0)) resolve();
    for (const { done, cancel } of askers.splice(0)) {
      cancel();
      done(true);
    }
  };
  const commit = (): void => {
    if (noted.length === 0 || mode === "over") return;
    waiting.push(...noted);
    noted = [];
    settle();
  };
  const write = (next: Write): void => {
    if (mode === "over") return;
    noted.push(next);
    if (deps.holdsUntilCommit !== true) commit();
    else if (noted.length === 1) queueMicrotask(commit);
  };
  const isLate = (): boolean => mode !== "works" && deps.clock.now() >= stalledSince + STALL_MS;
  const stop = (next: "stalls" | "fails"): void => {
    commit();
    if (mode === "works") stalledSince = next === "fails" ? -Infinity : deps.clock.now();
    if (mode !== "over") mode = next;
  };
  return {
    *load(table) {
      commit();
      for (const [key, { json, node, version }] of [...(disk.get(table) ?? [])]) yield { key, value: parsed(json), node, version };
    },
    started: () => undefined,
    put(table, key, value) {
      write({ table, key, row: { json: JSON.stringify(value ?? null), node: deps.node, version: versions.next() } });
    },
    delete(table, key) {
      write({ table, key, row: null });
    },
    commit,
    isImmediate: !isFull,
    kept(done) {
      commit();
      if (!isFull || mode === "works") done(mode !== "over");
      else if (mode !== "stalls" || isLate()) done(false);
      else {
        const asker = {
          done,
          cancel: deps.clock.after(STALL_MS, () => {
            askers = askers.filter((one) => one !== asker);
            done(false);
          }),
        };
        askers.push(asker);
      }
    },
    flushed() {
      commit();
      if (mode === "fails" || mode === "over") return Promise.reject(new UnavailableError("the store in memory was told to fail"));
      return waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve));
    },
    health: () => ({ isStalled: isLate(), pendingRecords: waiting.length + noted.length, pendingBytes: 0, pendingSeconds: mode === "works" ? 0 : (deps.clock.now() - stalledSince) / 1000, unwrittenRecords: waiting.length }),
    backup: () => Promise.reject(new UnavailableError("the store in memory has no file to copy")),
    close() {
      commit();
      settle();
      mode = "over";
      return Promise.resolve();
    },
    stall() {
      stop("stalls");
    },
    fail() {
      stop("fails");
    },
    resume() {
      if (mode !== "over") mode = "works";
      settle();
    },
    crashAfter(records, onCrash) {
      crash = { left: records, onCrash };
    },
    crashed() {
      mode = "over";
      return storeOn(disk, deps);
    },
  };
}

function apply(disk: Disk, { table, key, row }: Write): void {
  const rows = disk.get(table) ?? new Map<string, Row>();
  disk.set(table, rows);
  if (row === null) rows.delete(key);
  else rows.set(key, row);
}

function parsed(json: string): unknown {
  return JSON.parse(json);
}
