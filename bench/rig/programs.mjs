// What runs beside Node: is a program installed, start it on one core, end it.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { cpus } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const path = `${process.env.PATH ?? ""}${delimiter}/usr/sbin`;

/** The cores: the server has the first for itself, the generators share the second. One core holds both, and CPU a job still counts. */
export const serverCore = "0";
export const generatorCore = cpus().length > 1 ? "1" : "0";

export function isInstalled(program) {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a program on one core where `taskset` can. Options as for `spawn`. */
export function startPinned(core, program, args, options) {
  const pinned = isInstalled("taskset");
  return spawn(pinned ? "taskset" : program, pinned ? ["-c", core, program, ...args] : args, { ...options, env: { ...process.env, PATH: path, ...options?.env } });
}

/** Runs a program to its end; throws with what it said when it fails. */
export function runProgram(program, args, options = {}) {
  const { status, stderr, stdout, error } = spawnSync(program, args, { encoding: "utf8", env: { ...process.env, PATH: path }, ...options });
  if (error !== undefined || status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}

/** Ends a child: politely, after 6 seconds by force. `signal` SIGKILL is a power cut for the program. */
export async function endProgram(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  const waiting = new AbortController();
  const late = sleep(6000, undefined, { signal: waiting.signal }).then(() => child.kill("SIGKILL"), () => undefined);
  await ended;
  waiting.abort();
  await late;
}
