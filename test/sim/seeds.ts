import { expect, test } from "vitest";
import { Day, type DayPlan } from "./day.ts";

const BATCH = 20;
const BATCH_LIMIT_MS = 120_000;

/** Runs a day for each seed: `count` of them, SIM_SEEDS=n of them, or SIM_SEED=n alone (the seed of a failure is in its message). */
export function testDays(plan: DayPlan, count: number): void {
  const one = process.env["SIM_SEED"];
  const many = Number(process.env["SIM_SEEDS"] ?? count);
  const seeds = one === undefined ? Array.from({ length: many }, (_, index) => index + 1) : [Number(one)];
  const batches = Array.from({ length: Math.ceil(seeds.length / BATCH) }, (_, index) => seeds.slice(index * BATCH, (index + 1) * BATCH));
  test.each(batches.map((batch) => ({ first: batch[0], last: batch.at(-1), batch })))("seeds $first to $last", { timeout: BATCH_LIMIT_MS }, async ({ batch }) => {
    for (const seed of batch) expect(await Day.run(plan, seed)).toEqual([]);
  });
}

/** The same seed gives the same run, byte for byte. */
export function testRepeats(plan: DayPlan, seed: number): void {
  test("the same seed gives the same run", async () => {
    const trace = async (): Promise<readonly string[]> => {
      const lines: string[] = [];
      await Day.run(plan, seed, (office) => {
        office.network.onTraffic = (traffic) => lines.push(`${office.clock.now()} ${traffic.from} ${traffic.to} ${traffic.fate} ${traffic.text.length}`);
      });
      return lines;
    };
    const first = await trace();
    expect(first.length).toBeGreaterThan(1000);
    expect(await trace()).toEqual(first);
  });
}
