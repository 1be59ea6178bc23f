import type { Clock } from "../base/clock.ts";

/** SUBSCRIBEs that one watcher may send at once: a console that watches a whole office starts with one for each person. */
export const SUBSCRIBES_AT_ONCE_MAX = 3000;
/** SUBSCRIBEs that one watcher may send a second, on the long run. */
export const SUBSCRIBES_PER_SECOND_MAX = 100;
/** Watchers whose rate is remembered; those that have been quiet are forgotten first. */
const WATCHERS_MAX = 20_000;

interface Bucket {
  left: number;
  at: number;
}

/** Bounds what one watcher can make the server do by SUBSCRIBEs: a program that subscribes in a loop costs the others nothing. */
export class SubscribeRate {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a SUBSCRIBE; false when it is one too many. `watcher`: an AoR, or the address of a stranger. */
  admits(watcher: string): boolean {
    const now = this.#clock.now();
    let bucket = this.#buckets.get(watcher);
    if (bucket === undefined) {
      if (this.#buckets.size >= WATCHERS_MAX) this.#forget(now);
      bucket = { left: SUBSCRIBES_AT_ONCE_MAX, at: now };
      this.#buckets.set(watcher, bucket);
    }
    bucket.left = Math.min(SUBSCRIBES_AT_ONCE_MAX, bucket.left + (Math.max(0, now - bucket.at) * SUBSCRIBES_PER_SECOND_MAX) / 1000);
    bucket.at = now;
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }

  /** Forgets whoever is back at the full number; when everyone is busy, the first half. */
  #forget(now: number): void {
    const quietMs = (SUBSCRIBES_AT_ONCE_MAX * 1000) / SUBSCRIBES_PER_SECOND_MAX;
    for (const [watcher, { at }] of this.#buckets) if (now - at > quietMs) this.#buckets.delete(watcher);
    let surplus = this.#buckets.size - WATCHERS_MAX / 2;
    for (const watcher of this.#buckets.keys()) {
      if (surplus-- <= 0) break;
      this.#buckets.delete(watcher);
    }
  }
}
