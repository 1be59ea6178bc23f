import { defineConfig } from "vitest/config";

const kinds = ["flows", "torture", "sim", "interop"];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: kinds.map((kind) => `test/${kind}/**`), testTimeout: 20_000 } },
      { test: { name: "sim", include: ["test/sim/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "torture", include: ["test/torture/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "flows", include: ["test/flows/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 } },
      {
        test: {
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
