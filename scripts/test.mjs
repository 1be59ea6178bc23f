// The test command: every check of the project, and one line of figures at the end.
// `node scripts/test.mjs` runs all; names (types, pages, lint, layers, deadcode, tests, interop) choose some.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages, missingPackages } from "./checks/debian-packages.mjs";
import { namespacePrefix } from "./checks/namespace.mjs";
import { runProcess } from "./checks/process.mjs";
import { readVitestReport } from "./checks/vitest-report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const isCi = process.env.CI === "true";
const minute = 60_000;
const outputShownMax = 20_000;
const scratch = mkdtempSync(join(tmpdir(), "lamplight-test-"));
const total = { passed: 0, failed: 0, skipped: 0 };

const node = (script, ...args) => [process.execPath, [join(root, "node_modules", script), ...args]];
const STATIC = {
  types: node("typescript/bin/tsc", "--noEmit"),
  pages: node("typescript/bin/tsc", "--noEmit", "-p", "web"),
  lint: node("eslint/bin/eslint.js", ".", "--max-warnings", "0"),
  layers: node("dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.cjs", "src"),
  deadcode: node("knip/bin/knip.js", "--no-progress"),
};
const NAMES = [...Object.keys(STATIC), "tests", "interop"];

const say = (text) => process.stdout.write(`${text}\n`);

async function main(wanted) {
  const unknown = wanted.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    say(`unknown: ${unknown.join(", ")}; choose from ${NAMES.join(", ")}`);
    return 2;
  }
  const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
  if (isWanted("tests") || isWanted("interop")) await preparePackages();
  await staticChecks(Object.keys(STATIC).filter(isWanted));
  if (isWanted("tests")) await tests();
  if (isWanted("interop")) await interop();
  const isRed = total.failed > 0 || total.passed === 0 || (isCi && total.skipped > 0);
  if (isCi && total.skipped > 0) say("CI=true: a skipped test is a failure");
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return isRed ? 1 : 0;
}

async function preparePackages() {
  const { missing, reason } = await installPackages(missingPackages(), say);
  if (missing.length > 0) say(`missing: ${missing.join(" ")} (${reason}); the tests that need them are skipped`);
  await buildNativeEngine();
}

/** A machine that had no compiler at `npm ci` may have one by now. */
async function buildNativeEngine() {
  if (["udp", "scan", "journal"].every((name) => !existsSync(join(root, `native/${name}.c`)) || existsSync(join(root, `native/build/${name}.node`)))) return;
  const { output } = await runProcess(process.execPath, [join(root, "scripts/build-native.mjs")], { cwd: root, timeoutMs: minute });
  say(output.trim());
}

async function staticChecks(names) {
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await staticCheck(name);
  };
  await Promise.all([worker(), worker()]);
}

async function staticCheck(name) {
  const [command, args] = STATIC[name];
  const started = Date.now();
  const run = await runProcess(command, args, { cwd: root, timeoutMs: 10 * minute });
  // dependency-cruiser finds nothing wrong with nothing: it must have read the sources.
  const isEmpty = name === "layers" && Number(/(\d+) modules/.exec(run.output)?.[1] ?? 0) < sourceFiles().length;
  if (run.code === 0 && !isEmpty) {
    total.passed++;
    say(`ok      ${name} (${seconds(started)})`);
    return;
  }
  total.failed++;
  say(`FAILED  ${name} (${seconds(started)})${run.isLate ? ": did not end in time" : ""}${isEmpty ? ": it did not read every file of src" : ""}`);
  say(shown(run.output));
}

async function tests() {
  const files = testFiles().filter((path) => !path.startsWith("test/interop/"));
  await vitest("tests", [], ["unit", "sim", "torture", "flows", "timed"], files, {});
}

async function interop() {
  const files = testFiles().filter((path) => path.startsWith("test/interop/"));
  const built = await runProcess(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, timeoutMs: 2 * minute });
  if (built.code !== 0) {
    total.failed++;
    say(`FAILED  build\n${shown(built.output)}`);
    return;
  }
  const { prefix, reason } = await namespacePrefix();
  if (prefix === null) say(`no network namespace here (${reason}); the interop tests are skipped`);
  await vitest("interop", prefix ?? [], ["interop"], files, prefix === null ? {} : { LAMPLIGHT_NAMESPACE: "own" });
}

async function vitest(name, prefix, projects, files, extra) {
  const started = Date.now();
  const report = join(scratch, `${name}.json`);
  const [command, args] = node("vitest/vitest.mjs", "run", ...projects.flatMap((project) => ["--project", project]), "--reporter=default", "--reporter=json", `--outputFile.json=${report}`);
  const line = [...prefix, command, ...args];
  const env = { ...process.env, ...extra, NO_COLOR: "1" };
  const run = await runProcess(line[0], line.slice(1), { cwd: root, env, timeoutMs: 30 * minute });
  const sum = readVitestReport(readOrEmpty(report), { root, expectedFiles: files, run });
  total.passed += sum.passed;
  total.failed += sum.failed;
  total.skipped += sum.skipped;
  say(`${sum.failed === 0 ? "ok     " : "FAILED "} ${name}: ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped (${seconds(started)})`);
  for (const skip of sum.skips) say(`  skipped: ${skip}`);
  for (const { name: retried, tries, text } of sum.retries) say(`  held at try ${tries}: ${retried} (${text.split("\n")[0]})`);
  for (const failure of sum.failures) say(`  failed: ${failure.name}\n${shown(withoutMachinery(failure.text))}`);
}

function sourceFiles() {
  return filesUnder("src", ".ts");
}

function testFiles() {
  return filesUnder("test", ".test.ts");
}

function filesUnder(folder, end) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => path.endsWith(end));
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function shown(text) {
  const clean = text.trimEnd();
  const cut = clean.length > outputShownMax ? `…${clean.slice(-outputShownMax)}` : clean;
  return cut.replace(/^/gm, "    ");
}

/** A failure without the stack lines of the test runner itself, and with paths as they stand in the checkout. */
function withoutMachinery(text) {
  const lines = text.split("\n").filter((line) => !/^\s+at .*(node_modules\/|node:internal|new Promise)/.test(line));
  return lines.join("\n").replaceAll(`file://${root}`, "").replaceAll(root, "");
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

let exitCode = 1;
try {
  exitCode = await main(process.argv.slice(2));
} catch (cause) {
  say(String(cause?.stack ?? cause));
  say(`${total.passed} passed, ${total.failed + 1} failed, ${total.skipped} skipped`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(exitCode);
