import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import type { Store } from "../../src/store/store.ts";
import { SEGMENT_BYTES } from "./operations.ts";
import { bundled, nativePath } from "./programs.ts";

/** One test's disk, and the servers that use it. */
export class Disk {
  readonly top = mkdtempSync(join(tmpdir(), "lamplight-disk-"));
  readonly folder = join(this.top, "data");
  readonly log = join(this.top, "log");
  readonly #control = join(this.top, "control");
  readonly #children: ChildProcess[] = [];

  /** `stall`: writes and syncs wait; `full`: nothing grows. */
  tell(what: "stall" | "full" | "work"): void {
    writeFileSync(this.#control, what);
  }

  /** A server that changes the store and acknowledges. */
  server(options: { durability?: "fast" | "full"; isNative?: boolean; from?: number; batch?: number; pauseMs?: number; shim?: "none" | "control" | "record" } = {}): Served {
    const { shim = "none" } = options;
    const order = {
      folder: this.folder,
      workerPath: programs.worker,
      nativePath: options.isNative === false ? null : nativePath,
      durability: options.durability ?? "fast",
      from: options.from ?? 0,
      batch: options.batch ?? 3,
      pauseMs: options.pauseMs ?? 0,
      log: shim === "record" ? this.log : null,
    };
    const env = { ...process.env, ...(shim === "none" ? {} : { LD_PRELOAD: programs.shim, SHIM_FOLDER: this.folder, SHIM_CONTROL: this.#control, ...(shim === "record" ? { SHIM_LOG: this.log } : {}) }) };
    const child = spawn("node", [programs.disk, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"], env });
    this.#children.push(child);
    return new Served(child);
  }

  /** The store as the next server finds it. */
  open(folder = this.folder): Promise<Store> {
    return openEmbeddedStore({ folder, node: "next", clock: systemClock, log: silentLog, programs: { workerPath: programs.worker, nativePath }, durability: "fast", segmentBytes: SEGMENT_BYTES });
  }

  end(): void {
    this.tell("work");
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.top, { recursive: true, force: true });
  }
}

/** A server in a process of its own, and what it has said. */
export class Served {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  #rest = "";
  #waiting: (() => void)[] = [];
  readonly ended: Promise<void>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (bytes: Buffer) => {
      const lines = (this.#rest + bytes.toString()).split("\n");
      this.#rest = lines.pop() ?? "";
      this.lines.push(...lines);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      child.once("close", () => {
        for (const wake of this.#waiting.splice(0)) wake();
        resolve();
      });
    });
  }

  /** The last number that was acknowledged, the first refused one, and the longest that an answer took. */
  get said(): { readonly acknowledged: number; readonly refused: number; readonly slowestMs: number } {
    const numbers = this.lines.map((line) => line.split(" ").map(Number)).filter(([number = NaN]) => !Number.isNaN(number));
    return { acknowledged: Math.max(0, ...numbers.map(([number = 0]) => number)), refused: Math.max(0, ...numbers.map(([number = 0]) => -number)), slowestMs: Math.max(0, ...numbers.map(([, ms = 0]) => ms)) };
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`it ended: ${this.lines.slice(-3).join(" ")}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

/** The environment of any program whose disk stalls while `control` holds `stall`; the folder must exist. After `buildDisk`. */
export function stallingDisk(folder: string, control: string): NodeJS.ProcessEnv {
  return { LD_PRELOAD: programs.shim, SHIM_FOLDER: folder, SHIM_CONTROL: control, SHIM_DEEP: "yes" };
}

const programs = { worker: "", disk: "", shim: "" };

/** Builds what the tests of the disk run; false when there is no C compiler for the shim. */
export async function buildDisk(): Promise<boolean> {
  [programs.worker, programs.disk] = await Promise.all([bundled("src/store/journal-worker.ts"), bundled("test/store/disk-process.ts")]);
  programs.shim = `${programs.disk}.shim.so`;
  try {
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", programs.shim, join(import.meta.dirname, "disk-shim.c"), "-ldl", "-lpthread"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
