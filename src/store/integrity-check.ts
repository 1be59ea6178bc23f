import { fork } from "node:child_process";
import { UnavailableError } from "../base/errors.ts";
import { LMDB_OPTIONS } from "./store-file.ts";

/** A walk over a broken tree may have no end. */
const WALK_MAX_MS = 60_000;

const WALK = `
const [, file, lmdb, options] = process.argv;
const { open } = await import(lmdb);
const db = open({ path: file, ...JSON.parse(options) });
let size = 0;
for (const { value } of db.getRange()) size += value.length;
await db.close();
`;

/** Reads every page of a store in a process of its own, because the library maps the file into memory and a page that is missing or broken kills
 *  whoever touches it. Rejects with UnavailableError when that process does not come through. About 0.1 s. */
export function walkStore(file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(file, [import.meta.resolve("lmdb"), JSON.stringify(LMDB_OPTIONS)], {
      execArgv: ["--input-type=module", "--eval", WALK],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      timeout: WALK_MAX_MS,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stderr?.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-4000);
    });
    child.once("error", (cause) => {
      reject(new UnavailableError("the check could not be started", { cause }));
    });
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new UnavailableError(/^\w*Error: .*$/m.exec(said)?.[0] ?? `its reader ended with ${signal ?? `code ${String(code)}`}`));
    });
  });
}
