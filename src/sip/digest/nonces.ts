import { createHmac } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { keyedHash } from "../../base/keyed-hash.ts";
import type { Random } from "../../base/random.ts";
import { NonceCounts } from "./nonce-counts.ts";

/** How long a nonce serves. A phone that comes later is told `stale=true` and tries again without asking its user. */
export const NONCE_VALIDITY_MS = 300_000;
/** How far ahead the clock of another server with the same secret may be. */
const SKEW_MS = 60_000;

/** Nonces that need no memory until they are used: `<time in ms, 11 hex><random, 12 hex><signature, 16 hex>`. Any server that has the
 *  secret accepts them; the counts of used ones are each server's own. */
export interface Nonces {
  issue(): string;
  /** `foreign`: not signed with our secret. Both others than `fresh` deserve a challenge with stale=true (RFC 7616 §3.3). */
  check(nonce: string): "fresh" | "expired" | "foreign";
  /** Marks one count of a fresh nonce as used; false when it was used before, or may have been. Only for a request that proved its password. */
  use(nonce: string, count: number): boolean;
}

/** `secret`: at least 16 bytes, kept in the store and shared by all servers of a domain. */
export function createNonces(deps: { readonly clock: Clock; readonly random: Random; readonly secret: Uint8Array; readonly usedMax?: number }): Nonces {
  const { clock, random } = deps;
  // An HMAC a nonce would cost 4 µs. One HMAC makes the key of SipHash, a keyed pseudo-random function that costs 0.3 µs; a guess at its 64 bits
  // is right once in 2^64 requests, and would win nothing without a password.
  const signature = keyedHash(createHmac("sha256", deps.secret).update("lamplight digest nonce 1").digest().subarray(0, 16));
  const counts = new NonceCounts(clock, NONCE_VALIDITY_MS, deps.usedMax);

  let prefixMs = -1;
  let prefix = "";
  return {
    issue() {
      const now = Math.floor(clock.now());
      if (now !== prefixMs) {
        prefixMs = now;
        prefix = now.toString(16).padStart(TIME, "0");
      }
      const text = prefix + digits(random.below(2 ** 24), 3) + digits(random.below(2 ** 24), 3);
      signature.hash(text);
      return text + digits(signature.high, 4) + digits(signature.low, 4);
    },
    check(nonce) {
      if (nonce.length !== LENGTH) return "foreign";
      signature.hash(nonce, 0, SIGNED);
      if ((difference(nonce, SIGNED, signature.high) | difference(nonce, SIGNED + 8, signature.low)) !== 0) return "foreign";
      const age = clock.now() - number(nonce, 0, TIME);
      return age >= -SKEW_MS && age < NONCE_VALIDITY_MS ? "fresh" : "expired";
    },
    use: (nonce, count) => counts.use(number(nonce, TIME, SIGNED), number(nonce, 0, TIME), count),
  };
}

const TIME = 11;
const SIGNED = 23;
const LENGTH = 39;

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The lowest `bytes` bytes of a word, two lower-case hexadecimal digits each. */
function digits(value: number, bytes: 3 | 4): string {
  const low = (PAIRS[(value >>> 16) & 255] ?? "") + (PAIRS[(value >>> 8) & 255] ?? "") + (PAIRS[value & 255] ?? "");
  return bytes === 3 ? low : (PAIRS[value >>> 24] ?? "") + low;
}

/** 0 when the eight characters from `from` are that word in lower-case hexadecimal; takes as long for any difference. */
function difference(text: string, from: number, word: number): number {
  let sum = 0;
  for (let at = 0; at < 8; at++) {
    const digit = (word >>> (28 - 4 * at)) & 15;
    sum |= text.charCodeAt(from + at) ^ (digit < 10 ? 48 + digit : 87 + digit);
  }
  return sum;
}

/** The value of lower-case hexadecimal digits that were signed, so they are such. */
function number(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    value = value * 16 + (code < 58 ? code - 48 : code - 87);
  }
  return value;
}
