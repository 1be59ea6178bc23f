import { readFileSync } from "node:fs";
import { aorOf, parseAor } from "./base/ids.ts";
import { systemClock } from "./base/clock.ts";
import { ConfigError } from "./base/errors.ts";
import { loadConfig } from "./config/loader.ts";
import { plainYaml } from "./config/plain-yaml.ts";
import { readSimulation, simulate } from "./presence/simulation.ts";
import { objectsOf, simulationText } from "./query-text.ts";

/** What `lamplight simulate` was asked. */
export interface SimulateOptions {
  /** YAML or JSON; `-` is the standard input. */
  readonly path: string;
  readonly configPath: string;
  readonly isJson: boolean;
}

/** Prints what a made-up situation would give, by the settings of the configuration; needs no running server. Throws ConfigError for every mistake. */
export function runSimulation({ path, configPath, isJson }: SimulateOptions, env: Readonly<Record<string, string | undefined>>, print: (text: string) => void): number {
  const { config } = loadConfig(configPath, env, systemClock.now());
  const { domain } = config;
  const plain = plainYaml(textOf(path));
  if ("mistake" in plain) throw new ConfigError([`${path}: ${plain.mistake}`]);
  const body = Array.isArray(plain.value) ? { inputs: plain.value } : plain.value;
  const now = systemClock.now();
  const read = readSimulation(body, { aor: aorOf("someone", domain), aorOf: (text) => parseAor(text) ?? parseAor(`sip:${text}@${domain}`), now, settings: config.presence });
  if ("mistakes" in read) throw new ConfigError(read.mistakes.map((mistake) => `${path}: ${mistake}`));
  const answer = simulate(read);
  print(isJson ? `${JSON.stringify(answer, null, 2)}\n` : simulationText(objectsOf(answer)[0] ?? {}, read.at));
  return 0;
}

function textOf(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw new ConfigError([`${path}: it cannot be read (${cause instanceof Error && "code" in cause ? String(cause.code) : "no such file"})`]);
  }
}
