import type { KeyedHash } from "../../base/keyed-hash.ts";
import { grown } from "../../base/timer-wheel.ts";

// Hot path: chains in typed arrays, no garbage.

const BUCKETS_AT_START = 1 << 12;

/** Finds slots by the keyed hash of RFC 3261 §17.2.3. A slot has at most one key; slots count from 1. */
export class KeyIndex {
  #high: Int32Array;
  #low: Int32Array;
  #next: Int32Array;
  #buckets = new Int32Array(BUCKETS_AT_START);
  #count = 0;

  /** `capacity`: slots below it may be added; more after `grow`. */
  constructor(capacity: number) {
    this.#high = new Int32Array(capacity);
    this.#low = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
  }

  /** The slot of the key that was hashed last, or 0. */
  find(key: KeyedHash): number {
    let slot = this.#buckets[key.low & (this.#buckets.length - 1)] ?? 0;
    while (slot !== 0 && (this.#low[slot] !== key.low || this.#high[slot] !== key.high)) slot = this.#next[slot] ?? 0;
    return slot;
  }

  /** Gives a slot the key that was hashed last. */
  add(slot: number, key: KeyedHash): void {
    if (this.#count >= this.#buckets.length) this.#rehash();
    this.#high[slot] = key.high;
    this.#low[slot] = key.low;
    this.#link(slot);
    this.#count++;
  }

  /** Takes the key of a slot away that has one. */
  remove(slot: number): void {
    const bucket = (this.#low[slot] ?? 0) & (this.#buckets.length - 1);
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

  #link(slot: number): void {
    const bucket = (this.#low[slot] ?? 0) & (this.#buckets.length - 1);
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
