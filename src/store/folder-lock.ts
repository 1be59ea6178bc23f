import { linkSync, mkdtempSync, openSync, closeSync, readdirSync, renameSync, rmSync, statSync, unlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { UnavailableError } from "../base/errors.ts";

/** A folder that is this process's alone. */
export interface FolderLock {
  release(): void;
}

const NAME = "store.lock";
/** Longest path that a Unix socket may have everywhere. */
const SOCKET_PATH_MAX = 100;
const TRIES = 5;

/** Takes a folder for this process; rejects with UnavailableError when another has it. The lock is a Unix socket that we listen on: the kernel closes it
 *  however the process ends, so a lock that nobody answers on is a dead one's, and is taken over. It holds among containers and network namespaces that share the folder. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const access = shortWay(folder);
  const own = mkdtempSync(join(access.path, `${NAME}-`));
  const socket = join(own, "s");
  const lock = join(access.path, NAME);
  let server: Server | null = null;
  try {
    // Listening before it has the lock's name: whoever finds the name finds an answer.
    server = await listen(socket);
    const identity = statSync(socket).ino;
    await take(folder, lock, socket, own);
    for (const name of readdirSync(access.path)) if (name.startsWith(`${NAME}-`)) rmSync(join(access.path, name), { recursive: true, force: true });
    const held = server;
    return {
      release() {
        if (inodeOf(lock) === identity) unlinkSync(lock);
        held.close();
        access.close();
      },
    };
  } catch (cause) {
    server?.close();
    rmSync(own, { recursive: true, force: true });
    access.close();
    if (cause instanceof UnavailableError) throw cause;
    throw new UnavailableError(`data folder ${folder} cannot be locked; put it on a local disk that this user may write to`, { cause });
  }
}

async function take(folder: string, lock: string, socket: string, own: string): Promise<void> {
  for (let turn = 0; turn < TRIES; turn++) {
    if (tryLink(socket, lock)) return;
    const seen = inodeOf(lock);
    if (seen === null) continue;
    const state = await probe(lock);
    if (state === "alive") throw heldBy(folder);
    if (state === "gone") continue;
    // Dead. Moved away by its name, which may have become another's meanwhile: then it is given back.
    const aside = join(own, "dead");
    try {
      renameSync(lock, aside);
    } catch {
      continue; // someone else was faster
    }
    const moved = inodeOf(aside);
    if (moved !== seen) {
      tryLink(aside, lock);
      throw heldBy(folder);
    }
    unlinkSync(aside);
  }
  throw heldBy(folder);
}

function heldBy(folder: string): UnavailableError {
  return new UnavailableError(`data folder ${folder} is in use by another server; stop that one, or give this one a folder of its own with --data`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((caller) => caller.destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function probe(path: string): Promise<"alive" | "dead" | "gone"> {
  return new Promise((resolve) => {
    const caller = connect(path);
    caller.once("connect", () => {
      caller.destroy();
      resolve("alive");
    });
    caller.once("error", (err: NodeJS.ErrnoException) => {
      // Anything but a plain refusal, such as a full queue or a lack of rights, is taken for life.
      resolve(err.code === "ECONNREFUSED" ? "dead" : err.code === "ENOENT" ? "gone" : "alive");
    });
  });
}

/** True when `to` is now a name of `from`; false when the name is taken. Atomic. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (err) {
    if (err instanceof Error && "code" in err && err.code === "EEXIST") return false;
    throw err;
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

/** A path that a socket may have: Linux offers an open folder under a short name. */
function shortWay(folder: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(join(folder, `${NAME}-XXXXXX`, "s")) <= SOCKET_PATH_MAX) return { path: folder, close: () => undefined };
  const handle = openSync(folder, "r");
  const path = `/proc/self/fd/${String(handle)}`;
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    closeSync(handle);
    throw new UnavailableError(`the path of data folder ${folder} is too long; take a shorter one with --data`);
  }
  return {
    path,
    close: () => {
      closeSync(handle);
    },
  };
}
