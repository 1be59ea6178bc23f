// `npm run bench`: our built server and, where it is installed, kamailio, in turn, on pinned cores. README.md says what each part does and how to read it.
//   npm run bench -- [--json] [--only call,register,memory,morning,overload,calendars] [--seconds 8] [--rounds 1] [--ours] [--server FILE]
//   npm run bench -- --micro [--only parse]        npm run bench -- --soak [MINUTES]        npm run bench -- --chaos SEEDS [FIRST]
// Quote ratios of one run only: the machine's speed drifts. Runs with foreign load above 10 % are marked and should be discarded.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildGenerators } from "./rig/generator.mjs";
import { isInstalled } from "./rig/programs.mjs";
import { calendarsText, measureCalendars } from "./works/calendars.mjs";
import { chaosText, measureChaos } from "./works/chaos.mjs";
import { measureMemory, memoryText } from "./works/memory.mjs";
import { measureMicro, microText } from "./works/micro.mjs";
import { measureMorning, morningText } from "./works/morning.mjs";
import { measureOverload, overloadText } from "./works/overload.mjs";
import { measureSoak, soakText } from "./works/soak.mjs";
import { measureTable, tableText } from "./works/table.mjs";
import { WORKS } from "./works/works.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    seconds: { type: "string", default: "8" },
    rounds: { type: "string", default: "1" },
    ours: { type: "boolean", default: false },
    server: { type: "string", default: join(root, "dist/main.js") },
    phones: { type: "string", default: "10000" },
    micro: { type: "boolean", default: false },
    soak: { type: "boolean", default: false },
    chaos: { type: "string" },
  },
});

/** Everything that is not a row of the table. Each part: `measure(setting)` and the text of what it resolves to. */
const PARTS = [
  { name: "memory", measure: measureMemory, text: memoryText },
  { name: "morning", measure: measureMorning, text: morningText },
  { name: "overload", measure: measureOverload, text: overloadText },
  { name: "calendars", measure: measureCalendars, text: calendarsText },
];

const only = options.only?.split(",");
const names = [...WORKS, ...PARTS].map(({ name }) => name);
const unknown = options.micro ? [] : (only ?? []).filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(", ")}; there are ${names.join(", ")}\n`);
  process.exit(2);
}
if (!existsSync(options.server)) {
  process.stderr.write(`there is no ${options.server}: npm run build\n`);
  process.exit(2);
}

const setting = {
  root,
  main: resolve(options.server),
  folder: mkdtempSync(join(tmpdir(), "lamplight-bench-")),
  seconds: Number(options.seconds),
  rounds: Number(options.rounds),
  phones: Number(options.phones),
  minutes: Number(positionals[0] ?? 60),
  only,
  hasPeer: !options.ours && isInstalled("kamailio"),
  note: (text) => process.stderr.write(text),
};

async function measureAll() {
  if (options.chaos !== undefined) return { chaos: await measureChaos({ ...setting, seeds: Number(options.chaos), first: Number(positionals[0] ?? 1) }) };
  if (options.micro) return { micro: await measureMicro(setting) };
  buildGenerators(setting.folder);
  if (options.soak) return { soak: await measureSoak(setting) };
  const works = WORKS.filter(({ name }) => only === undefined || only.includes(name));
  const figures = works.length === 0 ? {} : { works: await measureTable(works, setting) };
  for (const part of PARTS) if (only === undefined || only.includes(part.name)) figures[part.name] = await part.measure(setting);
  return figures;
}

const TEXTS = { works: tableText, micro: microText, soak: soakText, chaos: chaosText, ...Object.fromEntries(PARTS.map(({ name, text }) => [name, text])) };
try {
  const figures = await measureAll();
  const about = { at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model ?? "", cores: cpus().length };
  if (options.json) process.stdout.write(`${JSON.stringify({ ...about, ...figures }, null, 2)}\n`);
  else process.stdout.write(Object.entries(figures).map(([name, value]) => TEXTS[name](value)).join("\n"));
} finally {
  rmSync(setting.folder, { recursive: true, force: true });
}
