import type { Log } from "./log.ts";

/** Lets a promise run on its own: its failure is logged as ours, never lost and never a crash. */
export function background(work: Promise<unknown>, log: Log, what: string): void {
  work.catch((err: unknown) => {
    log.error({ err }, what);
  });
}
