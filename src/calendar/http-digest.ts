import { createHash } from "node:crypto";

/** A Digest challenge (RFC 7616 §3.3). */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque?: string;
  readonly algorithm: "MD5" | "SHA-256";
  readonly isSession: boolean;
  /** False for servers of before 1999 (RFC 2069). */
  readonly hasQop: boolean;
}

/** The best Digest challenge among those of `WWW-Authenticate` (several joined by commas); null when there is none that can be answered. */
export function digestChallenge(header: string): DigestChallenge | null {
  const found: DigestChallenge[] = [];
  for (const [, text = ""] of header.slice(0, 8192).matchAll(/(?:^|,)\s*Digest\s+((?:[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,\s*(?=[\w-]+\s*=))?)+)/gi)) {
    const values = new Map<string, string>();
    for (const [, name = "", quoted, plain] of text.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) values.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "");
    const written = (values.get("algorithm") ?? "MD5").toUpperCase();
    const algorithm = written.replace(/-SESS$/, "");
    const qop = values.get("qop");
    const nonce = values.get("nonce");
    if (nonce === undefined || (algorithm !== "MD5" && algorithm !== "SHA-256")) continue;
    if (qop !== undefined && !/(?:^|,)\s*auth\s*(?:,|$)/i.test(qop)) continue;
    const opaque = values.get("opaque");
    found.push({ realm: values.get("realm") ?? "", nonce, algorithm, isSession: written.endsWith("-SESS"), hasQop: qop !== undefined, ...(opaque === undefined ? {} : { opaque }) });
  }
  return found.find(({ algorithm }) => algorithm === "SHA-256") ?? found[0] ?? null;
}

/** What is signed. */
export interface DigestRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly username: string;
  readonly password: string;
  /** How many requests this nonce has signed, this one included. */
  readonly count: number;
  /** Random, in hexadecimal. */
  readonly clientNonce: string;
}

/** `Authorization` for a request (RFC 7616 §3.4). */
export function digestAuthorization(challenge: DigestChallenge, { method, target, username, password, count, clientNonce }: DigestRequest): string {
  const { realm, nonce, opaque, algorithm, isSession, hasQop } = challenge;
  const hash = (text: string): string => createHash(algorithm === "MD5" ? "md5" : "sha256").update(text, "utf8").digest("hex");
  const secret = hash(`${username}:${realm}:${password}`);
  const first = isSession ? hash(`${secret}:${nonce}:${clientNonce}`) : secret;
  const second = hash(`${method}:${target}`);
  const counted = count.toString(16).padStart(8, "0");
  const response = hash(hasQop ? `${first}:${nonce}:${counted}:${clientNonce}:auth:${second}` : `${first}:${nonce}:${second}`);
  const parts = [`username=${quoted(username)}`, `realm=${quoted(realm)}`, `nonce=${quoted(nonce)}`, `uri=${quoted(target)}`, `response="${response}"`, `algorithm=${algorithm}${isSession ? "-sess" : ""}`];
  if (hasQop) parts.push("qop=auth", `nc=${counted}`);
  if (hasQop || isSession) parts.push(`cnonce="${clientNonce}"`);
  if (opaque !== undefined) parts.push(`opaque=${quoted(opaque)}`);
  return `Digest ${parts.join(", ")}`;
}

/** Bytes of UTF-8, one character a byte, as headers carry them. */
function quoted(text: string): string {
  return `"${Buffer.from(text, "utf8").toString("latin1").replace(/[\u0000-\u001f]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
