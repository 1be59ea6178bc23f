import { isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";

/** Wrong tokens that one address may send in a minute; beyond it none of its tokens is looked at. */
export const guessesPerMinute = 10;
/** Addresses that are remembered; at the bound the one that guessed longest ago is forgotten. */
export const guessersMax = 10_000;

/** Slows the guessing of tokens, by address (IPv6: by /64). Sessions that are open already are not held up. */
export interface TokenGuesses {
  /** Seconds until a token from there is looked at again; 0: now. */
  waitSeconds(address: string): number;
  /** A wrong token came from there. */
  failed(address: string): void;
}

const EACH_MS = 60_000 / guessesPerMinute;

/** A leaky bucket an address: `guessesPerMinute` at once, then one each 6 s. */
export function tokenGuesses(clock: Clock): TokenGuesses {
  /** When the bucket of an address is full again, ms since 1970; oldest guesser first. */
  const fullAt = new Map<string, number>();
  return {
    waitSeconds(address) {
      const full = fullAt.get(networkOf(address));
      const excessMs = full === undefined ? 0 : full - clock.now() - (guessesPerMinute - 1) * EACH_MS;
      return Math.max(0, Math.ceil(excessMs / 1000));
    },
    failed(address) {
      const network = networkOf(address);
      const now = clock.now();
      const full = Math.max(fullAt.get(network) ?? now, now) + EACH_MS;
      fullAt.delete(network);
      if (fullAt.size >= guessersMax) for (const [oldest] of fullAt) if (fullAt.delete(oldest)) break;
      fullAt.set(network, full);
    },
  };
}

/** One subscriber of an IPv6 network has 2^64 addresses: they count as one. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const plain = address.replace(/%.*/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].slice(0, 4).join(":");
}
