import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";

// A process of its own for the tests of embedded-store: `node … FOLDER hold|write COUNT`.
const [, , folder = "", mode = "", count = "0"] = process.argv;
try {
  const store = await openEmbeddedStore({ folder, node: "child", clock: systemClock, log: silentLog });
  if (mode === "write") for (let n = 0; n < Number(count); n++) store.put("bindings", `key-${String(n)}`, { n });
  await store.flushed();
  process.stdout.write("ready\n");
  setInterval(() => undefined, 1000);
} catch (err) {
  process.stdout.write(`${String(err)}\n`);
}
