/** One thing that failed, and what there is to read about it. */
export interface Failure {
  readonly name: string;
  readonly text: string;
}

/** What one run of vitest came to. */
export interface Sum {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly string[];
  /** What held, but not at once. */
  readonly retries: readonly (Failure & { readonly tries: number })[];
}

/** See vitest-report.mjs. */
export function readVitestReport(
  json: string,
  how: { readonly root: string; readonly expectedFiles: readonly string[]; readonly run: { readonly code: number | null; readonly output: string; readonly isLate: boolean } },
): Sum;
