import { defineConfig } from "vitest/config";

const kinds = ["flows", "torture", "sim", "interop"];

// What failed is shown whole, not as `[ …(4) ]`.
const chaiConfig = { truncateThreshold: 2000 };

export default defineConfig({
  test: {
    projects: [
      { test: { chaiConfig, name: "unit", include: ["test/**/*.test.ts"], exclude: kinds.map((kind) => `test/${kind}/**`), testTimeout: 20_000 } },
      { test: { chaiConfig, name: "sim", include: ["test/sim/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { chaiConfig, name: "torture", include: ["test/torture/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { chaiConfig, name: "flows", include: ["test/flows/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 } },
      {
        test: {
          chaiConfig,
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          // Real programs on addresses of one namespace: one file at a time.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
