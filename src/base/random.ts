import { randomBytes } from "node:crypto";

/** A source of random bytes, passed in so that a run can be repeated from its seed. */
export interface Random {
  /** `count` random bytes; unpredictable to a peer unless a test made the source. */
  bytes(count: number): Uint8Array;
  /** A whole number, 0 ≤ n < `bound`; `bound` at most 2^32. */
  below(bound: number): number;
}

/** Lower-case hexadecimal text of `byteCount` random bytes: tags, Call-IDs, cookies. */
export function randomHex(random: Random, byteCount: number): string {
  return Buffer.from(random.bytes(byteCount)).toString("hex");
}

const POOL_BYTES = 4096;

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
  return { bytes, below: (bound) => Math.floor((wordOf(bytes(4)) / 2 ** 32) * bound) };
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
    below: (bound) => Math.floor((word() / 2 ** 32) * bound),
  };
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function wordOf(bytes: Uint8Array): number {
  return (((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) >>> 0;
}
