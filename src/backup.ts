import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ConfigError, UnavailableError } from "./base/errors.ts";
import { systemClock } from "./base/clock.ts";
import { loadConfig } from "./config/loader.ts";
import { serverOf } from "./query.ts";
import { readBackup } from "./store/backup-file.ts";
import { lockFolder } from "./store/folder-lock.ts";
import { stageRestore } from "./store/staged-restore.ts";
import { progressBar } from "./terminal.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What the commands are given: the configuration's file, the environment, what prints a result and what shows progress. */
export interface BackupCommand {
  readonly config: string;
  readonly env: Environment;
  readonly print: (text: string) => void;
  /** Text without a line end that replaces the one before. */
  readonly progress: (text: string) => void;
}

/** `lamplight backup FILE`: fetches a whole and consistent copy of the running server's store. The file must not exist. Throws ConfigError or UnavailableError. */
export async function runBackup(file: string, { config, env, print, progress }: BackupCommand): Promise<number> {
  if (existsSync(file)) throw new ConfigError([`${file} exists already; name another file`]);
  const { web } = loadConfig(config, env, systemClock.now()).config;
  const part = `${file}.part`;
  progress("waiting for the server …");
  const response = await asked(serverOf(web), "backup", { method: "POST" });
  const total = Number(response.headers.get("content-length") ?? 0);
  if (response.body === null) throw new UnavailableError("the server sent nothing");
  try {
    await pipeline(Readable.fromWeb(response.body), counting(total, "fetched", progress), createWriteStream(part, { mode: 0o600, flush: true }));
    const records = await checked(part, progress);
    renameSync(part, file);
    print(`${file}: ${String(records)} records\n`);
  } catch (cause) {
    rmSync(part, { force: true });
    if (cause instanceof UnavailableError) throw cause;
    throw new UnavailableError(`${file} cannot be written: ${cause instanceof Error ? cause.message : "unknown"}`, { cause });
  }
  return 0;
}

/** `lamplight restore FILE --overwrite`: has the running server take a backup in place of its store, for which it starts again; without a running server the next start takes it.
 *  The old store stays beside it under another name. Throws ConfigError or UnavailableError; a damaged or newer file changes nothing. */
export async function runRestore(file: string, overwrites: boolean, { config, env, print, progress }: BackupCommand): Promise<number> {
  if (!existsSync(file)) throw new ConfigError([`${file} does not exist`]);
  const { config: loaded } = loadConfig(config, env, systemClock.now());
  const records = await checked(file, progress);
  if (!overwrites) throw new ConfigError([`${file} is whole (${String(records)} records); a restore replaces what the server has: add --overwrite`]);
  const { size } = statSync(file);
  try {
    const body = Readable.toWeb(createReadStream(file).pipe(counting(size, "sent", progress)));
    await asked(serverOf(loaded.web), "restore?overwrite=true", { method: "POST", body, duplex: "half", headers: { "content-type": "application/octet-stream" } });
    print(`${String(records)} records restored; the server starts again with them\n`);
  } catch (err) {
    if (!(err instanceof NoServer)) throw err;
    mkdirSync(loaded.storePath, { recursive: true, mode: 0o700 });
    const lock = await lockFolder(loaded.storePath);
    try {
      await stageRestore(loaded.storePath, createReadStream(file));
    } finally {
      lock.release();
    }
    print(`no server runs: ${String(records)} records are taken by the next start with ${loaded.storePath}\n`);
  }
  return 0;
}

class NoServer extends UnavailableError {}

async function asked({ base, headers }: ReturnType<typeof serverOf>, path: string, how: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${base}/api/${path}`, { ...how, headers: { ...headers, ...Object.fromEntries(new Headers(how.headers)) }, redirect: "error" });
  } catch (cause) {
    throw new NoServer(`no server answers at ${base}; is it started?`, { cause });
  }
  if (response.ok) return response;
  const text = await response.text();
  throw new UnavailableError(/"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? `${base} refused with status ${String(response.status)}`);
}

/** The number of a backup's records; throws UnavailableError when it is not whole. */
async function checked(file: string, progress: (text: string) => void): Promise<number> {
  let records = 0;
  for await (const record of readBackup(file)) {
    if (record.table.length > 0) records++;
    if (records % 20_000 === 0) progress(`checked ${String(records)} records`);
  }
  progress("");
  return records;
}

/** Passes bytes on and says how many. */
function counting(total: number, done: string, progress: (text: string) => void): Transform {
  let bytes = 0;
  let told = -1;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length;
      const percent = total > 0 ? Math.floor((100 * bytes) / total) : 0;
      if (percent !== told) progress(progressBar(total > 0 ? bytes / total : NaN, `${done} ${String(Math.ceil(bytes / 1024))} KB`));
      told = percent;
      next(null, chunk);
    },
  });
}
