import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { open } from "lmdb";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Clock } from "../../src/base/clock.ts";
import { UnavailableError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { LMDB_OPTIONS, TOMBSTONE_MS } from "../../src/store/store-file.ts";
import type { Store, StoredRecord } from "../../src/store/store.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { bundled, nativePath } from "./programs.ts";

let program = "";
let workerPath = "";
let top = "";
let folder = "";
const children: ChildProcess[] = [];

beforeAll(async () => {
  [program, workerPath] = await Promise.all([bundled("test/store/store-process.ts"), bundled("src/store/journal-worker.ts")]);
});
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "lamplight-store-"));
  folder = join(top, "data");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(top, { recursive: true, force: true });
});

const opened = (clock: Clock = systemClock): Promise<Store> => openEmbeddedStore({ folder, node: "laurel", clock, log: silentLog, programs: { workerPath, nativePath }, durability: "fast", segmentBytes: 1 << 20 });
const all = (store: Store): ReadonlyMap<string, StoredRecord> => new Map([...store.load("bindings")].map(({ key, value, node, version }) => [key, { key, value, node, version }]));

/** Starts the other process and resolves with its first line. */
function started(mode: "hold" | "write", count = 0): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("node", [program, folder, mode, String(count), workerPath, nativePath], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    child.once("error", reject);
    child.stdout.once("data", (bytes: Buffer) => {
      resolve({ child, line: bytes.toString().trim() });
    });
  });
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => {
      resolve();
    });
    child.kill("SIGKILL");
  });
}

test("records come back after closing, tables apart, the newest of each key, deletions gone", async () => {
  const store = await opened();
  store.put("bindings", "a", { contacts: ["sip:101@10.0.0.1"], text: "Jäs\u0000\xff" });
  store.put("bindings", "b", 1);
  store.put("bindings", "b", null);
  store.put("bindings", "c", 1);
  store.put("presence", "a", "other");
  await store.flushed();
  store.put("bindings", "d", 4);
  store.delete("bindings", "c");
  store.delete("bindings", "never");
  expect([...all(store).keys()].sort()).toEqual(["a", "b", "d"]);
  await store.close();
  store.put("bindings", "late", 1);

  const again = await opened();
  const records = all(again);
  expect([...records.keys()].sort()).toEqual(["a", "b", "d"]);
  expect(records.get("a")).toMatchObject({ value: { contacts: ["sip:101@10.0.0.1"], text: "Jäs\u0000\xff" }, node: "laurel" });
  expect(records.get("b")?.value).toBeNull();
  expect([...again.load("presence")].map(({ value }) => value)).toEqual(["other"]);
  await again.close();
});

test("keys of any length and text come back as they were", async () => {
  const seed = 31;
  const random = seededRandom(seed);
  const keys = ["", "\0", "=", "#", "x".repeat(20_000), "\ud800", "é".repeat(400), "sip:101@x\0y", ..."abcdef".split("").map((letter) => letter.repeat(1000 + random.below(50)))];
  for (let n = 0; n < 200; n++) keys.push(String.fromCharCode(...Array.from({ length: random.below(700) }, () => random.below(0x10000))));
  const store = await opened();
  for (const [at, key] of keys.entries()) store.put("bindings", key, at);
  store.put("dialogs", "\0", "elsewhere");
  await store.close();
  const again = await opened();
  const records = all(again);
  for (const [at, key] of keys.entries()) expect(records.get(key)?.value, `seed ${seed}: ${JSON.stringify(key.slice(0, 50))}`).toBe(keys.lastIndexOf(key) === at ? at : keys.lastIndexOf(key));
  expect(records.size).toBe(new Set(keys).size);
  for (const key of keys) again.delete("bindings", key);
  await again.flushed();
  expect(all(again).size).toBe(0);
  await again.close();
});

test("versions never go backwards, not over a restart with a clock that was set back, and not after a deletion", async () => {
  const clock = new FakeClock(2_000_000_000_000);
  const store = await opened(clock);
  store.put("bindings", "a", 1);
  await store.flushed();
  const first = all(store).get("a")?.version ?? 0;
  store.delete("bindings", "a");
  await store.close();
  const again = await opened(new FakeClock(1_000_000_000_000));
  again.put("bindings", "b", 1);
  expect(all(again).get("b")?.version).toBeGreaterThan(first + 1);
  await again.close();
});

test("marks of deletions are dropped after a day", async () => {
  const clock = new FakeClock();
  const count = async (): Promise<number> => {
    const db = open({ path: join(folder, "store.mdb"), ...LMDB_OPTIONS });
    const keys = db.getKeysCount();
    await db.close();
    return keys;
  };
  const store = await opened(clock);
  store.put("bindings", "a", 1);
  store.put("bindings", "b", 1);
  await store.close();
  const next = await opened(clock);
  next.delete("bindings", "a");
  next.put("bindings", "c", 1);
  await next.flushed();
  next.delete("bindings", "c");
  await next.close();
  expect(await count()).toBe(4);
  clock.advance(TOMBSTONE_MS + 1000);
  await (await opened(clock)).close();
  expect(await count()).toBe(3);
});

test("a value that is not JSON-able is left out without harm to the others", async () => {
  const store = await opened();
  const ring: { self?: unknown } = {};
  ring.self = ring;
  store.put("bindings", "bad", ring);
  store.put("bindings", "good", 1);
  await store.flushed();
  expect([...all(store).keys()]).toEqual(["good"]);
  await store.close();
});

test("flushed resolves in order and for every writer, also with far more than one batch", async () => {
  const store = await opened();
  const flushes: Promise<void>[] = [];
  for (let n = 0; n < 5000; n++) {
    store.put("bindings", `key-${String(n % 3000)}`, n);
    if (n % 500 === 0) flushes.push(store.flushed());
  }
  await Promise.all(flushes);
  await store.flushed();
  await store.close();
  const again = await opened();
  expect(all(again).size).toBe(3000);
  expect(all(again).get("key-1999")?.value).toBe(4999);
  await again.close();
});

test("the folder is for its owner alone", async () => {
  await (await opened()).close();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

describe("with another process", () => {
  test("what it flushed is there after kill -9, and its lock is not", async () => {
    const { child, line } = await started("write", 2000);
    expect(line).toBe("ready");
    await killed(child);
    const store = await opened();
    expect(all(store).size).toBe(2000);
    expect(all(store).get("key-1999")).toMatchObject({ value: { n: 1999 }, node: "child" });
    await store.close();
  });

  test("a folder in use is refused both ways, with the mend, and free again after its end", async () => {
    const { child, line } = await started("hold");
    expect(line).toBe("ready");
    await expect(opened()).rejects.toThrow(UnavailableError);
    await expect(opened()).rejects.toThrow(`data folder ${folder} is in use by another server; stop that one`);
    await killed(child);
    const store = await opened();
    await expect(opened()).rejects.toThrow("in use");
    const second = await started("hold");
    expect(second.line).toContain("in use by another server");
    await store.close();
    expect(readdirSync(folder).filter((name) => name.startsWith("store.lock"))).toEqual([]);
    await (await opened()).close();
  });

  test("of several that start at once on a dead one's folder exactly one gets it", async () => {
    const { child } = await started("hold");
    await killed(child);
    const starts = await Promise.all([1, 2, 3, 4].map(() => started("hold")));
    expect(starts.map(({ line }) => line).filter((line) => line === "ready")).toHaveLength(1);
  });
});

test("a full disk rejects flushed, ends no process, and harms nothing that was written", async () => {
  const child = spawn("sh", ["-c", 'ulimit -S -f 4000; exec node "$0" "$1" fill 20000 "$2" "$3"', program, folder, workerPath, nativePath], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  const line = await new Promise<string>((resolve) => child.stdout.once("data", (bytes: Buffer) => { resolve(bytes.toString()); }));
  expect(line).toContain(`store in ${folder} cannot be written; is the disk full?`);
  // Longer than a second try.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(child.exitCode).toBeNull();
  expect(child.signalCode).toBeNull();
  await killed(child);
  const store = await opened();
  expect(all(store).get("before")?.value).toBe(1);
  await store.close();
});

test("a folder with a long path is locked as well", async () => {
  folder = join(top, "x".repeat(100), "y".repeat(100));
  const store = await opened();
  store.put("bindings", "a", 1);
  await expect(opened()).rejects.toThrow("in use");
  await store.close();
  const again = await opened();
  expect(all(again).size).toBe(1);
  await again.close();
});

test("a folder that cannot be made is named", async () => {
  mkdirSync(top, { recursive: true });
  writeFileSync(join(top, "file"), "");
  folder = join(top, "file", "data");
  await expect(opened()).rejects.toThrow(`data folder ${folder} cannot be made`);
});

test("a store of format 1, which had no journal, is read and made one of today", async () => {
  mkdirSync(folder);
  const db = open({ path: join(folder, "store.mdb"), encoding: "binary", keyEncoding: "binary", mapSize: 1 << 28, eventTurnBatching: false });
  const entry = (version: number, json: string): Buffer => {
    const bytes = Buffer.alloc(12 + Buffer.byteLength(json));
    bytes.writeDoubleBE(version, 4);
    bytes.write(json, 12);
    bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0);
    return bytes;
  };
  await db.put(Buffer.from("\0format"), Buffer.from("lamplight 1"));
  await db.put(Buffer.from("bindings\0=a"), entry(2 ** 50, '["old",{"n":1}]'));
  await db.put(Buffer.from("bindings\0=gone"), entry(2 ** 50 + 1, '["old"]'));
  await db.close();
  for (let turn = 0; turn < 2; turn++) {
    const store = await opened(new FakeClock(1000));
    expect([...all(store).values()]).toEqual([{ key: "a", value: { n: 1 }, node: "old", version: 2 ** 50 }]);
    store.put("bindings", "b", 1);
    expect(all(store).get("b")?.version).toBeGreaterThan(2 ** 50 + 1);
    store.delete("bindings", "b");
    await store.close();
  }
});

describe("a file that is not sound is refused, named, and left as it is", () => {
  const file = (): string => join(folder, "store.mdb");
  const filled = async (): Promise<number> => {
    const store = await opened();
    for (let n = 0; n < 3000; n++) store.put("bindings", `key-${String(n)}`, { n, text: "some text of a binding ".repeat(4) });
    await store.close();
    return statSync(file()).size;
  };
  const refused = async (): Promise<void> => {
    const before = readFileSync(file());
    await expect(opened()).rejects.toThrow(UnavailableError);
    await expect(opened()).rejects.toThrow(`store ${file()} `);
    expect(readFileSync(file()).equals(before)).toBe(true);
  };

  test("text", async () => {
    mkdirSync(folder);
    writeFileSync(file(), "not a store\n".repeat(2000));
    await refused();
  });

  test("its beginning overwritten", async () => {
    await filled();
    const bytes = readFileSync(file());
    bytes.fill(0, 0, 4096);
    writeFileSync(file(), bytes);
    await refused();
  });

  test("cut off in the middle", async () => {
    truncateSync(file(), Math.floor((await filled()) / 2 / 4096) * 4096);
    await refused();
  });

  test("a record changed", async () => {
    await filled();
    const bytes = readFileSync(file());
    for (let at = bytes.indexOf("some text of"); at !== -1; at = bytes.indexOf("some text of", at + 1)) bytes[at] = 0x53;
    writeFileSync(file(), bytes);
    await refused();
  });

  test("a file of a newer program, by its number", async () => {
    await filled();
    const db = open({ path: file(), ...LMDB_OPTIONS });
    await db.put(Buffer.from("\0format"), Buffer.from("lamplight 4"));
    await db.close();
    await expect(opened()).rejects.toThrow(/has format 4, this program knows up to 3; start the newer program/);
    await refused();
  });

  test("a file of another program", async () => {
    mkdirSync(folder);
    const db = open({ path: file(), ...LMDB_OPTIONS });
    await db.put(Buffer.from("foreign"), Buffer.from("x"));
    await db.close();
    await expect(opened()).rejects.toThrow("a file of another program");
    await refused();
  });

  test("an empty file", async () => {
    mkdirSync(folder);
    writeFileSync(file(), "");
    const store = await opened();
    await store.close();
  });
});
