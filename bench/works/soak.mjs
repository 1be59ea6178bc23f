// A mixed load at a moderate rate for an hour: registrations with digest, calls with lamps, publications with watchers, phones that come, call, renew and go.
// Memory, handles and table sizes at intervals; at the end whether memory is flat.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load, startPhones } from "../rig/generator.mjs";
import { openHeap } from "../rig/heap.mjs";
import { startLamplight } from "../rig/lamplight.mjs";
import { handlesOf, memoryOf } from "../rig/process-tree.mjs";
import { endProgram } from "../rig/programs.mjs";
import { shown, textTable } from "../rig/text-table.mjs";

const TABLES = ["registrations", "calls", "subscriptions", "publications", "transactions", "transaction_text_bytes", "timers"];
const SAMPLES = 60;
/** Less than this an hour is called flat, whatever the noise says. */
const FLAT_MB_PER_HOUR = 5;
/** Before that the heap is still growing into its usual size. */
const VERDICT_MINUTES = 10;

/** Each load has users of its own: their contacts must not meet. */
const LOADS = [
  { name: "calls with lamps", args: ["-m", "blf", "-a", "-n", 200, "-W", 5, "-w", 1000, "-r", 10, "-R", 300, "-H", 4000] },
  { name: "registrations", args: ["-m", "register", "-a", "-O", 1000, "-n", 2000, "-w", 500, "-r", 50] },
  { name: "publications", args: ["-m", "presence", "-O", 4000, "-n", 300, "-W", 5, "-w", 500, "-r", 20] },
];
const FIRST_OF_PHONES = 5000;
const PHONES = 400;

/** Resolves to { minutes, samples, loads, verdict }. */
export async function measureSoak(setting) {
  const seconds = setting.minutes * 60;
  const server = await startLamplight({ main: setting.main, folder: join(setting.folder, "lamplight"), require: "register" });
  const heap = await openHeap(server);
  const children = [];
  const phones = startPhones(setting.folder, server, ["-n", PHONES, "-W", 3, "-O", FIRST_OF_PHONES, "-g", PHONES, "-i", 5000]);
  try {
    // Before all is set up and warm nothing can be said: the measured time begins after it.
    const loads = LOADS.map(async ({ name, args }) => ({ name, ...(await load(setting.folder, server, [...args, "-e", 7200, "-u", 1, "-T", seconds + 30], { onChild: (child) => children.push(child) })) }));
    await phones.ask("setup");
    const churn = churned(phones, seconds);
    await sleep(15_000);
    const every = Math.max(2, seconds / SAMPLES);
    const samples = [];
    const live = [];
    const began = performance.now();
    for (let at = 0; at <= seconds && server.isRunning(); at += every) {
      await sleep(Math.max(0, at * 1000 - (performance.now() - began)));
      samples.push(await sampled(server, heap, at));
      // What lives, without garbage. A collection is a pause, and it disturbs what is measured after it: so early, and at the very end.
      if ((at >= seconds / 4 && live.length === 0) || (at + every > seconds && live.length > 0)) {
        await heap.collect();
        live.push({ at, heapMb: (await heap.usage()).heapUsed / 2 ** 20 });
        await server.metrics();
      }
      if (samples.length % 10 === 1) setting.note(`${shown(at / 60)} min: PSS ${shown(samples.at(-1).pssMb)} MB, heap ${shown(samples.at(-1).heapMb)} MB, ${samples.at(-1).subscriptions} subscriptions, ${samples.at(-1).calls} calls\n`);
    }
    const survived = server.isRunning();
    heap.close();
    return { minutes: setting.minutes, survived, samples, live, loads: survived ? await Promise.all(loads) : [], churn: survived ? await churn : null, verdict: verdictOf(samples, live), complaints: server.complaints().slice(0, 10) };
  } finally {
    for (const child of children) await endProgram(child);
    await phones.end();
    await server.stop();
  }
}

/** Phones that call one another, send re-INVITEs and BYEs, and now and then all renew. Counts what failed. */
async function churned(phones, seconds) {
  const sum = { calls: 0, requests: 0, failed: 0, renewals: 0, incomplete: 0 };
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
    const { up, wanted } = await phones.ask(`calls ${PHONES / 2}`);
    const { samples } = await phones.ask("steady 20");
    const renewed = await phones.ask("renew 2000");
    sum.calls += up;
    sum.requests += samples.length;
    sum.failed += wanted - up + samples.filter(([, , ms]) => ms < 0).length;
    sum.renewals++;
    if (renewed.registered < renewed.phones || renewed.notified < renewed.lamps) sum.incomplete++;
  }
  return sum;
}

async function sampled(server, heap, at) {
  const memory = memoryOf(server.pid);
  const usage = await heap.usage();
  const metrics = await server.metrics();
  const { files, threads } = handlesOf(server.pid);
  return {
    at,
    residentMb: memory.residentKb / 1024,
    pssMb: memory.pssKb / 1024,
    anonymousMb: memory.anonymousKb / 1024,
    fileMb: memory.fileKb / 1024,
    heapMb: usage.heapUsed / 2 ** 20,
    buffersMb: usage.arrayBuffers / 2 ** 20,
    files,
    threads,
    diskMb: readdirSync(server.data).reduce((sum, name) => sum + statSync(join(server.data, name)).size, 0) / 2 ** 20,
    gcMs: (metrics.gc_pause_max_seconds ?? 0) * 1000,
    ...Object.fromEntries(TABLES.map((name) => [name, metrics[name] ?? null])),
  };
}

/** Least squares over the second half: MB an hour, and how sure that is. */
function verdictOf(samples, live) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const { slope, error } = leastSquares(half.map(({ at, anonymousMb }) => [at / 3600, anonymousMb]));
  const liveMbPerHour = live.length < 2 ? null : (live[1].heapMb - live[0].heapMb) / ((live[1].at - live[0].at) / 3600);
  const minutes = (samples.at(-1)?.at ?? 0) / 60;
  return { mbPerHour: slope, errorMbPerHour: error, liveMbPerHour, word: minutes < VERDICT_MINUTES ? `no verdict: that takes ${VERDICT_MINUTES} minutes` : slope < FLAT_MB_PER_HOUR || slope < 2 * error ? "flat" : "GROWS" };
}

/** The slope of y on x and its standard error. */
function leastSquares(points) {
  const n = points.length;
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / n;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  const xx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / xx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: n > 2 ? Math.sqrt(rest / (n - 2) / xx) : Infinity };
}

/** The figures as Markdown. */
export function soakText({ minutes, survived, samples, live, loads, churn, verdict, complaints }) {
  const step = Math.max(1, Math.floor(samples.length / 20));
  const shownSamples = samples.filter((_, at) => at % step === 0 || at === samples.length - 1);
  const table = textTable([
    ["minute", "RSS MB", "PSS anonymous", "file-backed", "heap", "buffers", "files", "threads", "disk MB", "GC max ms", ...TABLES],
    ...shownSamples.map((one) => [
      shown(one.at / 60),
      ...[one.residentMb, one.anonymousMb, one.fileMb, one.heapMb, one.buffersMb].map((value) => shown(value)),
      String(one.files),
      String(one.threads),
      shown(one.diskMb),
      shown(one.gcMs),
      ...TABLES.map((name) => String(one[name])),
    ]),
  ]);
  const lines = [
    ...loads.map(({ name, ok, failed, retransmissions, latency }) => `${name}: ${ok} ok, ${failed} failed, ${retransmissions} retransmissions; ${Object.entries(latency ?? {}).map(([what, { p50, p99 }]) => `${what} p50 ${shown(p50, 2)}, p99 ${shown(p99, 2)} ms`).join("; ")}`),
    churn === null ? "" : `phones: ${churn.calls} calls set up, ${churn.requests} requests in calls and registrations, ${churn.failed} failed; ${churn.renewals} renewals of everything, ${churn.incomplete} incomplete`,
    `heap without garbage: ${live.map(({ at, heapMb }) => `${shown(heapMb)} MB at minute ${shown(at / 60)}`).join(", ")}${verdict.liveMbPerHour === null ? "" : ` (${shown(verdict.liveMbPerHour)} MB an hour)`}`,
    `${survived ? "" : "THE SERVER ENDED. "}${minutes} minutes; second half: ${shown(verdict.mbPerHour)} ± ${shown(verdict.errorMbPerHour)} MB an hour of anonymous memory: ${verdict.word}`,
    ...complaints.map((line) => `server's log: ${line}`),
  ];
  return `${table}\n${lines.filter((line) => line !== "").join("\n")}\n`;
}
