// More new calls than the server can carry, while calls that are up send re-INVITE and BYE and phones refresh their registrations:
// how many calls still succeed, what becomes of the others, and how long after the load ends all is as it was before.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { load, startPhones } from "../rig/generator.mjs";
import { startLamplight } from "../rig/lamplight.mjs";
import { memoryOf, settle } from "../rig/process-tree.mjs";
import { quantile, shown, textTable } from "../rig/text-table.mjs";

const STANDING_CALLS = 1000;
const REGISTERING = 1000;
const FIRST_OF_PHONES = 2000; // users below it are the callees of the load
const FACTORS = [1.5, 3];
const LOAD_SECONDS = 10;
const CALM_SECONDS = 5;
const AFTER_SECONDS = 15;
const BUCKET_SECONDS = 0.1;
/** A latency twice the calm 99th percentile, and never less than this, is one that a person could notice. */
const NOTICEABLE_MS = 10;

/** Resolves to { capacity, calm, runs }. */
export async function measureOverload(setting) {
  const server = await startLamplight({ main: setting.main, folder: join(setting.folder, "lamplight"), require: "none" });
  const phones = startPhones(setting.folder, server, ["-n", 2 * STANDING_CALLS, "-W", 0, "-O", FIRST_OF_PHONES, "-g", REGISTERING, "-i", 5000]);
  try {
    setting.note("overload: capacity …");
    const full = await load(setting.folder, server, ["-m", "call", "-n", 1000, "-u", 3, "-T", 4, "-w", 128]);
    const capacity = full?.rate ?? 0;
    setting.note(` ${capacity} calls/s\n`);
    await phones.ask("setup");
    await settle(server.pid);
    const up = await phones.ask(`calls ${STANDING_CALLS}`);
    const calm = summary((await phones.ask(`steady ${CALM_SECONDS}`)).samples);
    const runs = [];
    for (const factor of FACTORS) {
      setting.note(`overload: ${factor} × capacity …`);
      await settle(server.pid, 45);
      await phones.ask(`calls ${STANDING_CALLS}`);
      runs.push({ factor, ...(await overloaded(setting, server, phones, Math.round(capacity * factor), calm)) });
      setting.note(` ${shown(runs.at(-1).recoveryS, 2)} s to recover\n`);
      if (!server.isRunning()) throw new Error(`the server ended: ${server.complaints().slice(-5).join("\n")}`);
    }
    return { capacity, callsUp: up.up, calm, runs, complaints: server.complaints().slice(0, 5) };
  } finally {
    await phones.end();
    await server.stop();
  }
}

async function overloaded(setting, server, phones, rate, calm) {
  await server.metrics();
  let steady;
  let peakMb = 0;
  let isOver = false;
  const watched = (async () => {
    for (; !isOver; await sleep(500)) peakMb = Math.max(peakMb, memoryOf(server.pid).pssKb / 1024);
  })();
  // The set-up of the load registers its callees first: the phones begin when that is over.
  const calls = await load(setting.folder, server, ["-m", "call", "-n", 1000, "-u", 0, "-T", LOAD_SECONDS, "-w", Math.min(60_000, rate * 4), "-r", rate], {
    onMeasure: () => {
      steady = phones.ask(`steady ${LOAD_SECONDS + AFTER_SECONDS}`);
    },
  });
  const seen = await steady;
  isOver = true;
  await watched;
  if (calls === null) throw new Error("the load ended early");
  const seconds = calls.to - calls.from;
  const during = seen.samples.filter(([, at]) => at >= calls.from && at < calls.to);
  const { gc_pause_max_seconds: gc, retransmissions_total: sentAgain } = await server.metrics();
  return {
    wanted: rate,
    offered: Math.round(calls.started / seconds),
    goodput: Math.round(calls.ok / seconds),
    refused: calls.codes["503"] ?? 0,
    otherCodes: Object.fromEntries(Object.entries(calls.codes).filter(([code]) => code !== "503")),
    unanswered: calls.timeouts,
    answeredMs: calls.latency.invite_to_180 ?? null,
    ...summary(during),
    recoveryS: recovery(seen.samples, calls.to, calm),
    phones: { codes: seen.codes, timeouts: seen.timeouts, retransmissions: seen.retransmissions },
    generatorPercent: calls.generatorPercent,
    peakMb,
    gcMs: gc === undefined ? null : gc * 1000,
    sentAgain,
  };
}

/** Shares and latencies of what the phones did. A sample is [kind, begun, ms or -1]. */
function summary(samples) {
  const of = (...kinds) => {
    const all = samples.filter(([kind]) => kinds.includes(kind));
    const times = all.filter(([, , ms]) => ms >= 0).map(([, , ms]) => ms);
    return { count: all.length, ok: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1) };
  };
  return { inDialog: of("reinvite", "bye"), registrations: of("register") };
}

/** Seconds from the load's end to the last tenth of a second that began a request which failed or was noticeably slower than in calm; 0 when none did.
 *  Null when the last that was looked at still did. */
function recovery(samples, endedAt, calm) {
  const limit = Math.max(NOTICEABLE_MS, 2 * Math.max(calm.inDialog.p99 ?? 0, calm.registrations.p99 ?? 0));
  const slow = samples.filter(([kind, at, ms]) => kind !== "answer" && at >= endedAt && (ms < 0 || ms > limit)).map(([, at]) => Math.floor((at - endedAt) / BUCKET_SECONDS));
  if (slow.length === 0) return 0;
  const last = (Math.max(...slow) + 1) * BUCKET_SECONDS;
  return last >= AFTER_SECONDS - 1 ? null : last;
}

/** The figures as Markdown. */
export function overloadText({ capacity, calm, runs, complaints }) {
  const share = ({ ok, count }) => (count === 0 ? "–" : `${shown((100 * ok) / count)} % of ${count}`);
  const times = ({ p50, p99 }) => `${shown(p50)} / ${shown(p99)}`;
  const row = (title, before, read) => [title, before, ...runs.map(read)];
  return (
    textTable([
      [`overload; capacity ${capacity} calls/s`, "calm", ...runs.map(({ factor }) => `${factor} × for ${LOAD_SECONDS} s`)],
      row("new calls offered/s (wanted)", "0", (one) => `${one.offered} (${one.wanted})`),
      row("that succeed/s", "–", (one) => `${one.goodput} (${shown((100 * one.goodput) / capacity, 0)} % of capacity)`),
      row("refused with 503 / otherwise / unanswered", "–", (one) => `${one.refused} / ${Object.values(one.otherCodes).reduce((sum, times_) => sum + times_, 0)} / ${one.unanswered}`),
      row("INVITE → 180 of new calls, p50 / p99 ms", "–", (one) => (one.answeredMs === null ? "–" : times(one.answeredMs))),
      row("re-INVITE and BYE that succeed", share(calm.inDialog), (one) => share(one.inDialog)),
      row("their p50 / p99 ms", times(calm.inDialog), (one) => times(one.inDialog)),
      row("registrations that succeed", share(calm.registrations), (one) => share(one.registrations)),
      row("their p50 / p99 ms", times(calm.registrations), (one) => times(one.registrations)),
      row("as before again, s after the load's end", "–", (one) => (one.recoveryS === null ? `not within ${AFTER_SECONDS}` : shown(one.recoveryS))),
      row("server: peak PSS MB, longest GC pause ms", "–", (one) => `${shown(one.peakMb, 0)}, ${shown(one.gcMs)}`),
      row("load of the generator's core", "–", (one) => `${one.generatorPercent} %`),
    ]) + complaints.map((line) => `server's log: ${line}\n`).join("")
  );
}
