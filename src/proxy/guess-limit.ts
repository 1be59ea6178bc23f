import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";

/** Most (address, AoR) pairs, and most AoRs, whose wrong guesses are remembered. At the bound the longest untouched goes: the bucket of its
 *  AoR still holds what a guesser of many addresses has used up. */
export const GUESSERS_MAX = 20_000;
/** Most (address, AoR) pairs that are remembered to have given the right password. */
export const KNOWN_MAX = 50_000;
/** How much more all addresses together may guess at one AoR than one address alone. */
export const SHARED_FACTOR = 10;

/** Slows wrong passwords down. Two token buckets: one for each source address and AoR, so that an attacker's guesses never block
 *  the right user, who comes from elsewhere; a larger one for each AoR, so that many addresses together do not guess much faster. The larger one does not
 *  bind an address that gave the right password before: under a distributed attack only the user's new addresses wait. */
export interface GuessLimit {
  /** True when a guess from there must not be looked at now: answer as to a wrong password, without hashing. */
  isSlowed(address: string, aor: Aor): boolean;
  /** A wrong password came. Not for a stale nonce. */
  failed(address: string, aor: Aor): void;
  /** The right password came: the pair starts anew. */
  succeeded(address: string, aor: Aor): void;
}

/** `perMinute`: wrong guesses that one address may make at one AoR, 1 to 1000; as many at once, then one each 60/perMinute seconds. */
export function guessLimit(deps: { readonly perMinute: number; readonly clock: Clock; readonly guessersMax?: number; readonly knownMax?: number }): GuessLimit {
  const { perMinute, clock, guessersMax = GUESSERS_MAX, knownMax = KNOWN_MAX } = deps;
  const pairs = new BucketTable(perMinute, clock, guessersMax);
  const shared = new BucketTable(perMinute * SHARED_FACTOR, clock, guessersMax);
  const known = new Set<string>();
  return {
    isSlowed(address, aor) {
      if (pairs.size === 0 && shared.size === 0) return false;
      const pair = pairOf(address, aor);
      return pairs.isEmpty(pair) || (shared.isEmpty(aor) && !known.has(pair));
    },
    failed(address, aor) {
      pairs.take(pairOf(address, aor));
      shared.take(aor);
    },
    succeeded(address, aor) {
      const pair = pairOf(address, aor);
      if (pairs.size > 0) pairs.refill(pair);
      if (known.has(pair)) return;
      if (known.size >= knownMax) for (const oldest of known) if (known.delete(oldest)) break;
      known.add(pair);
    },
  };
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Buckets that are full are not kept. */
class BucketTable {
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number, clock: Clock, max: number) {
    this.#perMinute = perMinute;
    this.#clock = clock;
    this.#max = max;
  }

  get size(): number {
    return this.#buckets.size;
  }

  isEmpty(key: string): boolean {
    const bucket = this.#buckets.get(key);
    return bucket !== undefined && this.#tokens(bucket) < 1;
  }

  take(key: string): void {
    const bucket = this.#buckets.get(key);
    const tokens = bucket === undefined ? this.#perMinute : this.#tokens(bucket);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: Math.max(0, tokens - 1), atMs: this.#clock.now() });
    this.#drop();
  }

  refill(key: string): void {
    this.#buckets.delete(key);
  }

  /** Drops the longest untouched at the bound, and else up to two that have filled up again. */
  #drop(): void {
    let looks = 2;
    for (const [key, bucket] of this.#buckets) {
      if (this.#buckets.size > this.#max || this.#tokens(bucket) >= this.#perMinute) this.#buckets.delete(key);
      else return;
      if (--looks === 0) return;
    }
  }

  #tokens(bucket: Bucket): number {
    const passed = Math.max(0, this.#clock.now() - bucket.atMs);
    return Math.min(this.#perMinute, bucket.tokens + (passed * this.#perMinute) / 60_000);
  }
}

/** IPv6 guessers count by their /64: one subscriber has as many addresses as he likes in it. */
function pairOf(address: string, aor: Aor): string {
  return `${address.includes(":") ? network64(address) : address} ${aor}`;
}

function network64(address: string): string {
  const [head = "", tail] = address.split("::");
  const first = head === "" ? [] : head.split(":");
  if (tail === undefined) return first.slice(0, 4).join(":");
  const last = tail === "" ? [] : tail.split(":");
  const words = last.some((word) => word.includes(".")) ? last.length + 1 : last.length;
  const groups = [...first, ...Array.from({ length: Math.max(0, 8 - first.length - words) }, () => "0"), ...last];
  // An IPv4 address in IPv6 clothes stands for itself.
  return last.at(-1)?.includes(".") === true ? (last.at(-1) ?? "") : groups.slice(0, 4).join(":");
}
