import { ConfigError } from "../base/errors.ts";
import { loadConfig } from "./loader.ts";
import type { Environment } from "./yaml-tree.ts";

/** What `lamplight check` says and how it ends. */
export interface CheckOutcome {
  readonly exitCode: 0 | 2;
  readonly lines: readonly string[];
}

/** Reads the configuration and its directory as `start` would, and says every mistake, or what was found right. */
export function checkConfig(path: string, env: Environment, nowMs: number | null = null): CheckOutcome {
  try {
    const { config, directory, warnings } = loadConfig(path, env, nowMs);
    const found = `${path} has no mistakes: domain ${config.domain}, ${counted(config.listen.length, "listen address", "listen addresses")}, ${counted(directory.users.length, "user", "users")}`;
    return { exitCode: 0, lines: [...warnings.map((warning) => `warning: ${warning}`), found] };
  } catch (err) {
    if (err instanceof ConfigError) return { exitCode: 2, lines: err.mistakes };
    throw err;
  }
}

function counted(count: number, one: string, more: string): string {
  return `${String(count)} ${count === 1 ? one : more}`;
}
