import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import type { SlowMicroCase } from "./measure.ts";

/** Records kept, and waited for until a crash of the program would not lose them: processor time is all threads', the wait is in the wall time. */
export async function storeCases(): Promise<{ readonly cases: readonly SlowMicroCase[]; readonly close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-micro-"));
  const store = await openEmbeddedStore({
    folder,
    node: "bench",
    clock: systemClock,
    log: silentLog,
    programs: { workerPath: fileURLToPath(new URL("../../dist/journal-worker.js", import.meta.url)), nativePath: fileURLToPath(new URL("../../native/build/journal.node", import.meta.url)) },
    durability: "fast",
  });
  store.started();
  const value = { contact: "sip:2101@192.0.2.9:5062", q: 1, expires: 3600, callId: "0_1863418721@192.0.2.9", cseq: 2, userAgent: "Yealink SIP-T46S 66.86.0.15", source: "192.0.2.9:5062" };
  const put = (batch: number): SlowMicroCase => ({
    name: `put a binding in the store, ${batch} together, until it is kept`,
    runSlowly: async (times) => {
      for (let at = 0; at < times; at += batch) {
        for (let one = at; one < at + batch; one++) store.put("bindings", `sip:${one % 1000}@tel.example.test`, { ...value, cseq: one });
        await store.flushed();
      }
    },
  });
  return {
    cases: [put(20), put(500)],
    close: async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
