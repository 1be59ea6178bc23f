import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The pages as a server hands them out: built once, when no build has done it yet. */
export async function builtPages(): Promise<void> {
  if (existsSync(fileURLToPath(new URL("../../dist/web/phones.html", import.meta.url)))) return;
  const { buildPages } = (await import(new URL("../../scripts/build-web.mjs", import.meta.url).href)) as { buildPages: () => Promise<void> };
  await buildPages();
}
