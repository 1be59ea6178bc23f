import { hash } from "node:crypto";

/** The hash functions of SIP's digest (RFC 8760 §2.2), by their names in a header. */
export type DigestAlgorithm = "MD5" | "SHA-256" | "SHA-512-256";

/** Best first: the order in which challenges are offered (RFC 8760 §2.3). */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ["SHA-512-256", "SHA-256", "MD5"];

/** Lower-case hexadecimal hash of `text`, which is latin1: one character a byte. */
export function hashOf(algorithm: DigestAlgorithm, text: string): string {
  // crypto.hash() takes strings as UTF-8, which is the same only for ASCII.
  return hash(openSslName(algorithm), NOT_ASCII.test(text) ? Buffer.from(text, "latin1") : text);
}

/** H(A1) of a user (RFC 7616 §3.4.2): what a server may keep in place of the password. The three are Unicode text and hashed as UTF-8. */
export function ha1Of(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return hash(openSslName(algorithm), `${username}:${realm}:${password}`);
}

/** How many hexadecimal digits a response of that algorithm has. */
export function digitsOf(algorithm: DigestAlgorithm): number {
  return algorithm === "MD5" ? 32 : 64;
}

/** Reads an `algorithm` parameter in any case, `-sess` taken off; null when it is not one that we know. */
export function parseAlgorithm(text: string): DigestAlgorithm | null {
  if (text === "MD5") return "MD5";
  const name = text.toUpperCase().replace(/-SESS$/, "");
  return DIGEST_ALGORITHMS.find((known) => known === name) ?? null;
}

/** True when two strings are the same, in a time that tells nothing about where they differ; lengths are no secret. */
export function isSame(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

const NOT_ASCII = /[^\0-\x7f]/;

function openSslName(algorithm: DigestAlgorithm): string {
  return algorithm === "MD5" ? "md5" : algorithm === "SHA-256" ? "sha256" : "sha512-256";
}
