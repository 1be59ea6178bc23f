import { ParseError } from "../../base/errors.ts";
import { digitsOf, parseAlgorithm } from "./hashes.ts";
import type { DigestAlgorithm } from "./hashes.ts";
import { readParameters, unescaped } from "./parameters.ts";

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
  readParameters(value, scheme[0].length, read.take);
  return read.credentials();
}

const SCHEME = /^\s*digest(?=[\s,])/i;

/** One shape for all headers, filled as the parameters come. */
class Reading {
  username = "";
  isNamed = false;
  realm = "";
  nonce = "";
  uri = "";
  response = "";
  algorithm = "MD5";
  qop = "";
  cnonce: string | null = null;
  nc = "";

  readonly take = (name: string, value: string): void => {
    switch (name) {
      case "username":
        this.username = unescaped(value);
        this.isNamed = true;
        break;
      case "username*":
        this.username = extendedValue(value);
        this.isNamed = true;
        break;
      case "realm":
        this.realm = unescaped(value);
        break;
      case "nonce":
        this.nonce = value;
        break;
      case "uri":
        this.uri = value;
        break;
      case "response":
        this.response = value.toLowerCase();
        break;
      case "algorithm":
        this.algorithm = value;
        break;
      case "qop":
        this.qop = value.toLowerCase();
        break;
      case "cnonce":
        this.cnonce = value;
        break;
      case "nc":
        this.nc = value;
        break;
      default: // opaque and what later RFCs add
    }
  };

  credentials(): DigestCredentials {
    if (!this.isNamed) throw missing("username");
    if (this.nonce === "") throw missing("nonce");
    if (this.uri === "") throw missing("uri");
    const algorithm = parseAlgorithm(this.algorithm);
    if (!HEX.test(this.response)) throw new ParseError("digest response is not hexadecimal");
    if (algorithm !== null && this.response.length !== digitsOf(algorithm)) throw new ParseError("digest response of a wrong length");
    const qop = parseProtection(this.qop);
    if (qop !== "none" && this.cnonce === null) throw missing("cnonce");
    if (qop !== "none" && !COUNT.test(this.nc)) throw missing("nc");
    return {
      username: this.username,
      realm: this.realm,
      nonce: this.nonce,
      uri: this.uri,
      response: this.response,
      algorithm,
      isSession: this.algorithm.length > 5 && /-sess$/i.test(this.algorithm),
      qop,
      cnonce: this.cnonce ?? "",
      nc: qop === "none" ? "" : this.nc,
      nonceCount: qop === "none" ? 1 : parseInt(this.nc, 16),
    };
  }
}

const HEX = /^[0-9a-f]+$/;
const COUNT = /^[0-9a-f]{1,8}$/i;

function parseProtection(text: string): Protection {
  if (text === "auth" || text === "auth-int") return text;
  if (text === "") return "none";
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
