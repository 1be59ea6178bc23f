// The chaos of the simulation (test/sim/chaos.ts), seed after seed: `node dist/bench-chaos.mjs FIRST COUNT STEP` runs COUNT seeds from FIRST on, each STEP above
// the one before, and prints one JSON line for each: `{ seed, faults, figures, seconds }`. bench/works/chaos.mjs starts one on each core.
import { Chaos, planOf } from "../test/sim/chaos.ts";

/** The office of the acceptance test. */
const USERS = 200;

const [first = 1, count = 1, step = 1] = process.argv.slice(2).map(Number);
for (let index = 0; index < count; index++) {
  const seed = first + index * step;
  const before = process.cpuUsage();
  const { faults, figures } = await Chaos.run(planOf(USERS), seed);
  process.stdout.write(`${JSON.stringify({ seed, faults, figures, seconds: process.cpuUsage(before).user / 1e6 })}\n`);
}
