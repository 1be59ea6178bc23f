// The Debian packages whose programs the tests drive, and how they get onto a machine.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runProcess } from "./process.mjs";

/** What shows that a package is there → the package. A name without a slash is a program on the PATH. */
const PACKAGES = new Map([
  ["sipp", "sip-tester"],
  ["sipsak", "sipsak"],
  ["baresip", "baresip-core"],
  ["linphonec", "linphone-cli"],
  ["chromium", "chromium"],
  ["xmllint", "libxml2-utils"],
  ["openssl", "openssl"],
  ["gcc", "gcc"],
  ["/usr/include/stdio.h", "libc6-dev"],
  ["ip", "iproute2"],
  ["unshare", "util-linux"],
  ["radicale", "radicale"],
  ["xandikos", "xandikos"],
]);

const PATH_FOLDERS = [...new Set([...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])].filter((folder) => folder !== "");
const installMinutes = 10;

/** The packages that are missing here. */
export function missingPackages() {
  return [...PACKAGES].filter(([mark]) => !isThere(mark)).map(([, name]) => name);
}

/** Installs `missing` when this is root on a machine with apt-get; returns what is still missing, with the reason. */
export async function installPackages(missing, say) {
  if (missing.length === 0) return { missing, reason: "" };
  if (process.getuid?.() !== 0) return { missing, reason: "only root can install them" };
  if (!isThere("apt-get")) return { missing, reason: "there is no apt-get here" };
  say(`installing Debian packages: ${missing.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => runProcess("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], { env, timeoutMs: installMinutes * 60_000 });
  const update = await apt("update");
  const install = await apt("install", "-y", "--no-install-recommends", ...missing);
  const still = missingPackages();
  if (still.length === 0) return { missing: still, reason: "" };
  return { missing: still, reason: `apt-get could not install them:\n${lastLines(`${update.output}\n${install.output}`, 15)}` };
}

function isThere(mark) {
  if (mark.includes("/")) return existsSync(mark);
  return PATH_FOLDERS.some((folder) => {
    try {
      accessSync(join(folder, mark), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function lastLines(text, count) {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
