// The micro-benchmarks of bench/micro: what single steps cost, without sockets. `--only digest,merge` picks those with such a word in their name.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { serverCore, startPinned } from "../rig/programs.mjs";
import { shown, textTable } from "../rig/text-table.mjs";

/** Resolves to [{ name, times, ns, wallNs, bytes }]. */
export async function measureMicro(setting) {
  // Beside the server's own bundle: addons are found from there.
  const outfile = join(setting.root, "dist/bench-micro.mjs");
  await build({ entryPoints: [join(setting.root, "bench/micro/run-micro.ts")], outfile, bundle: true, platform: "node", format: "esm", target: "node20", packages: "external", logLevel: "error" });
  // In a new space of 128 MB nothing is collected while bytes are counted.
  const child = startPinned(serverCore, process.execPath, ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64", outfile, ...(setting.only ?? [])], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("close", done));
  const figures = [];
  for await (const line of createInterface({ input: child.stdout })) {
    figures.push(JSON.parse(line));
    setting.note(`${figures.at(-1).name}: ${shown(figures.at(-1).ns / 1000, 2)} µs\n`);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`the micro-benchmarks ended with ${code}`);
  return figures;
}

/** The figures as Markdown. */
export function microText(figures) {
  const head = ["step", "µs of CPU", "bytes allocated", "µs that it took"];
  return textTable([head, ...figures.map(({ name, ns, bytes, wallNs }) => [name, shown(ns / 1000, 2), shown(bytes, 0), shown(wallNs / 1000, 2)])]);
}
