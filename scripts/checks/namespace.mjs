// The network namespace in which the interop tests run: its own loopback with a second address, and a default route.
import { runProcess } from "./process.mjs";

// baresip refuses a machine whose only address is 127.0.0.1; linphonec does nothing without a default route.
const SETUP = [
  "ip link set lo up",
  "ip addr add 10.88.0.1/24 dev lo",
  "ip addr add 10.88.0.2/24 dev lo",
  "ip addr add fd88::1/64 dev lo nodad",
  "ip route add default dev lo",
].join(" && ");

// With processes of its own as well, nothing that a test starts can outlive it; without root, a user namespace may do.
const OWN_PROCESSES = ["--pid", "--fork", "--kill-child", "--mount-proc"];
const WAYS = [
  ["--net", ...OWN_PROCESSES],
  ["--net"],
  ["--user", "--map-root-user", "--net", ...OWN_PROCESSES],
  ["--user", "--map-root-user", "--net"],
];

/** The command line before a program that makes it run in a namespace of its own, or why there can be none. */
export async function namespacePrefix() {
  const reasons = [];
  for (const way of WAYS) {
    const prefix = ["unshare", ...way, "--", "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; { ${SETUP}; } && "$@"`, "sh"];
    const trial = await runProcess(prefix[0], [...prefix.slice(1), "true"], { timeoutMs: 20_000 });
    if (trial.code === 0) return { prefix, reason: "" };
    reasons.push(trial.output.trim() || `unshare ended with ${trial.code}`);
  }
  return { prefix: null, reason: reasons.join("; ") };
}
