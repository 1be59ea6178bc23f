import type { Random } from "../../base/random.ts";
import { grown } from "../../base/timer-wheel.ts";
import type { TwoLanes } from "../via-key.ts";

// Hot path: chains in typed arrays, no garbage.

const BUCKETS_AT_START = 1 << 12;

/** Finds slots by a hash of what RFC 3261 §17.2.3 matches by. A slot has at most one key; slots count from 1. Keys are scattered by a secret, so that nobody can
 *  choose branches that all fall into one chain (multiply-shift: Dietzfelbinger and others, 1997). */
export class KeyIndex {
  #high: Int32Array;
  #low: Int32Array;
  #next: Int32Array;
  #buckets = new Int32Array(BUCKETS_AT_START);
  #count = 0;
  readonly #oddHigh: number;
  readonly #oddLow: number;

  /** `capacity`: slots below it may be added; more after `grow`. */
  constructor(capacity: number, random: Random) {
    this.#oddHigh = random.word() | 1;
    this.#oddLow = random.word() | 1;
    this.#high = new Int32Array(capacity);
    this.#low = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
  }

  /** The slot of that key, or 0. */
  find(key: TwoLanes): number {
    let slot = this.#buckets[this.#bucketOf(key.high, key.low)] ?? 0;
    while (slot !== 0 && (this.#low[slot] !== key.low || this.#high[slot] !== key.high)) slot = this.#next[slot] ?? 0;
    return slot;
  }

  /** Gives a slot that key. */
  add(slot: number, key: TwoLanes): void {
    if (this.#count >= this.#buckets.length) this.#rehash();
    this.#high[slot] = key.high;
    this.#low[slot] = key.low;
    this.#link(slot);
    this.#count++;
  }

  /** Takes the key of a slot away that has one. */
  remove(slot: number): void {
    const bucket = this.#bucketOf(this.#high[slot] ?? 0, this.#low[slot] ?? 0);
    const after = this.#next[slot] ?? 0;
    let at = this.#buckets[bucket] ?? 0;
    if (at === slot) this.#buckets[bucket] = after;
    else {
      while (at !== 0 && this.#next[at] !== slot) at = this.#next[at] ?? 0;
      if (at !== 0) this.#next[at] = after;
    }
    this.#count--;
  }

  /** Room for more slots. */
  grow(capacity: number): void {
    this.#high = grown(this.#high, capacity);
    this.#low = grown(this.#low, capacity);
    this.#next = grown(this.#next, capacity);
  }

  #bucketOf(high: number, low: number): number {
    const spread = (Math.imul(high, this.#oddHigh) + Math.imul(low, this.#oddLow)) | 0;
    return (spread ^ (spread >>> 15)) & (this.#buckets.length - 1);
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(this.#high[slot] ?? 0, this.#low[slot] ?? 0);
    this.#next[slot] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = slot;
  }

  #rehash(): void {
    const before = this.#buckets;
    this.#buckets = new Int32Array(before.length * 4);
    for (const first of before) {
      for (let slot = first; slot !== 0; ) {
        const next = this.#next[slot] ?? 0;
        this.#link(slot);
        slot = next;
      }
    }
  }
}
