import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { UnavailableError } from "../base/errors.ts";
import type { RecordDisk, RecordSegment } from "./record-disk.ts";

/** Segments of a ring: one being written, the others being history. */
export const SEGMENTS = 8;
const PIECE_BYTES = 64 * 1024;
const NAME = /^(\d{1,16})-(\d{1,16})\.jsonl$/;

interface SegmentFile extends RecordSegment {
  readonly path: string;
}

/** The record as files in a folder: `ID-START.jsonl`. A new process begins a new file, so that a torn end of the last one harms nothing. Throws UnavailableError
 *  when the folder cannot be made. */
export function recordFiles({ folder, bytesMax }: { readonly folder: string; readonly bytesMax: number }): RecordDisk {
  let files: SegmentFile[];
  try {
    mkdirSync(folder, { recursive: true });
    files = readdirSync(folder).flatMap((name) => {
      const [, id, start] = NAME.exec(name) ?? [];
      return id === undefined || start === undefined ? [] : [{ id: Number(id), startMs: Number(start), path: join(folder, name) }];
    });
    files.sort((a, b) => a.id - b.id);
    while (files.length > SEGMENTS) rmSync(files.shift()?.path ?? "", { force: true });
  } catch (cause) {
    throw new UnavailableError(`cannot use the folder ${folder}`, { cause });
  }
  const segmentBytes = Math.max(1, Math.floor(bytesMax / SEGMENTS));
  let writing: { readonly handle: FileHandle; bytes: number } | null = null;
  let isClosed = false;

  const begin = async (since: number): Promise<{ readonly handle: FileHandle; bytes: number }> => {
    await writing?.handle.close();
    writing = null;
    while (files.length >= SEGMENTS) {
      const [oldest] = files;
      if (oldest === undefined) break;
      await unlink(oldest.path).catch(() => undefined);
      files = files.slice(1);
    }
    const last = files.at(-1);
    const id = (last?.id ?? 0) + 1;
    // A clock that went back must not bring the segments out of order.
    const startMs = Math.max(Math.floor(since), last?.startMs ?? 0);
    const path = join(folder, `${String(id)}-${String(startMs)}.jsonl`);
    const handle = await open(path, "ax", 0o600);
    files = [...files, { id, startMs, path }];
    return { handle, bytes: 0 };
  };

  return {
    segments: () => files,
    get isFull() {
      return files.length >= SEGMENTS;
    },
    async append(lines, since, head) {
      if (isClosed) return;
      try {
        let text = lines;
        if (writing === null || writing.bytes >= segmentBytes) {
          writing = await begin(since);
          text = head() + lines;
        }
        const { bytesWritten } = await writing.handle.write(text, null, "utf8");
        writing.bytes += bytesWritten;
      } catch (cause) {
        // What was half written ends a line of its own: the next try begins a new file.
        await writing?.handle.close().catch(() => undefined);
        writing = null;
        throw new UnavailableError(`cannot write in ${folder}`, { cause });
      }
    },
    async *read(id) {
      const file = files.find((each) => each.id === id);
      const handle = file === undefined ? null : await open(file.path, "r").catch(() => null);
      if (handle === null) return;
      try {
        for (;;) {
          const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
          if (bytesRead === 0) return;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await handle.close();
      }
    },
    async close() {
      isClosed = true;
      await writing?.handle.close();
      writing = null;
    },
  };
}
