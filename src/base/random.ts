import { randomBytes, randomFillSync } from "node:crypto";
import { hex32, hex8 } from "./hex.ts";

/** A source of random bytes, passed in so that a run can be repeated from its seed. */
export interface Random {
  /** `count` random bytes; unpredictable to a peer unless a test made the source. */
  bytes(count: number): Uint8Array;
  /** A whole number, 0 ≤ n < 2^32: for the hot path, since it makes no garbage. */
  word(): number;
  /** A whole number, 0 ≤ n < `bound`; `bound` at most 2^32. */
  below(bound: number): number;
}

/** Lower-case hexadecimal text of `byteCount` random bytes: tags, Call-IDs, cookies. */
export function randomHex(random: Random, byteCount: number): string {
  let text = "";
  for (let at = 0; at + 4 <= byteCount; at += 4) text += hex32(random.word());
  for (let at = byteCount & ~3; at < byteCount; at++) text += hex8(random.word());
  return text;
}

const POOL_BYTES = 4096;
const POOL_WORDS = 1024;

/** The operating system's randomness, drawn in blocks because a call for each tag would cost a microsecond. */
export function systemRandom(): Random {
  let pool = randomBytes(POOL_BYTES);
  let used = 0;
  const bytes = (count: number): Uint8Array => {
    if (count > POOL_BYTES) return randomBytes(count);
    if (used + count > POOL_BYTES) {
      pool = randomBytes(POOL_BYTES);
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
  const words = new Uint32Array(POOL_WORDS);
  let next = POOL_WORDS;
  const word = (): number => {
    if (next === POOL_WORDS) {
      randomFillSync(words);
      next = 0;
    }
    return words[next++] ?? 0;
  };
  return { bytes, word, below: (bound) => Math.floor((word() / 2 ** 32) * bound) };
}

/** A repeatable source (xoshiro128**): the same seed gives the same run. Never for a server that others reach. */
export function seededRandom(seed: number): Random {
  let a = seed >>> 0 || 1;
  let b = Math.imul(a, 0x9e3779b9) >>> 0;
  let c = Math.imul(b ^ (b >>> 15), 0x85ebca6b) >>> 0;
  let d = Math.imul(c ^ (c >>> 13), 0xc2b2ae35) >>> 0 || 1;
  const word = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  for (let warmUp = 0; warmUp < 16; warmUp++) word();
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => word() & 0xff),
    word,
    below: (bound) => Math.floor((word() / 2 ** 32) * bound),
  };
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
