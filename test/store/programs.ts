import { join } from "node:path";
import { pid } from "node:process";
import { threadId } from "node:worker_threads";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");

/** The native journal, where it could be built. */
export const nativePath = join(root, "native/build/journal.node");

/** Makes a program for node of a TypeScript file; where it lies. */
export async function bundled(path: string): Promise<string> {
  const outfile = join(root, "node_modules/.cache/lamplight-test", `${path.replaceAll("/", "-")}-${String(pid)}-${String(threadId)}.mjs`);
  await build({ entryPoints: [join(root, path)], outfile, bundle: true, platform: "node", format: "esm", packages: "external", target: "node20" });
  return outfile;
}
