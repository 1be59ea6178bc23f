import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { StoreFile, type Change } from "../../src/store/store-file.ts";
import { bundled, nativePath } from "./programs.ts";

test("200,000 records are there in well under three seconds of this thread's time", { timeout: 60_000 }, async () => {
  const top = mkdtempSync(join(tmpdir(), "lamplight-store-"));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const folder = join(top, "data");
  mkdirSync(folder);
  const file = new StoreFile(join(folder, "store.mdb"));
  file.begin({ name: "large", applied: 0, version: 0 });
  const text = "x".repeat(320);
  for (let from = 0; from < 200_000; from += 10_000)
    file.apply(
      Array.from({ length: 10_000 }, (_, at): Change => {
        const n = from + at;
        return { table: n % 2 === 0 ? "bindings" : "subscriptions", key: `sip:user-${String(n).padStart(7, "0")}@tel.example.test`, json: JSON.stringify({ n, text, list: [n] }), version: n, node: "n" };
      }),
      null,
    );
  await file.close();
  const workerPath = await bundled("src/store/journal-worker.ts");
  const before = process.cpuUsage();
  const store = await openEmbeddedStore({ folder, node: "laurel", clock: systemClock, log: silentLog, programs: { workerPath, nativePath }, durability: "fast" });
  expect([...store.load("bindings"), ...store.load("subscriptions")].filter(({ value }) => value !== null)).toHaveLength(200_000);
  const used = process.cpuUsage(before);
  expect((used.user + used.system) / 1e6).toBeLessThan(3);
  await store.close();
});
