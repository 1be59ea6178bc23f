import { createRequire } from "node:module";
import { UnavailableError } from "../base/errors.ts";
import { WORD, type Append } from "./journal-layout.ts";

/** What `native/journal.c` gives; native/README.md is the contract. */
export interface JournalAddon {
  /** Maps a file whose bytes are all on the disk; a slot, or a negative error number. */
  map(file: number, bytes: number): number;
  /** Has these bytes be written to without waiting; false when the kernel cannot. */
  warm(slot: number, from: number, to: number): boolean;
  unmap(slot: number): void;
  /** `words` must not be an array that the collector moves: one on a buffer of its own. */
  appender(words: Float64Array): Append;
  /** Where the newest record of each key stands between two places of a segment; `facts` is carried on. */
  newest(segment: Buffer, from: number, to: number, facts: Float64Array): Uint32Array;
}

/** The contract that this file was written for. */
const CONTRACT_VERSION = 2;

/** Loads the addon that `npm run build:native` makes at `path`. Throws UnavailableError when it is not there or was built from other sources. */
export function journalAddon(path: string): JournalAddon {
  let addon: unknown;
  try {
    addon = createRequire(import.meta.url)(path);
  } catch (cause) {
    throw new UnavailableError("the native journal is not built", { cause });
  }
  if (!isAddon(addon)) throw new UnavailableError("the native journal was built from other sources: npm run build:native");
  return addon;
}

function isAddon(loaded: unknown): loaded is JournalAddon {
  return typeof loaded === "object" && loaded !== null && "version" in loaded && loaded.version === CONTRACT_VERSION && "words" in loaded && loaded.words === WORD.count;
}

/** The same, or null where it is not built. */
export function usableAddon(path: string): JournalAddon | null {
  try {
    return journalAddon(path);
  } catch (err) {
    // Shared memory and the worker do the same, some milliseconds later.
    if (!(err instanceof UnavailableError)) throw err;
    return null;
  }
}
