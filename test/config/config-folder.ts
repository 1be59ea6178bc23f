import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import { loadConfig } from "../../src/config/loader.ts";
import type { Loaded } from "../../src/config/config.ts";

/** Where the files of these tests are. */
export const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url));

/** Two users without a mistake. */
export const goodDirectory = `users:
  - { id: "101", name: Alice Adams, password: secret-101 }
  - { id: "102", password: secret-102 }
`;

/** A folder that is gone after the test, with the fixtures and these files in it, readable by the owner alone. */
export function folderWith(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-config-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync(fixtures, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return folder;
}

/** The mistakes of a configuration and directory, without the folder's path. */
export function mistakesOf(config: string | Buffer, directory: string = goodDirectory, env: Record<string, string> = {}): string[] {
  const folder = folderWith({ "lamplight.yaml": config, "directory.yaml": directory });
  try {
    loadConfig(join(folder, "lamplight.yaml"), env);
  } catch (err) {
    if (err instanceof ConfigError) return err.mistakes.map((line) => line.replaceAll(`${folder}/`, ""));
    throw err;
  }
  return [];
}

/** What a configuration loads to; throws when it has mistakes. */
export function loaded(config: string, directory: string = goodDirectory, env: Record<string, string> = {}, nowMs?: number): Loaded {
  const folder = folderWith({ "lamplight.yaml": config, "directory.yaml": directory });
  const result = loadConfig(join(folder, "lamplight.yaml"), env, nowMs);
  return { ...result, warnings: result.warnings.map((line) => line.replaceAll(`${folder}/`, "")) };
}
