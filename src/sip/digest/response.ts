import { keptText } from "../../base/kept-text.ts";
import type { DigestCredentials, Protection } from "./credentials.ts";
import { hashOf, isSame } from "./hashes.ts";
import type { DigestAlgorithm } from "./hashes.ts";
import type { Nonces } from "./nonces.ts";

/** What a response is made of (RFC 7616 §3.4.1). `ha1` is lower-case hexadecimal of that algorithm. */
export interface ResponseInput {
  readonly algorithm: DigestAlgorithm;
  readonly isSession: boolean;
  readonly ha1: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly qop: Protection;
  readonly nc: string;
  readonly cnonce: string;
  /** The request's body; needed for auth-int alone. */
  readonly body: string;
}

/** What a request to check brings. `ha1` is H(A1) of the claimed user in the credentials' algorithm. */
export interface Claim {
  readonly credentials: DigestCredentials;
  readonly method: string;
  readonly ha1: string;
  readonly body?: string;
}

/** `wrong`: not the password, a guess to count. `stale`: the nonce is not one that may be used (any more): challenge with stale=true. */
export type Judgement = "right" | "wrong" | "stale";

/** The response that belongs to these values, lower-case hexadecimal (RFC 7616 §3.4.1; without qop RFC 2069's form). */
export function responseOf(input: ResponseInput): string {
  const { algorithm, nonce, qop, cnonce } = input;
  const ha1 = input.isSession ? hashOf(algorithm, `${input.ha1}:${nonce}:${cnonce}`) : input.ha1;
  const ha2 =
    qop === "auth-int"
      ? hashOf(algorithm, `${input.method}:${input.uri}:${hashOf(algorithm, input.body)}`)
      : ha2Of(algorithm, input.method, input.uri);
  return hashOf(algorithm, qop === "none" ? `${ha1}:${nonce}:${ha2}` : `${ha1}:${nonce}:${input.nc}:${cnonce}:${qop}:${ha2}`);
}

/** True when the credentials prove knowledge of the password; says nothing about the nonce's age. Takes as long for a near miss as for a far one. */
export function verify(claim: Claim): boolean {
  const { credentials, method, ha1 } = claim;
  const { algorithm, isSession, uri, nonce, qop, nc, cnonce } = credentials;
  if (algorithm === null) return false;
  return isSame(responseOf({ algorithm, isSession, ha1, method, uri, nonce, qop, nc, cnonce, body: claim.body ?? "" }), credentials.response);
}

/** The whole check of a request's credentials: signature and age of the nonce, then the response, then the nonce count, in this order, so that
 *  a stranger can neither make us hash nor fill the table of counts with made-up nonces (RFC 7616 §3.3 stale, §3.4 nc). */
export function judge(claim: Claim, nonces: Nonces): Judgement {
  const { nonce, nonceCount } = claim.credentials;
  if (nonces.check(nonce) !== "fresh") return "stale";
  if (!verify(claim)) return "wrong";
  return nonces.use(nonce, nonceCount) ? "right" : "stale";
}

// All REGISTERs of a domain hash the same H(A2); remembering it halves the cost of a check. Dropped whole at the bound.
const HA2_MAX = 512;
const REMEMBERED_URI_MAX = 200;

interface RememberedHa2 {
  readonly algorithm: DigestAlgorithm;
  readonly method: string;
  readonly uri: string;
  readonly ha2: string;
}

const remembered = new Map<string, RememberedHa2>();
let last: RememberedHa2 = { algorithm: "MD5", method: "", uri: "", ha2: hashOf("MD5", ":") };

function ha2Of(algorithm: DigestAlgorithm, method: string, uri: string): string {
  if (uri === last.uri && method === last.method && algorithm === last.algorithm) return last.ha2;
  const key = `${algorithm} ${method}:${uri}`;
  const known = remembered.get(key);
  if (known !== undefined) {
    last = known;
    return known.ha2;
  }
  const ha2 = hashOf(algorithm, `${method}:${uri}`);
  if (uri.length > REMEMBERED_URI_MAX) return ha2;
  if (remembered.size >= HA2_MAX) remembered.clear();
  last = { algorithm, method: keptText(method), uri: keptText(uri), ha2 };
  remembered.set(keptText(key), last);
  return ha2;
}
