import { defineConfig } from "vitest/config";

const kinds = ["flows", "torture", "sim", "interop"];

/** They hold the server to milliseconds or seconds of the clock: one at a time, when nothing else runs; on a machine that others use as well a second or third try may show it. */
const timed = [
  "test/calendar/ews-hints.test.ts",
  "test/flows/calendars.test.ts",
  "test/flows/morning-after.test.ts",
  "test/flows/overload.test.ts",
  "test/flows/stalled-disk.test.ts",
  "test/flows/start-up.test.ts",
  "test/flows/watchers.test.ts",
  "test/store/large-store.test.ts",
  "test/store/slow-disk.test.ts",
];

// What failed is shown whole, not as `[ …(4) ]`.
const chaiConfig = { truncateThreshold: 2000 };

const sequence = { groupOrder: 0 };
// Real sockets and the real clock, beside whatever else the machine does: a second try may show it, and is told. What is made of seeds (sim, torture) gets none.
const real = { retry: 1 };
const together = { chaiConfig, sequence, maxWorkers: 2 };
const alone = { chaiConfig, maxWorkers: 1, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      { test: { ...together, ...real, name: "unit", include: ["test/**/*.test.ts"], exclude: [...kinds.map((kind) => `test/${kind}/**`), ...timed], testTimeout: 20_000 } },
      { test: { ...together, name: "sim", include: ["test/sim/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { ...together, name: "torture", include: ["test/torture/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { ...together, ...real, name: "flows", include: ["test/flows/**/*.test.ts"], exclude: timed, testTimeout: 30_000, hookTimeout: 30_000 } },
      { test: { ...alone, name: "timed", include: timed, sequence: { groupOrder: 1 }, retry: 2, testTimeout: 30_000, hookTimeout: 30_000 } },
      // Real programs on addresses of one namespace; a browser or a phone may be too slow once.
      { test: { ...alone, name: "interop", include: ["test/interop/**/*.test.ts"], sequence: { groupOrder: 2 }, retry: 1, testTimeout: 60_000, hookTimeout: 60_000 } },
    ],
  },
});
