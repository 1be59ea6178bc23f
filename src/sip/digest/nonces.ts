import { createHmac } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { keyedHash } from "../../base/keyed-hash.ts";
import type { Random } from "../../base/random.ts";
import { isSame } from "./hashes.ts";
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

  const check = (nonce: string): "fresh" | "expired" | "foreign" => {
    if (nonce.length !== LENGTH || !isSame(signature.tag(nonce.slice(0, SIGNED)), nonce.slice(SIGNED))) return "foreign";
    const age = clock.now() - issuedAt(nonce);
    return age >= -SKEW_MS && age < NONCE_VALIDITY_MS ? "fresh" : "expired";
  };
  return {
    issue() {
      const time = Math.floor(clock.now()).toString(16).padStart(TIME, "0");
      const text = `${time}${digits(random.below(2 ** 24))}${digits(random.below(2 ** 24))}`;
      return text + signature.tag(text);
    },
    check,
    use: (nonce, count) => counts.use(parseInt(nonce.slice(TIME, SIGNED), 16), issuedAt(nonce), count),
  };
}

const TIME = 11;
const SIGNED = 23;
const LENGTH = 39;

function issuedAt(nonce: string): number {
  return parseInt(nonce.slice(0, TIME), 16);
}

function digits(value: number): string {
  return value.toString(16).padStart(6, "0");
}
