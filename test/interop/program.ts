import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const waitMs = 15_000;
const linesShown = 60;

/** A real program that a test drives: its lines can be waited for, and it never outlives the test. */
export interface Program {
  readonly pid: number;
  /** Everything that it has written so far, a line each; both outputs. */
  lines(): readonly string[];
  /** Resolves with the first line, from line `from` on, that matches; rejects with the last lines when none came in time. */
  line(pattern: RegExp, options?: { readonly from?: number; readonly withinMs?: number }): Promise<string>;
  /** Writes a line to its standard input. */
  type(line: string): void;
  signal(signal: NodeJS.Signals): void;
  hasEnded(): boolean;
  /** Resolves with the exit code (null: ended by a signal). */
  exit(withinMs?: number): Promise<number | null>;
  /** Ends it for good. */
  kill(): Promise<void>;
}

/** Starts a program; it is killed when the current test ends. */
export function startProgram(command: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Program {
  const child = spawn(command, args, { ...options, stdio: "pipe", detached: true });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const changed = (): void => waiting.forEach((check) => check());
  collect(child, lines, changed);
  let hasEnded = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      hasEnded = true;
      resolve(code);
      changed();
    });
    child.once("error", (cause) => {
      lines.push(String(cause));
      hasEnded = true;
      resolve(null);
      changed();
    });
  });
  const tail = (): string => lines.slice(-linesShown).join("\n");
  const program: Program = {
    pid: child.pid ?? -1,
    lines: () => lines,
    line: (pattern, { from = 0, withinMs = waitMs } = {}) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void): void => {
          clearTimeout(timer);
          waiting.delete(check);
          act();
        };
        const check = (): void => {
          const found = lines.slice(from).find((line) => pattern.test(line));
          if (found !== undefined) finish(() => resolve(found));
          else if (hasEnded) finish(() => reject(new Error(`${command} ended before it wrote ${String(pattern)}:\n${tail()}`)));
        };
        const timer = setTimeout(() => finish(() => reject(new Error(`${command} wrote no ${String(pattern)} within ${withinMs} ms:\n${tail()}`))), withinMs);
        waiting.add(check);
        check();
      }),
    type: (line) => {
      if (!hasEnded) child.stdin.write(`${line}\n`);
    },
    signal: (signal) => {
      child.kill(signal);
    },
    hasEnded: () => hasEnded,
    exit: (withinMs = waitMs) => within(ended, withinMs, () => `${command} did not end:\n${tail()}`),
    kill: async () => {
      endGroup(child.pid);
      await ended;
    },
  };
  child.stdin.on("error", () => {
    /* it ended first */
  });
  onTestFinished(() => program.kill());
  return program;
}

/** A folder that is removed when the current test ends. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `lamplight-${name}-`));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Rejects with `what()` when `work` takes longer than `withinMs`. */
export async function within<T>(work: Promise<T>, withinMs: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} (within ${withinMs} ms)`)), withinMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again until `ask` answers something else than null: for programs that can only be polled. */
export async function eventually<T>(ask: () => Promise<T | null> | T | null, what: () => string, { withinMs = waitMs, everyMs = 50 } = {}): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`${what()} (within ${withinMs} ms)`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

const COLOUR = /\u001b\[[0-9;]*[A-Za-z]/g;

/** Ends a program with all that it has started. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // the group is gone already
  }
}

function collect(child: ChildProcessWithoutNullStreams, lines: string[], changed: () => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("latin1");
    stream.on("data", (chunk: string) => {
      const parts = (rest + chunk).split(/\r?\n|\r/);
      rest = parts.pop() ?? "";
      for (const part of parts) lines.push(part.replace(COLOUR, ""));
      changed();
    });
    stream.on("end", () => {
      if (rest !== "") lines.push(rest);
      changed();
    });
  }
}
