import { magicCookie } from "../via.ts";

/** Our branches (RFC 3261 §8.1.1.7) carry the slot of the transaction, its generation and a random cookie, checked on the way back:
 *  a branch is forgeable, and a stale one must never touch a slot that was given away.
 *  Form: `z9hG4bK` server `.` slot `.` generation `.` cookie `.` loop, numbers in base 36; `server` names this process, `loop` is the hash of RFC 3261 §16.6 step 8. */
export interface Branch {
  readonly slot: number;
  readonly generation: number;
  readonly cookie: number;
}

/** Writes a branch. */
export function formatBranch(server: string, slot: number, generation: number, cookie: number, loop: string): string {
  return `${magicCookie}${server}.${slot.toString(36)}.${generation.toString(36)}.${(cookie >>> 0).toString(36)}.${loop}`;
}

/** Reads a branch that this process wrote; null for any other. */
export function parseBranch(server: string, branch: string): Branch | null {
  const prefix = magicCookie.length + server.length + 1;
  if (branch.length > 64 || !branch.startsWith(magicCookie) || !branch.startsWith(server, magicCookie.length)) return null;
  const first = branch.indexOf(".", prefix);
  const second = branch.indexOf(".", first + 1);
  const third = branch.indexOf(".", second + 1);
  if (first === -1 || second === -1 || third === -1) return null;
  const slot = number36(branch, prefix, first);
  const generation = number36(branch, first + 1, second);
  const cookie = number36(branch, second + 1, third);
  return slot < 0 || generation < 0 || cookie < 0 ? null : { slot, generation, cookie };
}

/** The loop hash in a branch of this process; empty when it is none. */
export function loopOf(server: string, branch: string): string {
  return branch.startsWith(server, magicCookie.length) ? branch.slice(branch.lastIndexOf(".") + 1) : "";
}

/** The base-36 number that stands there; -1 when it is none or above 2^32. */
function number36(text: string, start: number, end: number): number {
  if (end <= start || end - start > 7) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 122 ? code - 87 : -1;
    if (digit < 0) return -1;
    number = number * 36 + digit;
  }
  return number < 2 ** 32 ? number : -1;
}
