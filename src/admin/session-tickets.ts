import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { randomHex, type Random } from "../base/random.ts";

/** How long a session lasts unless it is renewed. */
export const sessionLifeMs = 12 * 3_600_000;
/** Sessions that ended before their time and are remembered as ended; at the bound the one that ended first is forgotten. */
export const endedMax = 10_000;
/** Characters of what a ticket says of its owner. */
const OWNER_LENGTH_MAX = 1024;

/** Sessions that need no table: the cookie says whose it is and until when, and is signed, so that a screen on the wall stays signed in through a restart. */
export class SessionTickets {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #key: Uint8Array;
  /** Those that signed out, in the order in which they did. */
  readonly #ended = new Set<string>();

  constructor(deps: { readonly clock: Clock; readonly random: Random; readonly key: Uint8Array }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#key = deps.key;
  }

  /** A new session of that owner; its id is the cookie's value. `expiresAt` in ms since 1970. */
  open(owner: string): { readonly id: string; readonly expiresAt: number } {
    const expiresAt = this.#clock.now() + sessionLifeMs;
    const said = `${expiresAt.toString(36)}.${randomHex(this.#random, 8)}.${Buffer.from(owner, "utf8").toString("base64url")}`;
    return { id: `${said}.${this.#sign(said)}`, expiresAt };
  }

  /** Whose session that is; null when it is none of ours, or over. */
  read(id: string): { readonly owner: string; readonly expiresAt: number } | null {
    const end = id.lastIndexOf(".");
    const said = id.slice(0, Math.max(0, end));
    const [expires = "", , owner = "", ...more] = said.split(".");
    if (more.length > 0 || owner.length > OWNER_LENGTH_MAX || !isSame(id.slice(end + 1), this.#sign(said)) || this.#ended.has(id)) return null;
    const expiresAt = Number.parseInt(expires, 36);
    return expiresAt > this.#clock.now() ? { owner: Buffer.from(owner, "base64url").toString("utf8"), expiresAt } : null;
  }

  /** Ends it before its time. */
  close(id: string): void {
    if (this.read(id) === null) return;
    if (this.#ended.size >= endedMax) for (const first of this.#ended) if (this.#ended.delete(first)) break;
    this.#ended.add(id);
  }

  #sign(said: string): string {
    return createHmac("sha256", this.#key).update(said, "utf8").digest("base64url");
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, "utf8"), Buffer.from(b, "utf8")];
  return left.length === right.length && timingSafeEqual(left, right);
}
