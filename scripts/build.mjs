// Bundles src/main.ts into dist/main.js, and the threads' programs beside it: npm packages stay outside. The pages go to dist/web.
import { chmod, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildPages } from "./build-web.mjs";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const entry = at("src/main.ts");
const outfile = at("dist/main.js");
const hasShebang = (await readFile(entry, "utf8")).startsWith("#!");

const program = (entryPoint, to, more = {}) =>
  build({ entryPoints: [entryPoint], outfile: to, bundle: true, platform: "node", target: "node20", format: "esm", packages: "external", sourcemap: true, logLevel: "warning", ...more });

await program(entry, outfile, hasShebang ? {} : { banner: { js: "#!/usr/bin/env node" } });
for (const thread of ["store/journal-worker", "calendar/calendar-worker", "calendar/ews-hints-worker"]) await program(at(`src/${thread}.ts`), at(`dist/${thread.split("/")[1]}.js`));
await chmod(outfile, 0o755);
await buildPages();
