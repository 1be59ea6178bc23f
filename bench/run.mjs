// `npm run bench`: each work of the table against the built server and, where it is installed, kamailio, in turn, on pinned cores.
//   npm run bench -- [--json] [--only call,register] [--seconds 8] [--rounds 1] [--ours]
// Quote ratios of one run only: the machine's speed drifts. Runs with foreign load above 10 % are marked and should be discarded.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));

/** name, our group, the peer's group, what a job is, the goal (ours / theirs). `env` goes to both. */
const WORKS = [
  { name: "call", title: "whole call over UDP", ours: "call", theirs: "call", goal: 1.0, latency: "invite_to_180_ms" },
  { name: "call-10k", title: "the same at 10,000 calls/s", ours: "callrate", theirs: "callrate", goal: 1.0, latency: "invite_to_180_ms", env: { RATES: "10000" } },
  { name: "call-tcp", title: "whole call over TCP", ours: "tcp", theirs: "tcp", goal: 1.0, latency: "invite_to_180_ms" },
  { name: "register", title: "REGISTER", ours: "reg", theirs: "reg", goal: 1.0, latency: "register_ms" },
  { name: "register-digest", title: "REGISTER with digest", ours: "auth", theirs: "auth", goal: 1.0, latency: "register_ms" },
  { name: "publish", title: "PUBLISH to 10 watchers", ours: "pres", theirs: "pres", goal: 0.85, latency: "publish_to_notify_ms" },
  { name: "blf", title: "call with 15 dialog NOTIFYs", ours: "blf", theirs: "blf", goal: 0.3, latency: "invite_to_notify_early_ms", env: { R: "300" } },
  { name: "memory", title: "memory a contact, a subscription", ours: "mem", theirs: "mem", goal: null, latency: null, env: { USERS: "100000" } },
];

const { values: options } = parseArgs({
  options: { json: { type: "boolean" }, only: { type: "string" }, seconds: { type: "string", default: "8" }, rounds: { type: "string", default: "1" }, ours: { type: "boolean" } },
});
const wanted = options.only === undefined ? WORKS : WORKS.filter((work) => options.only.split(",").includes(work.name));
const hasPeer = options.ours !== true && isInstalled("kamailio");
const scratch = mkdtempSync(join(tmpdir(), "lamplight-bench-"));
const note = (text) => (options.json ? process.stderr : process.stdout).write(text);

function isInstalled(program) {
  return [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Everything that a script prints. */
function output(script, group, env) {
  return new Promise((done) => {
    const child = spawn("bash", [join(here, script), group], {
      cwd: here,
      env: { ...process.env, PATH: `${process.env.PATH}${delimiter}/usr/sbin`, WORK: scratch, T: options.seconds, SC: "0", GC: cpus().length > 1 ? "1" : "0", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (bytes) => (text += bytes));
    child.on("close", () => done(text));
  });
}

const number = (text, pattern) => {
  const found = pattern.exec(text);
  return found === null ? null : Number(found[1]);
};

/** The figures of the best of a script's runs (the one with the least CPU a job). */
function figures(text, latency) {
  const runs = text.split(/^RESULT /m).slice(1).map((run) => ({
    cpuUs: number(run, /server_cpu_us_per_ok=([\d.]+)/),
    rate: number(run, /rate=(\d+)\/s/),
    ok: number(run, /\bok=(\d+)/),
    failed: number(run, /\bfail=(\d+)/),
    retransmissions: number(run, /\bretrans=(\d+)/),
    foreign: number(run, /foreign_util=(\d+)/),
    p50: latency === null ? null : number(run, new RegExp(`${latency} n=\\d+ p50=([\\d.]+)`)),
    p99: latency === null ? null : number(run, new RegExp(`${latency} n=\\d+ .*?p99=([\\d.]+)`)),
    memory: /pss_mb=([\d.]+) -> ([\d.]+)/.exec(run)?.slice(1).map(Number) ?? null,
  }));
  const [best] = runs.filter((run) => run.cpuUs !== null && run.ok > 0).sort((a, b) => a.cpuUs - b.cpuUs);
  const gcMs = Math.max(0, ...[...text.matchAll(/METRIC lamplight_gc_pause_max_seconds ([\d.e-]+)/g)].map(([, seconds]) => Number(seconds) * 1000));
  return best === undefined ? null : { ...best, gcMs: gcMs === 0 ? null : gcMs, runs: runs.length };
}

const table = [];
for (const work of wanted) {
  for (let round = 0; round < Number(options.rounds); round++) {
    note(`${work.title} …`);
    const ours = figures(await output("run-lamplight.sh", work.ours, work.env), work.latency);
    const theirs = hasPeer ? figures(await output("run-kamailio.sh", work.theirs, work.env), work.latency) : null;
    const ratio = ours === null || theirs === null || work.goal === null ? null : ours.cpuUs / theirs.cpuUs;
    table.push({ name: work.name, title: work.title, goal: work.goal, ours, theirs, ratio });
    note(` ${ratio === null ? "done" : `${ratio.toFixed(2)} × (goal ${work.goal})`}\n`);
  }
}
rmSync(scratch, { recursive: true, force: true });

const shown = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));
if (options.json) process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model ?? "", works: table }, null, 2)}\n`);
else {
  const rows = [
    ["work", "ours, µs CPU a job", "kamailio", "ratio", "goal", "rate/s", "p50 / p99 ms", "retrans.", "GC max ms", "foreign load"],
    ...table.map(({ title, goal, ours, theirs, ratio }) => [
      title,
      shown(ours?.cpuUs),
      shown(theirs?.cpuUs),
      shown(ratio, 2),
      goal === null ? "–" : `≤ ${goal}`,
      shown(ours?.rate, 0),
      `${shown(ours?.p50)} / ${shown(ours?.p99)}`,
      shown(ours?.retransmissions, 0),
      shown(ours?.gcMs),
      ours?.foreign > 10 ? `${ours.foreign} % !` : `${shown(ours?.foreign, 0)} %`,
    ]),
  ];
  for (const [at, row] of rows.entries()) {
    process.stdout.write(`| ${row.join(" | ")} |\n`);
    if (at === 0) process.stdout.write(`|${" --- |".repeat(row.length)}\n`);
  }
}
