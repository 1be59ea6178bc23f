// The highest rate at which nothing is sent twice and nothing fails, by a coarse bisection.
import { load } from "../rig/generator.mjs";
import { settle } from "../rig/process-tree.mjs";

const STEPS = 6;
const SECONDS = 3;

/** Whether a run kept up with what was offered. */
export function isSustained(run, rate) {
  return run !== null && run.retransmissions === 0 && run.failed === 0 && run.rate >= rate * 0.97;
}

/** Jobs a second, to a 64th of the work's rate. The server is let come to rest between two runs. */
export async function highestRate(work, setting, server) {
  let low = 0;
  let high = work.rate;
  for (let step = 0; step < STEPS; step++) {
    const rate = Math.round((low + high) / 2);
    await settle(server.pid, 15);
    const run = await load(setting.folder, server, [...work.loads[0], "-u", 1, "-T", SECONDS, "-r", rate]);
    if (isSustained(run, rate)) low = rate;
    else high = rate;
  }
  return low;
}
