import { createWriteStream, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { UnavailableError } from "../base/errors.ts";
import { readBackup } from "./backup-file.ts";
import { syncFolder } from "./journal-files.ts";
import { StoreFile, type Change } from "./store-file.ts";

// A backup that is to replace a store waits in the data folder, checked, for the next opening: that builds the new store beside the old one, moves the old one aside, and the new one into
// its place. Whatever happens meanwhile, the next opening begins with it again; the backup goes last.

const PENDING = "restore.pending";
const PART = "restore.part";
const SLICE = 2000;

/** Takes a backup into the data folder for the next opening; resolves to the number of its records. Rejects with UnavailableError when it is damaged, cut off, newer or none of ours:
 *  then nothing is left of it. `from` is its bytes. */
export async function stageRestore(folder: string, from: Readable): Promise<number> {
  const part = join(folder, PART);
  try {
    await pipeline(from, createWriteStream(part, { mode: 0o600, flush: true }));
    let records = 0;
    for await (const record of readBackup(part)) if (record.key !== "") records++;
    renameSync(part, join(folder, PENDING));
    syncFolder(folder);
    return records;
  } catch (cause) {
    rmSync(part, { force: true });
    if (cause instanceof UnavailableError) throw new UnavailableError(cause.message.replaceAll(part, "the backup"), { cause });
    throw new UnavailableError(`the backup cannot be taken into ${folder}`, { cause });
  }
}

/** Carries out what `stageRestore` has prepared; null when there is nothing, else where the old store is now (null: there was none) and how many records the new one has. The folder is locked.
 *  `name` is that of the new store; its versions go on after all of both. */
export async function carryOutRestore(folder: string, name: string, nowMs: number): Promise<{ readonly records: number; readonly old: string | null } | null> {
  const pending = join(folder, PENDING);
  if (!existsSync(pending)) return null;
  const path = join(folder, "store.mdb");
  const made = join(folder, "restore.mdb");
  for (const one of [made, `${made}-lock`]) rmSync(one, { force: true });
  const file = new StoreFile(made);
  let records = 0;
  let version = Math.floor(nowMs) * 1024;
  try {
    file.begin({ name, applied: 0, version: 0 });
    let slice: Change[] = [];
    for await (const record of readBackup(pending)) {
      slice.push({ table: record.table, key: record.key, json: JSON.stringify(record.value), version: record.version, node: record.node });
      version = Math.max(version, record.version);
      records++;
      if (slice.length < SLICE) continue;
      file.apply(slice, null);
      slice = [];
    }
    file.apply(slice, { name, applied: 0, version });
  } finally {
    await file.close();
  }
  let old: string | null = null;
  if (existsSync(path)) {
    old = join(folder, `store-before-restore-${new Date(nowMs).toISOString().replace(/[:.]/g, "-")}.mdb`);
    renameSync(path, old);
  }
  for (const one of [`${path}-lock`, `${made}-lock`, ...readdirSync(folder).filter((entry) => /^journal-\d+$/.test(entry)).map((entry) => join(folder, entry))]) rmSync(one, { force: true });
  renameSync(made, path);
  syncFolder(folder);
  rmSync(pending);
  return { records, old };
}
