import { setFlagsFromString } from "node:v8";

/** Longer than any server runs: the delay is a signed 32-bit number of ms. */
const NEVER_MS = 2_000_000_000;

/** Keeps V8 from compacting its heap while little happens. It does so some seconds after a full collection, three times in a row, to give memory back, and
 *  calls wait for 10 to 80 ms meanwhile (docs/performance.md, "Four steps were for latency"). What fills the heap is collected as before. Holds for the whole
 *  process, and only when it is called before the first full collection: after it V8 has set its timer. */
export function neverCompactWhenIdle(): void {
  setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${String(NEVER_MS)}`);
}
