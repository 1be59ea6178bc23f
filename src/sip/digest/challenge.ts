import { ParseError } from "../../base/errors.ts";
import { DIGEST_ALGORITHMS, parseAlgorithm } from "./hashes.ts";
import type { DigestAlgorithm } from "./hashes.ts";
import { quoted, readParameters, unescaped } from "./parameters.ts";

/** What a server asks for. */
export interface ChallengeOffer {
  readonly realm: string;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly nonce: string;
  /** True when only the nonce was at fault: the phone tries again without asking its user. */
  readonly stale?: boolean;
  /** Default `auth`. An empty list asks in RFC 2069's form. */
  readonly qop?: readonly ("auth" | "auth-int")[];
}

/** The values of WWW-Authenticate or Proxy-Authenticate, one header each, best algorithm first and MD5 last whatever the order of
 *  `algorithms` (RFC 8760 §2.3: phones take the first that they understand). */
export function challenge(offer: ChallengeOffer): readonly string[] {
  const qop = offer.qop ?? ["auth"];
  return DIGEST_ALGORITHMS.filter((algorithm) => offer.algorithms.includes(algorithm)).map(
    (algorithm) =>
      `Digest realm=${quoted(offer.realm)}, nonce="${offer.nonce}", algorithm=${algorithm}` +
      (qop.length === 0 ? "" : `, qop="${qop.join(",")}"`) +
      (offer.stale === true ? ", stale=true" : ""),
  );
}

/** A challenge as a client reads it. */
export interface DigestChallenge {
  readonly realm: string;
  /** As it was sent: it is hashed and given back so. */
  readonly nonce: string;
  readonly opaque: string | null;
  /** MD5 when none is named; null when it is one that we do not know. */
  readonly algorithm: DigestAlgorithm | null;
  readonly isSession: boolean;
  /** In lower case; empty for RFC 2069's form. */
  readonly qop: readonly string[];
  readonly isStale: boolean;
}

/** Reads one WWW-Authenticate or Proxy-Authenticate value (RFC 7616 §3.3); null for another scheme than Digest; throws ParseError. */
export function parseChallenge(value: string): DigestChallenge | null {
  const scheme = /^\s*digest(?=[\s,])/i.exec(value);
  if (scheme === null) return null;
  const read = new Map<string, string>();
  readParameters(value, scheme[0].length, {
    take(name, text) {
      if (!read.has(name)) read.set(name, text);
    },
  });
  const realm = read.get("realm");
  const nonce = read.get("nonce");
  if (realm === undefined || nonce === undefined) throw new ParseError("digest challenge without realm or nonce");
  const algorithm = read.get("algorithm") ?? "MD5";
  return {
    realm: unescaped(realm),
    nonce,
    opaque: read.get("opaque") ?? null,
    algorithm: parseAlgorithm(algorithm),
    isSession: /-sess$/i.test(algorithm),
    qop: (read.get("qop") ?? "").toLowerCase().split(/[\s,]+/).filter((word) => word !== ""),
    isStale: read.get("stale")?.toLowerCase() === "true",
  };
}
