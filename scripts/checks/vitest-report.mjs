// Reads what vitest's JSON reporter wrote, and trusts it only as far as it goes.
import { relative } from "node:path";

/** Sums up one run of vitest. `expectedFiles` are the test files that must have been run, relative to `root`; `run` is how the process ended.
 *  Anything that vitest does not count itself (a crash, a file that does not load, an unhandled rejection, a file left out) is one more failure. */
export function readVitestReport(json, { root, expectedFiles, run }) {
  const report = parse(json);
  if (report === null) {
    const why = run.isLate ? "did not end in time" : `ended with exit code ${run.code} and no report`;
    return { passed: 0, failed: Math.max(1, expectedFiles.length), skipped: 0, failures: [{ name: `vitest ${why}`, text: run.output }], skips: [], retries: [] };
  }
  const failures = [];
  const skips = [];
  const retries = [];
  let passed = 0;
  const seen = new Set();
  for (const file of report.testResults ?? []) {
    const path = relative(root, file.name);
    seen.add(path);
    const tests = file.assertionResults ?? [];
    for (const test of tests) {
      const name = `${path} > ${test.fullName ?? test.title}`;
      const misses = test.failureMessages?.length ?? 0;
      if (test.status === "passed" && misses > 0) retries.push({ name, tries: misses + 1, text: test.failureMessages[0] });
      if (test.status === "passed") passed++;
      else if (test.status === "failed") failures.push({ name, text: (test.failureMessages ?? []).join("\n") });
      else skips.push(name);
    }
    const isEmpty = tests.length === 0;
    const isBroken = file.status === "failed" && !tests.some((test) => test.status === "failed");
    if (isBroken || isEmpty) failures.push({ name: path, text: file.message || (isEmpty ? "this file holds no test" : "a hook or the file itself failed") });
  }
  for (const path of expectedFiles) if (!seen.has(path)) failures.push({ name: path, text: "this file was not run" });
  if (passed + failures.length + skips.length === 0) failures.push({ name: "vitest", text: "no test was run" });
  if (run.isLate) failures.push({ name: "vitest", text: `did not end in time\n${run.output}` });
  else if (run.code !== 0 && failures.length === 0) failures.push({ name: `vitest ended with exit code ${run.code}`, text: run.output });
  return { passed, failed: failures.length, skipped: skips.length, failures, skips, retries };
}

function parse(json) {
  try {
    const report = JSON.parse(json);
    return typeof report === "object" && report !== null && Array.isArray(report.testResults) ? report : null;
  } catch {
    return null;
  }
}
