// Runs one program to its end, with a deadline that ends its children too.
import { spawn } from "node:child_process";

const outputMax = 4 * 1024 * 1024;
const running = new Set();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}

/** Resolves with the exit code (null: killed or never started), what it wrote (the last 4 MiB) and whether the deadline passed. */
export function runProcess(command, args, { env = process.env, cwd, timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      endGroup(child);
    }, timeoutMs);
    const keep = (chunk) => {
      output = (output + chunk.toString("utf8")).slice(-outputMax);
    };
    running.add(child);
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const finish = (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code: isLate ? null : code, output, isLate });
    };
    child.on("error", (cause) => {
      output += String(cause);
      finish(null);
    });
    child.on("exit", (code) => {
      // What it left behind must not hold the pipes open, nor outlive the tests.
      endGroup(child);
      setTimeout(() => finish(code), 50);
    });
  });
}

function endGroup(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // the group is gone already
  }
}
