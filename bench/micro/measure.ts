/** One thing to measure: `run(n)` does it n times. `perRun` says how many of the named thing one time is (a change with 10 watchers: 1). */
export interface MicroCase {
  readonly name: string;
  readonly run: (times: number) => void;
}

/** Or one that has to wait for the world: measured by wall time. */
export interface SlowMicroCase {
  readonly name: string;
  readonly runSlowly: (times: number) => Promise<void>;
}

/** What one time costs: processor time of this process in ns (`wallNs` beside it, where it waits), and bytes put on the heap. */
export interface MicroFigures {
  readonly name: string;
  readonly times: number;
  readonly ns: number;
  readonly wallNs: number;
  readonly bytes: number;
}

const WARM_UP_MS = 250;
const ROUND_MS = 60;
const ROUNDS = 7;
/** Allocated in one go at most, so that nothing is collected while bytes are counted: the new space is larger (see micro.mjs). */
const COUNTED_BYTES_MAX = 24 * 2 ** 20;

/** Measures a case: warm-up until the code is compiled, then the best of several rounds (whatever else runs on the machine only makes them slower). */
export function measure({ name, run }: MicroCase): MicroFigures {
  let times = 1;
  for (const until = performance.now() + WARM_UP_MS; performance.now() < until; ) run(64);
  for (let took = 0; took < ROUND_MS; times *= 2) {
    const began = performance.now();
    run(times);
    took = performance.now() - began;
  }
  let ns = Infinity;
  let wallNs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage();
    const began = performance.now();
    run(times);
    wallNs = Math.min(wallNs, ((performance.now() - began) * 1e6) / times);
    const { user, system } = process.cpuUsage(cpu);
    ns = Math.min(ns, ((user + system) * 1e3) / times);
  }
  return { name, times, ns: Math.min(ns, wallNs), wallNs, bytes: bytesOf(run) };
}

/** The same for what waits. */
export async function measureSlowly({ name, runSlowly }: SlowMicroCase): Promise<MicroFigures> {
  const times = 2000;
  await runSlowly(times);
  const cpu = process.cpuUsage();
  const began = performance.now();
  const heap = heapUsed();
  await runSlowly(times);
  const { user, system } = process.cpuUsage(cpu);
  return { name, times, ns: ((user + system) * 1e3) / times, wallNs: ((performance.now() - began) * 1e6) / times, bytes: Math.max(0, heapUsed() - heap) / times };
}

/** Bytes on the heap that one time takes: the median of a few countings, each without a collection in between. */
function bytesOf(run: (times: number) => void): number {
  const once = grown(run, 16) / 16;
  const times = Math.max(16, Math.min(20_000, Math.floor(COUNTED_BYTES_MAX / Math.max(once, 1))));
  const counted = Array.from({ length: 5 }, () => grown(run, times) / times).sort((a, b) => a - b);
  return Math.max(0, counted[2] ?? 0);
}

function grown(run: (times: number) => void, times: number): number {
  globalThis.gc?.();
  const before = heapUsed();
  run(times);
  return heapUsed() - before;
}

function heapUsed(): number {
  const { heapUsed: heap, external } = process.memoryUsage();
  return heap + external;
}

/** Takes a result, so that no compiler finds out that nobody wants it. */
export function keep(value: unknown): void {
  if (value === sink) throw new Error("never");
}

const sink = Symbol("sink");
