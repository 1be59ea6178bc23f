import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";

// A process of its own for the tests of embedded-store: `node … FOLDER hold|write|fill COUNT`. `fill` meets a limit of file size, as a full disk.
process.on("SIGXFSZ", () => undefined);
const [, , folder = "", mode = "", count = "0", workerPath = "", nativePath = ""] = process.argv;
try {
  const store = await openEmbeddedStore({ folder, node: "child", clock: systemClock, log: silentLog, programs: { workerPath, nativePath }, durability: "fast", segmentBytes: 1 << 20 });
  if (mode === "write") for (let n = 0; n < Number(count); n++) store.put("bindings", `key-${String(n)}`, { n });
  if (mode === "fill") {
    store.put("bindings", "before", 1);
    await store.flushed();
    for (let n = 0; n < Number(count); n++) store.put("bindings", `key-${String(n)}`, "x".repeat(1000));
  }
  await store.flushed();
  process.stdout.write("ready\n");
  setInterval(() => undefined, 1000);
} catch (err) {
  process.stdout.write(`${String(err)}\n`);
  if (mode === "fill") setInterval(() => undefined, 1000);
}
