// Writes docs/configuration.md from the schema in src/config: `npm run docs`.
import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundle = `${root}node_modules/.cache/config-reference.mjs`;
buildSync({ entryPoints: [`${root}src/config/reference.ts`], bundle: true, platform: "node", format: "esm", packages: "external", outfile: bundle });
const { configReference } = await import(pathToFileURL(bundle).href);
writeFileSync(`${root}docs/configuration.md`, configReference());
console.log("docs/configuration.md is written");
