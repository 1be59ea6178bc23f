// Builds native/udp.c into native/build/udp.node; npm runs it after an install.
// `node scripts/build-native.mjs OUTPUT [more arguments for the compiler]` builds it elsewhere or otherwise, for a test. Without Linux, a C compiler or Node's headers it says so in one line and ends well: node's own UDP serves then.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "native/udp.c");
const [output = join(root, "native/build/udp.node"), ...more] = process.argv.slice(2);
const addon = resolve(output);
const folder = dirname(addon);
const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-fPIC", "-shared", "-fvisibility=hidden", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"];

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

function build() {
  if (process.platform !== "linux") return "it is made for Linux";
  const headers = headerFolders().find((one) => existsSync(join(one, "node_api.h")) && existsSync(join(one, "uv.h")));
  if (headers === undefined) return "the headers of Node were not found";
  const compiler = compilers().find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
  if (compiler === undefined) return "there is no C compiler";
  mkdirSync(folder, { recursive: true });
  // Under another name first: a running server keeps the file that it has loaded.
  const made = join(folder, `udp.${process.pid}.node`);
  try {
    const compiled = spawnSync(compiler, [...flags, `-I${headers}`, "-o", made, source, ...more], { encoding: "utf8", timeout: 60_000 });
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

let reason;
try {
  reason = build();
  // What an earlier build left was made from other sources.
  if (reason !== null) rmSync(addon, { force: true });
} catch (error) {
  reason = String(error?.message ?? error);
}
process.stdout.write(reason === null ? "native UDP engine: built\n" : `native UDP engine: not built (${reason}); node's own UDP will serve\n`);
