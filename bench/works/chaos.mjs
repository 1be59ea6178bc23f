// `--chaos 1000`: so many seeds of the simulation's chaos, 200 users and more than ten made-up minutes each, on all cores. Each fault is printed with the
// command that repeats it, and makes the run fail.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { shown, textTable } from "../rig/text-table.mjs";

/** Resolves to { seeds, wrong, seconds, faults, figures }. `setting.first`: the first seed. */
export async function measureChaos({ root, seeds, first = 1, note }) {
  const outfile = join(root, "dist/bench-chaos.mjs");
  await build({ entryPoints: [join(root, "bench/chaos.ts")], outfile, bundle: true, platform: "node", format: "esm", target: "node20", packages: "external", logLevel: "error" });
  const total = { seeds: 0, wrong: 0, seconds: 0, faults: [], figures: {} };
  const workers = Math.min(cpus().length, seeds);
  const take = async (worker) => {
    const count = Math.ceil((seeds - worker) / workers);
    const child = spawn(process.execPath, [outfile, String(first + worker), String(count), String(workers)], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((done) => child.once("close", done));
    for await (const line of createInterface({ input: child.stdout })) {
      const { seed, faults, figures, seconds } = JSON.parse(line);
      total.seeds++;
      total.seconds += seconds;
      if (faults.length > 0) total.wrong++;
      total.faults.push(...faults);
      for (const [name, figure] of Object.entries(figures)) total.figures[name] = (total.figures[name] ?? 0) + figure;
      note(`seed ${seed}: ${faults.length === 0 ? "right" : `wrong\n${faults.slice(0, 5).join("\n")}`} (${total.seeds} of ${seeds})\n`);
    }
    const code = await ended;
    if (code !== 0) throw new Error(`the chaos ended with ${code}`);
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => take(worker)));
  if (total.wrong > 0) process.exitCode = 1;
  return total;
}

/** The figures as Markdown. */
export function chaosText({ seeds, wrong, seconds, faults, figures }) {
  const rows = Object.entries({ seeds, "seeds with a wrong lamp": wrong, "CPU s a seed": shown(seconds / seeds, 1), ...figures });
  return `${textTable([["chaos", "in all"], ...rows.map(([name, figure]) => [name, String(figure)])])}${faults.slice(0, 50).join("\n")}${faults.length > 0 ? "\n" : ""}`;
}
