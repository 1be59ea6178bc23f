// Builds each addon of native/ (native/NAME.c into native/build/NAME.node); npm runs it after an install.
// `node scripts/build-native.mjs OUTPUT [more arguments for the compiler]` builds the one that OUTPUT is named after elsewhere or otherwise, for a test: `/tmp/x/udp.node`.
// Without Linux, a C compiler or Node's headers it says so in one line and ends well: what the addons do is then done in JavaScript.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Each is one C file, and has a section in native/README.md. */
const ADDONS = ["udp", "scan", "journal"];

const root = fileURLToPath(new URL("..", import.meta.url));
const [output, ...more] = process.argv.slice(2);
const wanted =
  output === undefined
    ? ADDONS.filter((name) => existsSync(sourceOf(name))).map((name) => ({ name, addon: join(root, `native/build/${name}.node`) }))
    : [{ name: ADDONS.find((name) => basename(output).includes(name)) ?? ADDONS[0], addon: resolve(output) }];
const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-fPIC", "-shared", "-fvisibility=hidden", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"];

function sourceOf(name) {
  return join(root, `native/${name}.c`);
}

/** Where the headers of this Node may lie; nothing is downloaded. */
function headerFolders() {
  const version = process.versions.node;
  const prefixes = [process.env.npm_config_nodedir, dirname(dirname(process.execPath)), process.config.variables.node_prefix, "/usr", "/usr/local"];
  const cached = [join(homedir(), ".cache/node-gyp", version), join(homedir(), ".node-gyp", version)];
  return [...prefixes, ...cached].filter((prefix) => typeof prefix === "string" && prefix !== "").flatMap((prefix) => [join(prefix, "include/node"), join(prefix, "include/nodejs/src")]);
}

function compilers() {
  return [process.env.CC, "cc", "gcc", "clang"].filter((name) => typeof name === "string" && name !== "");
}

/** The compiler and the folder of Node's headers, or why there are none. */
function tools() {
  if (process.platform !== "linux") return { reason: "it is made for Linux" };
  const headers = headerFolders().find((one) => existsSync(join(one, "node_api.h")) && existsSync(join(one, "uv.h")));
  if (headers === undefined) return { reason: "the headers of Node were not found" };
  const compiler = compilers().find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
  return compiler === undefined ? { reason: "there is no C compiler" } : { headers, compiler };
}

/** Null when it was built, else why not. */
function build({ name, addon }, { reason, headers, compiler }) {
  if (reason !== undefined) return reason;
  mkdirSync(dirname(addon), { recursive: true });
  // Under another name first: a running server keeps the file that it has loaded.
  const made = join(dirname(addon), `${name}.${process.pid}.node`);
  try {
    const compiled = spawnSync(compiler, [...flags, `-I${headers}`, "-o", made, sourceOf(name), ...more], { encoding: "utf8", timeout: 60_000 });
    if (compiled.status !== 0) return `${compiler} failed: ${(compiled.stderr ?? "").trim().split("\n")[0] ?? ""}`;
    // One that cannot be loaded must not be found at the next start.
    execFileSync(process.execPath, ["-e", "require(process.argv[1])", made], { stdio: "ignore", timeout: 30_000 });
    renameSync(made, addon);
  } catch (error) {
    return String(error?.message ?? error).split("\n")[0];
  } finally {
    rmSync(made, { force: true });
  }
  return null;
}

for (const one of wanted) {
  let reason;
  try {
    reason = build(one, tools());
    // What an earlier build left was made from other sources.
    if (reason !== null) rmSync(one.addon, { force: true });
  } catch (error) {
    reason = String(error?.message ?? error);
  }
  process.stdout.write(reason === null ? `native ${one.name}: built\n` : `native ${one.name}: not built (${reason}); done in JavaScript instead\n`);
}
