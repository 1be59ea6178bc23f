import type { Clock } from "../../base/clock.ts";

// Hot path: one entry a nonce in growing typed arrays (a ring, oldest first), found through hash chains; no garbage, 40 bytes an entry.

/** Most nonces whose counts are remembered: 3 s of the fastest digest rate we know. At the bound the oldest go. */
export const USED_NONCES_MAX = 262_144;
/** How far behind the highest count one may still arrive: requests of one phone overtake each other (RFC 7616 §3.4 nc). */
export const COUNT_WINDOW = 64;

const FIRST_CAPACITY = 1024;

/** Which counts of which nonces have been used, so that a recorded request cannot be sent again. */
export class NonceCounts {
  readonly #clock: Clock;
  readonly #validityMs: number;
  readonly #max: number;
  #capacity: number;
  #identity: Float64Array;
  #issuedMs: Float64Array;
  #highest: Float64Array;
  /** Bit n of the pair is set when count `highest - n` was used. */
  #low: Int32Array;
  #high: Int32Array;
  #next: Int32Array;
  #heads: Int32Array;
  #oldest = 0;
  #count = 0;
  /** A nonce issued by then that we do not know may have been dropped with its counts. */
  #forgottenMs = -1;

  constructor(clock: Clock, validityMs: number, max = USED_NONCES_MAX) {
    this.#clock = clock;
    this.#validityMs = validityMs;
    this.#max = max;
    this.#capacity = Math.min(FIRST_CAPACITY, max);
    this.#identity = new Float64Array(this.#capacity);
    this.#issuedMs = new Float64Array(this.#capacity);
    this.#highest = new Float64Array(this.#capacity);
    this.#low = new Int32Array(this.#capacity);
    this.#high = new Int32Array(this.#capacity);
    this.#next = new Int32Array(this.#capacity);
    this.#heads = new Int32Array(this.#capacity).fill(-1);
  }

  /** How many nonces are remembered. */
  get size(): number {
    return this.#count;
  }

  /** Uses a count; false when it was used before, is too far behind, or the nonce's counts may have been forgotten. `identity` is the nonce's random part. */
  use(identity: number, issuedMs: number, count: number): boolean {
    if (count < 1) return false;
    const slot = this.#find(identity, issuedMs);
    if (slot === -1) {
      if (issuedMs <= this.#forgottenMs) return false;
      this.#add(identity, issuedMs, count);
      return true;
    }
    const ahead = count - (this.#highest[slot] ?? 0);
    if (ahead > 0) {
      this.#shift(slot, ahead);
      this.#highest[slot] = count;
      this.#low[slot] = (this.#low[slot] ?? 0) | 1;
      return true;
    }
    const behind = -ahead;
    if (behind >= COUNT_WINDOW) return false;
    const words = behind < 32 ? this.#low : this.#high;
    const bit = 1 << (behind & 31);
    if (((words[slot] ?? 0) & bit) !== 0) return false;
    words[slot] = (words[slot] ?? 0) | bit;
    return true;
  }

  #shift(slot: number, by: number): void {
    const low = this.#low[slot] ?? 0;
    const high = this.#high[slot] ?? 0;
    if (by >= COUNT_WINDOW) {
      this.#low[slot] = 0;
      this.#high[slot] = 0;
    } else if (by >= 32) {
      this.#high[slot] = low << (by - 32);
      this.#low[slot] = 0;
    } else {
      this.#high[slot] = (high << by) | (low >>> (32 - by));
      this.#low[slot] = low << by;
    }
  }

  #find(identity: number, issuedMs: number): number {
    let slot = this.#heads[identity % this.#capacity] ?? -1;
    while (slot !== -1 && (this.#identity[slot] !== identity || this.#issuedMs[slot] !== issuedMs)) slot = this.#next[slot] ?? -1;
    return slot;
  }

  #add(identity: number, issuedMs: number, count: number): void {
    const expired = this.#clock.now() - this.#validityMs;
    // Two at most: what falls due is worked off without ever stopping a message for long.
    for (let drops = 0; drops < 2 && this.#count > 0 && (this.#issuedMs[this.#oldest] ?? 0) < expired; drops++) this.#dropOldest();
    if (this.#count === this.#max) {
      this.#dropOldest();
    } else if (this.#count === this.#capacity) this.#grow();
    const slot = (this.#oldest + this.#count++) % this.#capacity;
    this.#identity[slot] = identity;
    this.#issuedMs[slot] = issuedMs;
    this.#highest[slot] = count;
    this.#low[slot] = 1;
    this.#high[slot] = 0;
    this.#link(slot);
  }

  #link(slot: number): void {
    const chain = (this.#identity[slot] ?? 0) % this.#capacity;
    this.#next[slot] = this.#heads[chain] ?? -1;
    this.#heads[chain] = slot;
  }

  #dropOldest(): void {
    const slot = this.#oldest;
    this.#forgottenMs = Math.max(this.#forgottenMs, this.#issuedMs[slot] ?? 0);
    const chain = (this.#identity[slot] ?? 0) % this.#capacity;
    const after = this.#next[slot] ?? -1;
    let before = this.#heads[chain] ?? -1;
    if (before === slot) this.#heads[chain] = after;
    else {
      while (this.#next[before] !== slot) before = this.#next[before] ?? -1;
      this.#next[before] = after;
    }
    this.#oldest = (slot + 1) % this.#capacity;
    this.#count--;
  }

  #grow(): void {
    const capacity = Math.min(this.#capacity * 2, this.#max);
    this.#identity = unrolled(this.#identity, this.#oldest, new Float64Array(capacity));
    this.#issuedMs = unrolled(this.#issuedMs, this.#oldest, new Float64Array(capacity));
    this.#highest = unrolled(this.#highest, this.#oldest, new Float64Array(capacity));
    this.#low = unrolled(this.#low, this.#oldest, new Int32Array(capacity));
    this.#high = unrolled(this.#high, this.#oldest, new Int32Array(capacity));
    this.#next = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(-1);
    this.#capacity = capacity;
    this.#oldest = 0;
    for (let slot = 0; slot < this.#count; slot++) this.#link(slot);
  }
}

/** Copies a full ring to the front of a longer array, oldest first. */
function unrolled<T extends Float64Array | Int32Array>(ring: T, oldest: number, into: T): T {
  into.set(ring.subarray(oldest));
  into.set(ring.subarray(0, oldest), ring.length - oldest);
  return into;
}
