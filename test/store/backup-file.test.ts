import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { readBackup } from "../../src/store/backup-file.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { stageRestore } from "../../src/store/staged-restore.ts";
import type { Store } from "../../src/store/store.ts";
import { bundled, nativePath } from "./programs.ts";

let workerPath = "";
let top = "";
beforeAll(async () => {
  workerPath = await bundled("src/store/journal-worker.ts");
});
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "lamplight-backup-"));
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

const opened = (name: string): Promise<Store> =>
  openEmbeddedStore({ folder: join(top, name), node: name, clock: systemClock, log: silentLog, programs: { workerPath, nativePath }, durability: "fast", segmentBytes: 1 << 20 });
const bindings = (store: Store): ReadonlyMap<string, unknown> => new Map([...store.load("bindings")].map(({ key, value }) => [key, value]));

async function backedUp(): Promise<string> {
  const store = await opened("first");
  for (let n = 0; n < 5000; n++) store.put("bindings", `key ${String(n)} ä\u0000`, { n, text: "é\n\u2028" });
  store.delete("bindings", "key 7 ä\u0000");
  store.put("settings", "secrets", "x");
  const file = join(top, "backup");
  let progress = 0;
  expect(await store.backup(file, (records) => (progress = records))).toBe(5000);
  expect(progress).toBe(4000);
  // What comes later is not in it.
  store.put("bindings", "late", 1);
  await store.close();
  return file;
}

test("a backup of a store that is written to holds everything that was put before, and a restore brings exactly that, with the old store aside", { timeout: 60_000 }, async () => {
  const file = await backedUp();
  const second = await opened("second");
  second.put("bindings", "old", 1);
  expect(await stageRestore(join(top, "second"), createReadStream(file))).toBe(5000);
  await second.close();
  const restored = await opened("second");
  expect(bindings(restored).size).toBe(4999);
  expect(bindings(restored).get("key 4999 ä\u0000")).toEqual({ n: 4999, text: "é\n\u2028" });
  expect([...restored.load("settings")].map(({ value }) => value)).toEqual(["x"]);
  await restored.close();
  expect(readdirSync(join(top, "second")).filter((name) => name.startsWith("store-before-restore-"))).toHaveLength(1);
  const again = await opened("second");
  expect(bindings(again).size).toBe(4999);
  await again.close();
});

test("versions after a restore are larger than all of either store", async () => {
  const file = await backedUp();
  const second = await opened("second");
  second.put("bindings", "new", 1);
  const [last] = [...second.load("bindings")].map(({ version }) => version);
  await stageRestore(join(top, "second"), createReadStream(file));
  await second.close();
  const restored = await opened("second");
  restored.put("bindings", "newer", 1);
  const versions = new Map([...restored.load("bindings")].map(({ key, version }) => [key, version]));
  expect(versions.get("newer")).toBeGreaterThan(last ?? Infinity);
  expect(versions.get("newer")).toBe(Math.max(...versions.values()));
  await restored.close();
});

describe("what is no whole backup is refused, and nothing of it stays", () => {
  test.each([
    ["empty", () => "", "is empty"],
    ["another file", () => "a picture\n", "is no backup of Lamplight"],
    ["cut off", (text: string) => text.slice(0, text.length / 2), "damaged at line"],
    ["cut off between lines", (text: string) => text.split("\n").slice(0, 100).join("\n"), "cut off after 99 records"],
    ["a letter changed", (text: string) => text.replace("key 4000", "key 4xxx"), "not those that were written"],
    ["a record left out", (text: string) => text.split("\n").toSpliced(50, 1).join("\n"), "not those that were written"],
    ["longer", (text: string) => `${text}["bindings","more","n",1,1]\n`, "goes on after its end"],
    ["of a later version", (text: string) => text.replace('backup",1]', 'backup",2]'), "restore it with the newer program"],
  ])("%s", async (_name, change, message) => {
    const file = await backedUp();
    const changed = change(readFileSync(file, "utf8"));
    await expect(stageRestore(top, Readable.from([Buffer.from(changed)]))).rejects.toThrow(message);
    expect(readdirSync(top).sort()).toEqual(["backup", "first"]);
    writeFileSync(file, changed);
    const read = async (): Promise<void> => {
      for await (const record of readBackup(file)) expect(record.key).toBeTypeOf("string");
    };
    await expect(read()).rejects.toThrow(message);
  });
});
