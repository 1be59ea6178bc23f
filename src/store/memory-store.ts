import type { Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import type { Store, Table } from "./store.ts";
import { versionClock } from "./version-clock.ts";

/** A store for tests and the simulation: a disk in memory that can stall, fail, and outlive a crash of its server. */
export interface MemoryStore extends Store {
  /** From now on writes wait and `flushed` does not resolve, until `resume`. */
  stall(): void;
  /** From now on writes wait and `flushed` rejects with UnavailableError, until `resume`. */
  fail(): void;
  resume(): void;
  /** The store as a new process finds it: without what was not yet written. The old one takes nothing any more. */
  crashed(): MemoryStore;
}

/** `node`: the server's name, in every record that it writes. */
export function memoryStore(deps: { readonly node: string; readonly clock: Clock }): MemoryStore {
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

function storeOn(disk: Disk, deps: { readonly node: string; readonly clock: Clock }): MemoryStore {
  const versions = versionClock(deps.clock);
  for (const table of disk.values()) for (const row of table.values()) versions.observe(row.version);
  let mode: "works" | "stalls" | "fails" | "over" = "works";
  let waiting: Write[] = [];
  let waiters: (() => void)[] = [];

  const settle = (): void => {
    if (mode !== "works") return;
    for (const write of waiting) apply(disk, write);
    waiting = [];
    for (const resolve of waiters) resolve();
    waiters = [];
  };
  const write = (next: Write): void => {
    if (mode === "over") return;
    waiting.push(next);
    settle();
  };
  return {
    *load(table) {
      for (const [key, { json, node, version }] of [...(disk.get(table) ?? [])]) yield { key, value: parsed(json), node, version };
    },
    put(table, key, value) {
      write({ table, key, row: { json: JSON.stringify(value ?? null), node: deps.node, version: versions.next() } });
    },
    delete(table, key) {
      write({ table, key, row: null });
    },
    flushed() {
      if (mode === "fails" || mode === "over") return Promise.reject(new UnavailableError("the store in memory was told to fail"));
      return waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve));
    },
    close() {
      settle();
      mode = "over";
      return Promise.resolve();
    },
    stall() {
      mode = "stalls";
    },
    fail() {
      mode = "fails";
    },
    resume() {
      if (mode !== "over") mode = "works";
      settle();
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
