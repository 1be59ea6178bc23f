import type { Clock } from "../base/clock.ts";
import { randomHex, type Random } from "../base/random.ts";

/** Sessions that are open at once; at the bound the oldest ends. */
export const sessionsMax = 1000;
/** How long a session lasts. */
export const sessionLifeMs = 12 * 3_600_000;

/** The pages that have signed in. In memory alone: after a restart they sign in again. `Owner`: what a session remembers of who opened it. */
export class SessionTable<Owner> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<string, { readonly endsAt: number; readonly owner: Owner }>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /** Opens a session; its id is the cookie's value. `expiresAt` in ms since 1970. */
  open(owner: Owner): { readonly id: string; readonly expiresAt: number } {
    const now = this.#clock.now();
    // The map is in the order of opening, which is the order of ending.
    for (const [id, { endsAt }] of this.#sessions) {
      if (endsAt > now && this.#sessions.size < sessionsMax) break;
      this.#sessions.delete(id);
    }
    const id = randomHex(this.#random, 24);
    const expiresAt = now + sessionLifeMs;
    this.#sessions.set(id, { endsAt: expiresAt, owner });
    return { id, expiresAt };
  }

  /** Who opened that session; null when it is not open. */
  ownerOf(id: string): Owner | null {
    return this.has(id) ? (this.#sessions.get(id)?.owner ?? null) : null;
  }

  /** True while that session is open. */
  has(id: string): boolean {
    const session = this.#sessions.get(id);
    return session !== undefined && session.endsAt > this.#clock.now();
  }

  /** Ends it. */
  close(id: string): void {
    this.#sessions.delete(id);
  }
}
