// Starts kamailio, the peer that we measure ourselves against (Debian: kamailio kamailio-presence-modules kamailio-sqlite-modules sqlite3).
import { createWriteStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endProgram, runProgram, serverCore, startPinned } from "./programs.mjs";

const config = join(dirname(fileURLToPath(import.meta.url)), "../kamailio.cfg");
const SCHEMAS = ["standard", "presence"].map((one) => `/usr/share/kamailio/db_sqlite/${one}-create.sql`);

/** A running kamailio with one worker. `defines` choose the parts of kamailio.cfg; `database: true` makes the sqlite file that some parts refuse to start without.
 *  The memory manager matters: Debian's default (qm, for debugging) costs about 2.5 times the CPU of tlsf and fm. */
export async function startKamailio({ folder, defines = [], database = false, port = 15_060 }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const address = `127.0.0.1:${port}`;
  const control = join(folder, "kamailio_ctl");
  const file = join(folder, "k.db");
  if (database) runProgram("sqlite3", [file], { input: `${SCHEMAS.map((schema) => readFileSync(schema, "utf8")).join("\n")}\nPRAGMA journal_mode=WAL;` });
  const all = ["NWORK=1", "WT=5000", `SELF_URI="sip:${address}"`, ...(database ? ["PRES_SQLITE", `PUA_DB_URL="sqlite:///${file}"`] : []), ...defines];
  const args = ["-DD", "-E", "-w", folder, "-f", config, ...all.flatMap((define) => ["-A", define]), "-l", `udp:${address}`, "-l", `tcp:${address}`, "-x", "tlsf", "-X", "fm", "-m", "2048", "-M", "32", "-P", join(folder, "k.pid")];
  const child = startPinned(serverCore, "kamailio", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  child.stderr.pipe(createWriteStream(join(folder, "k.log")));
  for (let tries = 0; tries < 150 && child.exitCode === null; tries++) {
    await sleep(100);
    try {
      runProgram("kamcmd", ["-s", `unix:${control}`, "core.uptime"]);
      return { name: "kamailio", address, port, pid: child.pid, metrics: async () => ({}), complaints: () => [], isRunning: () => child.exitCode === null, stop: (signal) => endProgram(child, signal) };
    } catch {
      // not yet
    }
  }
  await endProgram(child);
  throw new Error(`kamailio did not start: ${readFileSync(join(folder, "k.log"), "utf8").slice(-1000)}`);
}
