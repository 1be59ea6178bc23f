import type { DigestChallenge } from "./challenge.ts";
import type { Protection } from "./credentials.ts";
import type { DigestAlgorithm } from "./hashes.ts";
import { quoted } from "./parameters.ts";
import { responseOf } from "./response.ts";

/** What a client needs to answer a challenge (RFC 3261 §22.2). */
export interface AnswerInput {
  /** The challenges of one response and one realm, in the order of their headers. */
  readonly challenges: readonly DigestChallenge[];
  readonly method: string;
  /** The Request-URI of the request that will carry the answer. */
  readonly uri: string;
  readonly username: string;
  /** H(A1) for that algorithm and realm (`ha1Of`), or null when there is none. */
  readonly ha1: (algorithm: DigestAlgorithm, realm: string) => string | null;
  readonly cnonce: string;
  /** How often this nonce has been answered, this time included; from 1. */
  readonly nonceCount: number;
  readonly body?: string;
}

/** The value of Authorization or Proxy-Authorization that answers the first challenge that we can (RFC 8760 §2.4); null when we can answer none. */
export function digestAnswer(input: AnswerInput): string | null {
  const { method, uri, cnonce } = input;
  for (const { algorithm, isSession, realm, nonce, opaque, qop: offered } of input.challenges) {
    if (algorithm === null) continue;
    const qop = protectionFrom(offered);
    const ha1 = input.ha1(algorithm, realm);
    if (qop === null || ha1 === null) continue;
    const nc = input.nonceCount.toString(16).padStart(8, "0");
    const response = responseOf({ algorithm, isSession, ha1, method, uri, nonce, qop, nc, cnonce, body: input.body ?? "" });
    return (
      `Digest username=${quoted(input.username)}, realm=${quoted(realm)}, nonce="${nonce}", uri="${uri}", response="${response}"` +
      `, algorithm=${algorithm}${isSession ? "-sess" : ""}` +
      (qop === "none" && !isSession ? "" : `, cnonce="${cnonce}"`) +
      (qop === "none" ? "" : `, qop=${qop}, nc=${nc}`) +
      (opaque === null ? "" : `, opaque="${opaque}"`)
    );
  }
  return null;
}

function protectionFrom(offered: readonly string[]): Protection | null {
  if (offered.length === 0) return "none";
  return offered.includes("auth") ? "auth" : offered.includes("auth-int") ? "auth-int" : null;
}
