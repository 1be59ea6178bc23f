import { createHash } from "node:crypto";
import { closeSync, createReadStream, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { UnavailableError } from "../base/errors.ts";
import { TABLES } from "./journal-layout.ts";
import type { StoreFile } from "./store-file.ts";
import type { StoredRecord, Table } from "./store.ts";

// A backup is text, a JSON value a line: first `["lamplight backup",1]`, then a record each, `[table,key,node,version,value]`, last `["end",records,sha256]`, the hash that of all lines before.

/** The number of the form above; a later one is refused. */
const BACKUP_FORMAT = 1;
const TITLE = "lamplight backup";
const CHUNK = 256 << 10;
const PROGRESS_EVERY = 2000;

/** One record of a backup, with its table. */
export interface BackupRecord extends StoredRecord {
  readonly table: Table;
}

/** Writes all live records to a new file, on the disk when it returns, and gives their number. A file that could not be finished is removed. */
export function writeBackup(path: string, store: Pick<StoreFile, "records">, onProgress: (records: number) => void): number {
  const file = openSync(path, "wx", 0o600);
  const hash = createHash("sha256");
  let waiting = `${JSON.stringify([TITLE, BACKUP_FORMAT])}\n`;
  let records = 0;
  const drain = (): void => {
    const bytes = Buffer.from(waiting);
    hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    waiting = "";
  };
  try {
    for (const table of TABLES)
      for (const { key, node, version, value } of store.records(table)) {
        waiting += `${JSON.stringify([table, key, node, version, value])}\n`;
        records++;
        if (waiting.length >= CHUNK) drain();
        if (records % PROGRESS_EVERY === 0) onProgress(records);
      }
    drain();
    const end = Buffer.from(`${JSON.stringify(["end", records, hash.digest("hex")])}\n`);
    for (let at = 0; at < end.length; ) at += writeSync(file, end, at);
    fsyncSync(file);
  } catch (err) {
    closeSync(file);
    unlinkSync(path);
    throw err;
  }
  closeSync(file);
  return records;
}

/** Reads a backup, a record at a time; the last ones come before its hash is known, so nothing may be done with them before it is through.
 *  Throws UnavailableError, which says what is wrong, for a file that is damaged, cut off, of a later version or none of ours. */
export async function* readBackup(path: string): AsyncGenerator<BackupRecord> {
  const hash = createHash("sha256");
  const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity });
  let count = -1;
  let isWhole = false;
  try {
    for await (const line of lines) {
      if (isWhole) throw new UnavailableError(`${path} is damaged: it goes on after its end`);
      const fields = parsedLine(line);
      if (count === -1) checkTitle(path, fields);
      else if (fields?.[0] === "end" && fields.length === 3) {
        if (fields[1] !== count || fields[2] !== hash.copy().digest("hex")) throw new UnavailableError(`${path} is damaged: its records are not those that were written`);
        isWhole = true;
        continue;
      } else {
        const record = recordOf(fields);
        if (record === null) throw new UnavailableError(`${path} is damaged at line ${String(count + 2)}`);
        yield record;
      }
      hash.update(`${line}\n`);
      count++;
    }
  } catch (cause) {
    if (cause instanceof UnavailableError) throw cause;
    throw new UnavailableError(`${path} cannot be read`, { cause });
  } finally {
    lines.close();
  }
  if (!isWhole) throw new UnavailableError(count === -1 ? `${path} is empty` : `${path} is cut off after ${String(count)} records`);
}

function parsedLine(line: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(line);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function checkTitle(path: string, fields: readonly unknown[] | null): void {
  if (fields?.[0] !== TITLE) throw new UnavailableError(`${path} is no backup of Lamplight, or its beginning is damaged`);
  const format = fields[1];
  if (typeof format !== "number" || format > BACKUP_FORMAT)
    throw new UnavailableError(`${path} has format ${String(format)}, this program knows up to ${String(BACKUP_FORMAT)}; restore it with the newer program`);
}

function recordOf(fields: readonly unknown[] | null): BackupRecord | null {
  if (fields?.length !== 5) return null;
  const [name, key, node, version, value] = fields;
  const table = TABLES.find((one) => one === name);
  return table === undefined || typeof key !== "string" || typeof node !== "string" || typeof version !== "number" || !Number.isSafeInteger(version) ? null : { table, key, node, version, value };
}
