// Bundles src/main.ts into dist/main.js, and the threads' programs beside it: npm packages stay outside. The pages go to dist/web.
import { chmod, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildPages } from "./build-web.mjs";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const entry = at("src/main.ts");
const outfile = at("dist/main.js");
const hasShebang = (await readFile(entry, "utf8")).startsWith("#!");

await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
  ...(hasShebang ? {} : { banner: { js: "#!/usr/bin/env node" } }),
});
await build({
  entryPoints: [at("src/store/journal-worker.ts")],
  outfile: at("dist/journal-worker.js"),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
await build({
  entryPoints: [at("src/calendar/calendar-worker.ts")],
  outfile: at("dist/calendar-worker.js"),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
await build({
  entryPoints: [at("src/calendar/ews-hints-worker.ts")],
  outfile: at("dist/ews-hints-worker.js"),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
await chmod(outfile, 0o755);
await buildPages();
