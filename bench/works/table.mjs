// The table: each work against our server and the peer, in turn, on pinned cores.
import { join } from "node:path";
import { startKamailio } from "../rig/kamailio.mjs";
import { load } from "../rig/generator.mjs";
import { startLamplight } from "../rig/lamplight.mjs";
import { shown, textTable } from "../rig/text-table.mjs";
import { highestRate, isSustained } from "./highest-rate.mjs";

/** Runs the works; resolves to the rows that `tableText` shows. `setting`: folder, main, seconds, rounds, hasPeer, note. */
export async function measureTable(works, setting) {
  const rows = [];
  for (const work of works) {
    for (let round = 0; round < setting.rounds; round++) {
      setting.note(`${work.title} …`);
      const ours = await measured(work, setting, () => startLamplight({ main: setting.main, folder: join(setting.folder, "lamplight"), require: work.require ?? "none" }));
      const theirs = setting.hasPeer && work.isOurs !== true ? await measured(work, setting, () => startKamailio({ folder: join(setting.folder, "kamailio"), defines: ["PREFAULT", ...(work.peer ?? [])], database: work.database === true })) : null;
      const ratio = ours?.cpuUs == null || theirs?.cpuUs == null ? null : ours.cpuUs / theirs.cpuUs;
      rows.push({ name: work.name, title: work.title, goal: work.goal, ours, theirs, ratio });
      setting.note(` ${ratio === null ? `${shown(ours?.cpuUs)} µs` : `${ratio.toFixed(2)} ×${work.goal === null ? "" : ` (goal ${work.goal})`}`}\n`);
    }
  }
  return rows;
}

async function measured(work, setting, start) {
  let server;
  try {
    server = await start();
    const runs = [];
    for (const args of work.loads) {
      const timed = [...args, "-T", setting.seconds, ...(work.rate === undefined ? [] : ["-r", work.rate])];
      // The longest pause since the last look: so look when the set-up is over.
      const run = await load(setting.folder, server, timed, { onMeasure: () => server.metrics() });
      const metrics = await server.metrics();
      if (run === null) continue;
      const gc = metrics.gc_pause_max_seconds;
      runs.push({ ...run, p50: run.latency[work.latency]?.p50 ?? null, p99: run.latency[work.latency]?.p99 ?? null, gcMs: gc === undefined ? null : gc * 1000 });
    }
    const [best] = runs.filter((run) => run.ok > 0).sort((a, b) => a.cpuUs - b.cpuUs);
    if (best === undefined) return null;
    const highest = work.rate === undefined || isSustained(best, work.rate) ? null : await highestRate(work, setting, server);
    return { ...best, runs: runs.length, ...(highest === null ? {} : { highestRate: highest }), complaints: server.complaints().slice(0, 5) };
  } catch (error) {
    setting.note(` ${String(error)} `);
    return null;
  } finally {
    await server?.stop();
  }
}

/** The rows as Markdown. */
export function tableText(rows) {
  const head = ["work", "ours, µs CPU a job", "kamailio", "ratio", "goal", "rate/s", "p50 / p99 ms", "kamailio's", "retrans.", "failed", "GC max ms", "foreign load"];
  const lines = rows.map(({ title, goal, ours, theirs, ratio }) => [
    title,
    shown(ours?.cpuUs),
    shown(theirs?.cpuUs),
    shown(ratio, 2),
    goal === null ? "–" : `≤ ${goal}`,
    `${shown(ours?.rate, 0)}${sustained(ours)}${theirs === null ? "" : ` (${shown(theirs?.rate, 0)}${sustained(theirs)})`}`,
    `${shown(ours?.p50, 2)} / ${shown(ours?.p99, 2)}`,
    `${shown(theirs?.p50, 2)} / ${shown(theirs?.p99, 2)}`,
    shown(ours?.retransmissions, 0),
    shown(ours?.failed, 0),
    shown(ours?.gcMs),
    ours?.foreign > 10 ? `${ours.foreign} % !` : `${shown(ours?.foreign, 0)} %`,
  ]);
  const complaints = rows.flatMap(({ title, ours }) => (ours?.complaints ?? []).map((line) => `server's log, ${title}: ${line}\n`));
  return textTable([head, ...lines]) + complaints.join("");
}

function sustained(figures) {
  return figures?.highestRate === undefined ? "" : `; without retransmission ${figures.highestRate}`;
}
