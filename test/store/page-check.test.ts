import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { checkPages } from "../../src/store/page-check.ts";
import { StoreFile, type Change } from "../../src/store/store-file.ts";
import { bundled } from "./programs.ts";

let folder = "";
let program = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lamplight-pages-"));
  program = await bundled("test/store/noise-process.ts");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("whatever the library has written passes, through growth, deletions, long values and pages used again", async () => {
  const path = join(folder, "grown.mdb");
  const seed = 7;
  const random = seededRandom(seed);
  for (let round = 0; round < 25; round++) {
    const file = new StoreFile(path);
    for (let turn = 0; turn < 4; turn++) {
      const changes = Array.from({ length: random.below(500) }, (): Change => ({
        table: random.below(2) === 0 ? "bindings" : "dialogs",
        key: "k".repeat(random.below(60)) + String(random.below(2000)),
        json: random.below(3) === 0 ? null : JSON.stringify("v".repeat(random.below(20) === 0 ? random.below(20_000) : random.below(600))),
        version: 1000 + round,
        node: "n",
      }));
      file.apply(changes, { name: "x", applied: round, version: 1 });
    }
    if (round % 7 === 3) file.walk(1e15, () => undefined);
    await file.close();
    expect(() => {
      checkPages(path);
    }, `seed ${String(seed)} round ${String(round)}`).not.toThrow();
  }
});

test("what is no database is refused", () => {
  for (const [text, what] of [
    ["short", "too short"],
    ["not a store\n".repeat(2000), "damaged"],
    ["\0".repeat(16_384), "damaged"],
  ] as const) {
    writeFileSync(join(folder, "odd"), text);
    expect(() => {
      checkPages(join(folder, "odd"));
    }).toThrow(what);
  }
});

test("noise over pages is refused or harmless: it never ends the process that opens, reads and writes", { timeout: 120_000 }, async () => {
  const child = spawn("node", [program, folder, "5000", "60"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const code = await new Promise((resolve) => child.once("close", (status, signal) => { resolve(signal ?? status); }));
  expect(code, `after seed ${said.trim().split("\n").at(-1) ?? "none"}`).toBe(0);
  expect(said).toMatch(/refused [1-9]\d* taken \d+/);
});
