import { appendFileSync, writeSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { operation, SEGMENT_BYTES } from "./operations.ts";

// A server of its own for tests of the disk: `node … '{ folder, workerPath, nativePath, durability, from, batch, log, pauseMs }'`. It carries out operations one after the other and
// says on its output (and in the shim's log) up to which number they are acknowledged: "12\n". A refusal is "-12", what the alarm is "alarm 1".
interface Order {
  readonly folder: string;
  readonly workerPath: string;
  readonly nativePath: string | null;
  readonly durability: "fast" | "full";
  readonly from: number;
  readonly batch: number;
  readonly log: string | null;
  readonly pauseMs: number;
}

const order = JSON.parse(process.argv[2] ?? "{}") as Order;
const store = await openEmbeddedStore({ ...order, programs: order, node: "child", clock: systemClock, log: silentLog, segmentBytes: SEGMENT_BYTES });
store.started();
let alarm = false;
let number = order.from;
const turn = (): void => {
  for (let count = 0; count < order.batch; count++) {
    number++;
    const { key, value } = operation(number);
    if (value === null) store.delete("bindings", key);
    else store.put("bindings", key, value);
  }
  const upTo = number;
  const asked = performance.now();
  store.kept((isKept) => {
    const tookMs = Math.round(performance.now() - asked);
    if (order.log !== null && isKept) {
      const frame = Buffer.alloc(9);
      frame.write("A");
      frame.writeUInt32LE(4, 1);
      frame.writeUInt32LE(upTo, 5);
      appendFileSync(order.log, frame);
    }
    writeSync(1, `${String(isKept ? upTo : -upTo)} ${String(tookMs)}\n`);
    const { isStalled } = store.health();
    if (isStalled !== alarm) writeSync(1, `alarm ${String(Number(isStalled))}\n`);
    alarm = isStalled;
    setTimeout(turn, order.pauseMs);
  });
};
writeSync(1, "ready\n");
process.once("SIGTERM", () => {
  store.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
turn();
