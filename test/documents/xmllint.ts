import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const presenceSchema = fileURLToPath(new URL("../fixtures/xsd-presence/all-presence.xsd", import.meta.url));

/** Without xmllint (Debian: libxml2-utils) the tests that need it are skipped, unless CI is "true": then they fail. */
export const skipsWithoutXmllint = process.env.CI !== "true" && spawnSync("xmllint", ["--version"]).error !== undefined;

/** Validates documents (bytes as latin1) against all schemas of presence, or another one, in one run. Returns xmllint's complaints, a name and a line each;
 *  empty when every document is valid. */
export function schemaMistakes(documents: ReadonlyMap<string, string>, schema = presenceSchema): readonly string[] {
  if (documents.size === 0) throw new Error("nothing to validate");
  const folder = mkdtempSync(join(tmpdir(), "xmllint-"));
  try {
    const names = [...documents.keys()];
    names.forEach((name, index) => {
      writeFileSync(join(folder, `${index}.xml`), Buffer.from(documents.get(name) ?? "", "latin1"));
    });
    const files = names.map((_, index) => `${index}.xml`);
    const run = spawnSync("xmllint", ["--noout", "--nonet", "--schema", schema, ...files], { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 });
    if (run.error !== undefined) throw run.error;
    const lines = run.stderr.split("\n").filter((line) => line !== "" && !/^\d+\.xml validates$/.test(line));
    if (run.status !== 0 && lines.length === 0) lines.push(`xmllint ended with ${run.status ?? "a signal"}`);
    return lines.map((line) => line.replace(/^(\d+)\.xml/, (_, index: string) => names[Number(index)] ?? index));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
