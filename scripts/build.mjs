// Bundles src/entry.ts into dist/main.js with the program that it loads, and beside it those of its threads and of the process that reads calendars: npm packages stay outside. The pages go to dist/web.
import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildPages } from "./build-web.mjs";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const how = { bundle: true, platform: "node", target: "node20", format: "esm", packages: "external", sourcemap: true, logLevel: "warning" };

await build({ ...how, entryPoints: [{ in: at("src/entry.ts"), out: "main" }], outdir: at("dist"), splitting: true, chunkNames: "program", banner: { js: "#!/usr/bin/env node" } });
for (const one of ["store/journal-worker", "calendar/calendar-program", "calendar/ews-hints-worker"]) await build({ ...how, entryPoints: [at(`src/${one}.ts`)], outfile: at(`dist/${one.split("/")[1]}.js`) });
await chmod(at("dist/main.js"), 0o755);
await buildPages();
