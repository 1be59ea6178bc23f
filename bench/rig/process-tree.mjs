// CPU and memory of a process and all its descendants, from /proc (Linux).
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const TICKS_PER_SECOND = 100;

/** The pid and all its descendants. */
export function processTree(pid) {
  const children = new Map();
  for (const name of readdirSync("/proc")) {
    const parent = Number(statFields(name)?.[1] ?? NaN);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (const one of tree) tree.push(...(children.get(one) ?? []));
  return tree;
}

function statFields(pid) {
  if (!/^\d+$/.test(String(pid))) return null;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null; // it has ended
  }
}

/** User and system time of the tree, in seconds. */
export function cpuSeconds(pid) {
  return processTree(pid).reduce((sum, one) => {
    const fields = statFields(one);
    return sum + (fields === null ? 0 : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND);
  }, 0);
}

/** Proportional set size of the tree in KB: `anonymous` (heaps and shared memory), `file` (file-backed pages: programs, libraries, mapped data files), `resident`. */
export function memoryOf(pid) {
  const sum = { anonymousKb: 0, fileKb: 0, pssKb: 0, residentKb: 0 };
  for (const one of processTree(pid)) {
    let text;
    try {
      text = readFileSync(`/proc/${one}/smaps_rollup`, "utf8");
    } catch {
      continue;
    }
    const field = (name) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(text)?.[1] ?? 0);
    sum.pssKb += field("Pss");
    sum.fileKb += field("Pss_File");
    sum.anonymousKb += field("Pss_Anon") + field("Pss_Shmem");
    sum.residentKb += field("Rss");
  }
  return sum;
}

/** Open file descriptors and threads of the tree. */
export function handlesOf(pid) {
  return processTree(pid).reduce(
    (sum, one) => {
      try {
        return { files: sum.files + readdirSync(`/proc/${one}/fd`).length, threads: sum.threads + readdirSync(`/proc/${one}/task`).length };
      } catch {
        return sum;
      }
    },
    { files: 0, threads: 0 },
  );
}

/** Waits until the tree has been idle (less than 3 % of a core) for two seconds, at most `limitSeconds`. True when it came to rest. */
export async function settle(pid, limitSeconds = 40) {
  let quiet = 0;
  for (let waited = 0; waited < limitSeconds && quiet < 2; waited += 0.5) {
    const before = cpuSeconds(pid);
    await sleep(500);
    quiet = cpuSeconds(pid) - before <= 0.015 ? quiet + 0.5 : 0;
  }
  return quiet >= 2;
}
