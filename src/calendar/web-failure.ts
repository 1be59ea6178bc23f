import type { FailureKind, Reading } from "./adapter.ts";

/** Why a request to a calendar server came to nothing: one plain sentence, without any credential. */
export type WebFailure = Reading & { readonly kind: "failure" };

/** A failure in words. */
export function webFailure(failure: FailureKind, text: string, retryAfterMs?: number): WebFailure {
  return { kind: "failure", failure, text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

const NAME_CODES: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NONAME", "EAI_NODATA", "ENODATA"]);
const TIMEOUT_CODES: ReadonlySet<string> = new Set(["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ABORT_ERR"]);
/** What OpenSSL says of a certificate that nobody known has signed. */
const UNKNOWN_ISSUER: ReadonlySet<string> = new Set(["DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);
const PLAIN: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "refuses connections"],
  ["ECONNRESET", "closed the connection"],
  ["EPIPE", "closed the connection"],
  ["UND_ERR_SOCKET", "closed the connection"],
  ["EHOSTUNREACH", "cannot be reached: there is no route to it"],
  ["ENETUNREACH", "cannot be reached: there is no route to it"],
]);

/** What an error of the network or of TLS means; `host` is the server's name and port. Only codes are looked at, never a message: that may quote what was sent. */
export function failureOfError(error: unknown, host: string): WebFailure {
  const codes = codesOf(error);
  const code = codes.find((some) => NAME_CODES.has(some) || TIMEOUT_CODES.has(some) || PLAIN.has(some) || isCertificate(some) || isTls(some)) ?? codes[0] ?? "";
  if (NAME_CODES.has(code)) return webFailure("name", `the name of ${host} cannot be resolved`);
  if (TIMEOUT_CODES.has(code)) return webFailure("timeout", `${host} did not answer in time`);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return webFailure("certificate", `the certificate of ${host} is for another name`);
  if (code === "CERT_HAS_EXPIRED") return webFailure("certificate", `the certificate of ${host} has expired`);
  if (code === "CERT_NOT_YET_VALID") return webFailure("certificate", `the certificate of ${host} is not yet valid`);
  if (UNKNOWN_ISSUER.has(code)) return webFailure("certificate", `the certificate of ${host} is signed by nobody that is trusted here; name its authority in "ca"`);
  if (isCertificate(code)) return webFailure("certificate", `the certificate of ${host} is not valid (${code})`);
  if (isTls(code)) return webFailure("connection", `${host} speaks no TLS that is understood here (${code})`);
  return webFailure("connection", `${host} ${PLAIN.get(code) ?? (/^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? `cannot be reached (${code})` : "cannot be reached")}`);
}

function isCertificate(code: string): boolean {
  return UNKNOWN_ISSUER.has(code) || /^(?:CERT_|CRL_|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED|INVALID_PURPOSE|ERROR_IN_CERT)/.test(code);
}

function isTls(code: string): boolean {
  return /^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code);
}

/** The codes of an error, of its causes and of the errors that it gathers (one for each address that was tried). */
function codesOf(error: unknown, depth = 0): readonly string[] {
  if (depth > 4 || typeof error !== "object" || error === null) return [];
  const code = "code" in error && typeof error.code === "string" ? [error.code] : [];
  const gathered: readonly unknown[] = "errors" in error && Array.isArray(error.errors) ? error.errors.slice(0, 8) : [];
  return [...("cause" in error ? codesOf(error.cause, depth + 1) : []), ...gathered.flatMap((some) => codesOf(some, depth + 1)), ...code];
}

/** `Retry-After` (RFC 9110 §10.2.3: seconds, or a date) as ms from `now`; at most a day. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\s*\d{1,9}\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 86_400_000) : undefined;
}
