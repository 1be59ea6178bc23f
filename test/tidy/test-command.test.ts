import { describe, expect, test } from "vitest";
import { readVitestReport } from "../../scripts/checks/vitest-report.mjs";

const ended = { code: 0, output: "", isLate: false };
const crashed = { code: 139, output: "core dumped", isLate: false };
const late = { code: null, output: "still busy", isLate: true };

function file(path: string, statuses: readonly string[], status = "passed"): unknown {
  return { name: `/checkout/${path}`, status, message: "", assertionResults: statuses.map((each, at) => ({ status: each, fullName: `test ${String(at)}`, failureMessages: ["why"] })) };
}

function sum(files: readonly unknown[], { expected = ["test/a.test.ts"], run = ended }: { expected?: readonly string[]; run?: typeof late | typeof ended } = {}) {
  const { passed, failed, skipped } = readVitestReport(JSON.stringify({ testResults: files }), { root: "/checkout", expectedFiles: expected, run });
  return [passed, failed, skipped];
}

describe("the sum of a vitest run", () => {
  test.each([
    { what: "every state counts as what it is", got: sum([file("test/a.test.ts", ["passed", "passed", "failed", "skipped", "pending", "todo"], "failed")], { run: { ...ended, code: 1 } }), wanted: [2, 1, 3] },
    { what: "a green run has no failure", got: sum([file("test/a.test.ts", ["passed"])]), wanted: [1, 0, 0] },
    { what: "a file that was not run is a failure", got: sum([file("test/a.test.ts", ["passed"])], { expected: ["test/a.test.ts", "test/b.test.ts"] }), wanted: [1, 1, 0] },
    { what: "a file that does not load is a failure", got: sum([file("test/a.test.ts", [], "failed")]), wanted: [0, 1, 0] },
    { what: "a file without a test is a failure", got: sum([file("test/a.test.ts", [])]), wanted: [0, 1, 0] },
    { what: "a hook that throws is a failure", got: sum([file("test/a.test.ts", ["passed"], "failed")]), wanted: [1, 1, 0] },
    { what: "an exit code without a failed test (an unhandled rejection) is a failure", got: sum([file("test/a.test.ts", ["passed"])], { run: { ...ended, code: 1 } }), wanted: [1, 1, 0] },
    { what: "a run that does not end is a failure", got: sum([file("test/a.test.ts", ["passed"])], { run: late }), wanted: [1, 1, 0] },
    { what: "no test at all is a failure", got: sum([], { expected: [] }), wanted: [0, 1, 0] },
  ])("$what", ({ got, wanted }) => {
    expect(got).toEqual(wanted);
  });

  test("what held at a later try is told", () => {
    const { retries } = readVitestReport(JSON.stringify({ testResults: [file("test/a.test.ts", ["passed"])] }), { root: "/checkout", expectedFiles: ["test/a.test.ts"], run: ended });
    expect(retries).toEqual([{ name: "test/a.test.ts > test 0", tries: 2, text: "why" }]);
  });

  test.each(["", "{", "null", "[]", "{}"])("a crash that leaves the report %j fails every file", (json) => {
    const { passed, failed, failures } = readVitestReport(json, { root: "/checkout", expectedFiles: ["test/a.test.ts", "test/b.test.ts"], run: crashed });
    expect({ passed, failed }).toEqual({ passed: 0, failed: 2 });
    expect(failures[0]?.text).toContain("core dumped");
  });
});
