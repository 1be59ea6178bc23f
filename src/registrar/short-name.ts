import type { KeyedHash } from "../base/keyed-hash.ts";

/** A number below 2^53 for a text: a table key that nobody can steer without the secret. */
export function hashNumber(hash: KeyedHash, text: string): number {
  hash.hash(text);
  return (hash.high >>> 0) * 2 ** 21 + (hash.low >>> 11);
}

/** Eight characters (base64url, 48 bits) for a text: the same after every restart. */
export function shortName(hash: KeyedHash, text: string): string {
  hash.hash(text);
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUInt32BE(hash.high >>> 0, 0);
  bytes.writeUInt16BE(hash.low >>> 16, 4);
  return bytes.toString("base64url");
}
