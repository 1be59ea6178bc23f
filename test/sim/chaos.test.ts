import { describe, expect, test } from "vitest";
import { Chaos, planOf } from "./chaos.ts";

// A small office, and once the one with 200 users of which the benchmark runs a thousand seeds (`npm run bench -- --chaos 1000`).
const SMALL = { users: 24, seeds: 50 };
const LARGE = { users: 200, seeds: 1 };
const BATCH = 5;
const BATCH_LIMIT_MS = 180_000;

/** SIM_SEED=n runs that seed alone, SIM_SEEDS=n so many, of SIM_USERS users. */
function batches({ users, seeds }: { readonly users: number; readonly seeds: number }): readonly { readonly users: number; readonly first: number; readonly last: number }[] {
  const one = process.env["SIM_SEED"];
  const wanted = Number(process.env["SIM_USERS"] ?? users);
  if (wanted !== users) return [];
  if (one !== undefined) return [{ users, first: Number(one), last: Number(one) }];
  const many = Number(process.env["SIM_SEEDS"] ?? seeds);
  return Array.from({ length: Math.ceil(many / BATCH) }, (_, index) => ({ users, first: index * BATCH + 1, last: Math.min(many, (index + 1) * BATCH) }));
}

describe("chaos: at every quiet moment each lamp equals the truth, and no subscription is lost", () => {
  test.each([...batches(SMALL), ...batches(LARGE)])("$users users, seeds $first to $last", { timeout: BATCH_LIMIT_MS }, async ({ users, first, last }) => {
    for (let seed = first; seed <= last; seed++) {
      const { faults, figures } = await Chaos.run(planOf(users), seed);
      expect(faults).toEqual([]);
      // It was chaos indeed.
      expect(figures.talked, `seed ${seed}`).toBeGreaterThan(20);
      expect(figures.crashes, `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});
