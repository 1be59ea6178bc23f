// The network namespace in which the interop tests run: its own loopback with a second address, and a default route.
import { runProcess } from "./process.mjs";

// baresip refuses a machine whose only address is 127.0.0.1; linphonec does nothing without a default route.
const SETUP = [
  "ip link set lo up",
  "ip addr add 10.88.0.1/24 dev lo",
  "ip addr add 10.88.0.2/24 dev lo",
  "ip addr add fd88::1/64 dev lo nodad",
  "ip link add lan type dummy 2>/dev/null && ip addr add 10.89.0.1/24 dev lan && ip link set lan up && ip route add default via 10.89.0.254 dev lan || ip route add default dev lo",
].join(" && ");

const WAYS = [
  ["--net"],
  ["--user", "--map-root-user", "--net"],
];

/** The command line before a program that makes it run in a namespace of its own, or why there can be none. */
export async function namespacePrefix() {
  const reasons = [];
  for (const way of WAYS) {
    const prefix = ["unshare", ...way, "--", "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; { ${SETUP}; } && exec "$@"`, "sh"];
    const trial = await runProcess(prefix[0], [...prefix.slice(1), "true"], { timeoutMs: 20_000 });
    if (trial.code === 0) return { prefix, reason: "" };
    reasons.push(trial.output.trim() || `unshare ended with ${trial.code}`);
  }
  return { prefix: null, reason: reasons.join("; ") };
}
