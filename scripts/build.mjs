// Bundles src/main.ts into dist/main.js: one file of ours, npm packages stay outside.
import { chmod, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
await chmod(outfile, 0o755);
