import { ParseError } from "../../base/errors.ts";
import { digitsOf, parseAlgorithm } from "./hashes.ts";
import type { DigestAlgorithm } from "./hashes.ts";
import { readParameters, unescaped } from "./parameters.ts";
import type { ParameterReader } from "./parameters.ts";

/** What an Authorization or Proxy-Authorization header says. The strings may be slices of the message: copy what is kept. */
export interface DigestCredentials {
  /** latin1; UTF-8 names are one character a byte. */
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  /** The digest-uri, as it was sent: it is hashed so. */
  readonly uri: string;
  /** Lower-case hexadecimal, of the length that the algorithm asks for. */
  readonly response: string;
  /** MD5 when the header names none; null when it names one that we do not know: answer with a new challenge. */
  readonly algorithm: DigestAlgorithm | null;
  /** True for the `-sess` form of the algorithm. */
  readonly isSession: boolean;
  readonly qop: Protection;
  readonly cnonce: string;
  /** The nonce count as it was sent, e.g. `00000001`; empty without qop. */
  readonly nc: string;
  /** The same as a number; 1 without qop, so that such a nonce serves once. */
  readonly nonceCount: number;
}

/** `none` is RFC 2069's form: no nonce count, no cnonce. */
export type Protection = "none" | "auth" | "auth-int";

/** Reads an Authorization or Proxy-Authorization value (RFC 3261 §20.7, RFC 7616 §3.4). Lenient in spaces, case and quotes; null for
 *  another scheme than Digest; throws ParseError (400) when a needed parameter is missing or unreadable. */
export function parseAuthorization(value: string): DigestCredentials | null {
  const scheme = SCHEME.exec(value);
  if (scheme === null) return null;
  const read = new Reading();
  readParameters(value, scheme[0].length, read);
  return read.credentials();
}

const SCHEME = /^\s*digest(?=[\s,])/i;

/** Null: not given yet. */
class Reading implements ParameterReader {
  username: string | null = null;
  realm: string | null = null;
  nonce: string | null = null;
  uri: string | null = null;
  response: string | null = null;
  algorithm: string | null = null;
  qop: string | null = null;
  cnonce: string | null = null;
  nc: string | null = null;

  take(name: string, value: string): void {
    switch (name) {
      case "username":
        this.username = once(this.username, unescaped(value), name);
        break;
      case "username*":
        this.username = once(this.username, extendedValue(value), name);
        break;
      case "realm":
        this.realm = once(this.realm, unescaped(value), name);
        break;
      case "nonce":
        this.nonce = once(this.nonce, value, name);
        break;
      case "uri":
        this.uri = once(this.uri, value, name);
        break;
      case "response":
        this.response = once(this.response, value, name);
        break;
      case "algorithm":
        this.algorithm = once(this.algorithm, value, name);
        break;
      case "qop":
        this.qop = once(this.qop, value, name);
        break;
      case "cnonce":
        this.cnonce = once(this.cnonce, value, name);
        break;
      case "nc":
        this.nc = once(this.nc, value, name);
        break;
      default: // opaque and what later RFCs add
    }
  }

  credentials(): DigestCredentials {
    const { username, realm, nonce, uri, response, cnonce, nc } = this;
    if (username === null) throw missing("username");
    if (nonce === null || nonce === "") throw missing("nonce");
    if (uri === null || uri === "") throw missing("uri");
    if (response === null || !HEX.test(response)) throw new ParseError("digest response is not hexadecimal");
    const named = this.algorithm ?? "MD5";
    const algorithm = parseAlgorithm(named);
    if (algorithm !== null && response.length !== digitsOf(algorithm)) throw new ParseError("digest response of a wrong length");
    const qop = parseProtection(this.qop);
    if (qop !== "none" && cnonce === null) throw missing("cnonce");
    if (qop !== "none" && (nc === null || !COUNT.test(nc))) throw missing("nc");
    return {
      username,
      realm: realm ?? "",
      nonce,
      uri,
      response: response.toLowerCase(),
      algorithm,
      isSession: named.length > 5 && /-sess$/i.test(named),
      qop,
      cnonce: cnonce ?? "",
      nc: qop === "none" ? "" : (nc ?? ""),
      nonceCount: qop === "none" ? 1 : parseInt(nc ?? "", 16),
    };
  }
}

const HEX = /^[0-9a-f]+$/i;
const COUNT = /^[0-9a-f]{1,8}$/i;

function once(before: string | null, value: string, name: string): string {
  if (before !== null) throw new ParseError(`authentication parameter ${name} given twice`);
  return value;
}

function parseProtection(text: string | null): Protection {
  if (text === "auth") return "auth";
  if (text === null || text === "") return "none";
  const lower = text.toLowerCase();
  if (lower === "auth" || lower === "auth-int") return lower;
  throw new ParseError("unknown qop in digest credentials");
}

function missing(name: string): ParseError {
  return new ParseError(`digest credentials without ${name}`);
}

/** `UTF-8''J%C3%A4s%C3%B8n` to latin1 text (RFC 7616 §3.4.4, RFC 5987 §3.2). */
function extendedValue(value: string): string {
  const parts = /^utf-8'[^']*'((?:%[0-9a-f]{2}|[!#$&+.^_`|~0-9a-z-])*)$/i.exec(value);
  if (parts === null) throw new ParseError("unreadable username* in digest credentials");
  return (parts[1] ?? "").replace(/%(..)/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
