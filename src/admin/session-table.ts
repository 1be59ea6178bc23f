import type { Clock } from "../base/clock.ts";
import { randomHex, type Random } from "../base/random.ts";

/** Sessions that are open at once; at the bound the oldest ends. */
export const sessionsMax = 1000;
/** How long a session lasts. */
export const sessionLifeMs = 12 * 3_600_000;

/** The pages that have shown the token once. In memory alone: after a restart they show it again. */
export class SessionTable {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #endsAt = new Map<string, number>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /** Opens a session; its id is the cookie's value. `expiresAt` in ms since 1970. */
  open(): { readonly id: string; readonly expiresAt: number } {
    const now = this.#clock.now();
    // The map is in the order of opening, which is the order of ending.
    for (const [id, endsAt] of this.#endsAt) {
      if (endsAt > now && this.#endsAt.size < sessionsMax) break;
      this.#endsAt.delete(id);
    }
    const id = randomHex(this.#random, 24);
    const expiresAt = now + sessionLifeMs;
    this.#endsAt.set(id, expiresAt);
    return { id, expiresAt };
  }

  /** True while that session is open. */
  has(id: string): boolean {
    return (this.#endsAt.get(id) ?? 0) > this.#clock.now();
  }
}
