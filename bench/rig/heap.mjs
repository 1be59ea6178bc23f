// A look into the heap of a running server that was started as anybody starts it: SIGUSR1 opens Node's inspector on loopback, which can collect garbage
// and evaluate an expression. Nothing of the server takes part in it.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** Opens the inspector of a server of rig/lamplight.mjs. */
export async function openHeap(server) {
  process.kill(server.pid, "SIGUSR1");
  let url;
  for (let tries = 0; tries < 100 && url === undefined; tries++) {
    await sleep(50);
    url = [...readFileSync(server.logPath, "utf8").matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1];
  }
  if (url === undefined) throw new Error("the inspector did not open");
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((done, failed) => {
    socket.once("open", done);
    socket.once("error", failed);
  });
  const waiting = new Map();
  socket.on("message", (bytes) => {
    const { id, result } = JSON.parse(String(bytes));
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  socket.on("close", () => {
    for (const done of waiting.values()) done({});
  });
  let count = 0;
  const call = (method, params = {}) =>
    new Promise((done) => {
      waiting.set(++count, done);
      socket.send(JSON.stringify({ id: count, method, params }));
    });
  await call("HeapProfiler.enable");
  return {
    /** A full collection, twice: what finalizers free goes with the second. */
    async collect() {
      for (let round = 0; round < 2; round++) await call("HeapProfiler.collectGarbage");
    },
    /** `process.memoryUsage()` of the server's main thread, bytes. */
    async usage() {
      const { result } = await call("Runtime.evaluate", { expression: "JSON.stringify(process.memoryUsage())", returnByValue: true });
      return JSON.parse(result?.value ?? "{}");
    },
    close: () => socket.close(),
  };
}
