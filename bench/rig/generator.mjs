// The load generators: built from C, run on their core, and what they print as values.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endProgram, generatorCore, runProgram, startPinned } from "./programs.mjs";

const sources = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Compiles sipload and phones into `folder`. */
export function buildGenerators(folder) {
  mkdirSync(folder, { recursive: true });
  for (const program of ["sipload", "phones"]) runProgram("gcc", ["-O2", "-w", "-o", join(folder, program), join(sources, `${program}.c`)]);
}

/** One run of sipload against a server. `onMeasure` is called when the set-up is over and the measured time begins. Resolves to `figuresOf` what it printed. */
export async function load(folder, server, args, { onMeasure = () => undefined, onChild = () => undefined } = {}) {
  const child = startPinned(generatorCore, join(folder, "sipload"), ["-s", server.address, "-P", String(server.pid), ...args.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  onChild(child);
  const ended = new Promise((done) => child.once("close", done));
  let text = "";
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`;
    if (line.startsWith("MEASURE")) await onMeasure();
  }
  await ended;
  return figuresOf(text);
}

/** What sipload printed, as values; null without a RESULT. Times in ms but for `cpuUs`; `from`, `to`: when jobs were started, seconds of the monotonic clock. */
export function figuresOf(text) {
  const result = /^RESULT (.*)$/m.exec(text)?.[1];
  if (result === undefined) return null;
  const after = text.slice(text.indexOf("RESULT"));
  const number = (pattern, from = after) => {
    const found = pattern.exec(from);
    return found === null ? null : Number(found[1]);
  };
  const latencies = [...text.matchAll(/^ {2}(\w+)_ms n=(\d+) p50=([\d.]+) p95=([\d.]+) p99=([\d.]+) max=([\d.]+)$/gm)];
  return {
    rate: number(/\brate=(\d+)\/s/),
    started: number(/\bstarted=(\d+)/),
    ok: number(/\bok=(\d+)/),
    failed: number(/\bfail=(\d+)/),
    timeouts: number(/\btimeout=(\d+)/),
    retransmissions: number(/\bretrans=(\d+)/),
    notifies: number(/\bnotify=(\d+)/),
    cpuUs: number(/server_cpu_us_per_ok=([\d.]+)/),
    serverPercent: number(/server_cpu_util=(\d+)/),
    generatorPercent: number(/gen_util=(\d+)/),
    foreign: number(/foreign_util=(\d+)/),
    from: number(/^LOAD from=([\d.]+)/m, text),
    to: number(/^LOAD .*\bto=([\d.]+)/m, text),
    codes: Object.fromEntries([...after.matchAll(/^ {2}code (\d+) x (\d+)$/gm)].map(([, code, times]) => [code, Number(times)])),
    latency: Object.fromEntries(latencies.map(([, name, count, p50, p95, p99, max]) => [name, { count: Number(count), p50: Number(p50), p95: Number(p95), p99: Number(p99), max: Number(max) }])),
  };
}

/** Phones that take commands: `ask("renew 0")` resolves to the answer of phones.c. `end` when done. */
export function startPhones(folder, server, args) {
  const child = startPinned(generatorCore, join(folder, "phones"), ["-s", server.address, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(command) {
      child.stdin.write(`${command}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`the phones ended at "${command}"`);
      return JSON.parse(value);
    },
    end: () => endProgram(child),
  };
}
