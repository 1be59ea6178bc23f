import { hex32 } from "../../base/hex.ts";
import { magicCookie } from "../via.ts";

/** Our branches (RFC 3261 §8.1.1.7) carry the slot of the transaction, its generation and a random cookie, checked on the way back:
 *  a branch is forgeable, and a stale one must never touch a slot that was given away.
 *  Form: `z9hG4bK` server `.` slot `.` generation `.` cookie `.` loop, numbers in hexadecimal; `server` names this process, `loop` is the hash of RFC 3261 §16.6 step 8. */
export interface Branch {
  readonly slot: number;
  readonly generation: number;
  readonly cookie: number;
}

/** Writes a branch. */
export function formatBranch(server: string, slot: number, generation: number, cookie: number, loop: string): string {
  return `${magicCookie}${server}.${hex32(slot)}.${hex32(generation)}.${hex32(cookie)}.${loop}`;
}

/** Reads a branch that this process wrote; null for any other. */
export function parseBranch(server: string, branch: string): Branch | null {
  const prefix = magicCookie.length + server.length + 1;
  if (branch.length > 64 || !branch.startsWith(magicCookie) || !branch.startsWith(server, magicCookie.length)) return null;
  const slot = numberAt(branch, prefix);
  const generation = numberAt(branch, prefix + WIDTH);
  const cookie = numberAt(branch, prefix + 2 * WIDTH);
  return slot < 0 || generation < 0 || cookie < 0 ? null : { slot, generation, cookie };
}

/** The loop hash in a branch of this process; empty when it is none. */
export function loopOf(server: string, branch: string): string {
  return branch.startsWith(server, magicCookie.length) ? branch.slice(branch.lastIndexOf(".") + 1) : "";
}

/** Eight digits and a dot. */
const WIDTH = 9;

/** The number whose eight digits stand there, with a dot behind; -1 when there is none. */
function numberAt(text: string, start: number): number {
  if (text.charCodeAt(start + WIDTH - 1) !== 46) return -1;
  let number = 0;
  for (let at = start; at < start + WIDTH - 1; at++) {
    const code = text.charCodeAt(at);
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1;
    if (digit < 0) return -1;
    number = (number << 4) | digit;
  }
  return number >>> 0;
}
