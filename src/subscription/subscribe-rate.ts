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

/** SUBSCRIBEs in a time. */
export interface SubscribeLimit {
  readonly count: number;
  readonly perMs: number;
}

/** What an operator allows one address, all phones of one User-Agent, and one event; null for no limit of ours. */
export interface SubscribeLimits {
  readonly perAddress: SubscribeLimit | null;
  readonly perUserAgent: SubscribeLimit | null;
  readonly perEvent: SubscribeLimit | null;
}

/** The limits that a new SUBSCRIBE can run into. */
export type SubscribeBound = "address" | "user_agent" | "event";

/** Addresses, User-Agents and events that are counted before those of which nothing was heard meanwhile are forgotten. */
const COUNTED_MAX = 10_000;

/** Bounds sources, beside single watchers: a site that comes back at once, a firmware that subscribes in a loop (one bucket a key, refilled evenly). */
export class SourceRate {
  readonly #clock: Clock;
  readonly #limits: readonly (readonly [SubscribeBound, SubscribeLimit])[];
  #recent = new Map<string, Bucket>();
  #before = new Map<string, Bucket>();

  constructor(clock: Clock, { perAddress, perUserAgent, perEvent }: SubscribeLimits) {
    this.#clock = clock;
    this.#limits = ([["address", perAddress], ["user_agent", perUserAgent], ["event", perEvent]] as const).flatMap(([bound, limit]) => (limit === null ? [] : [[bound, limit] as const]));
  }

  /** Counts a SUBSCRIBE; the limit that it runs into, or null. One that is refused by one limit costs nothing of the others. */
  admits(source: Readonly<Record<SubscribeBound, string>>): SubscribeBound | null {
    const now = this.#clock.now();
    const found: Bucket[] = [];
    for (const [bound, limit] of this.#limits) {
      const key = `${bound} ${source[bound].slice(0, 128)}`;
      let bucket = this.#recent.get(key);
      if (bucket === undefined) {
        bucket = this.#before.get(key) ?? { left: limit.count, at: now };
        if (this.#recent.size >= COUNTED_MAX) {
          this.#before = this.#recent;
          this.#recent = new Map();
        }
        this.#recent.set(key, bucket);
      }
      bucket.left = Math.min(limit.count, bucket.left + (Math.max(0, now - bucket.at) * limit.count) / limit.perMs);
      bucket.at = now;
      if (bucket.left < 1) return bound;
      found.push(bucket);
    }
    for (const bucket of found) bucket.left--;
    return null;
  }
}
