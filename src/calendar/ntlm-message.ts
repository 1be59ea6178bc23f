import { createHash, createHmac } from "node:crypto";
import { ParseError } from "../base/errors.ts";
import { md4 } from "./md4.ts";

// NTLMv2 as MS-NLMP has it, with what Extended Protection asks for: channel bindings (RFC 5929 §4) and a MIC over all three messages. What the packages for EWS bring along has neither.

/** Who signs in. */
export interface NtlmAccount {
  readonly user: string;
  /** Empty for a user principal name (`svc@example.test`). */
  readonly domain: string;
  readonly password: string;
}

/** What a server's challenge says (MS-NLMP 2.2.1.2). */
export interface NtlmChallenge {
  /** The whole message, for the MIC. */
  readonly message: Buffer;
  readonly serverChallenge: Buffer;
  /** In the server's order, without the end mark. */
  readonly pairs: readonly NtlmPair[];
}
interface NtlmPair {
  readonly id: number;
  readonly value: Buffer;
}

/** What goes into an answer from outside the messages. */
export interface NtlmCircumstances {
  /** 8 random bytes. */
  readonly clientChallenge: Buffer;
  /** ms since 1970; used when the server names no time. */
  readonly now: number;
  /** The server's host name: `HTTP/mail.example.test` is what the answer is for. */
  readonly host: string;
  /** The server's certificate (DER) when it is reached over TLS. */
  readonly certificate?: Buffer;
}

const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1");
/** Unicode, target name, NTLM, always sign, extended session security, target info, version, 128 and 56 bits (MS-NLMP 2.2.2.5). */
const FLAGS = 0xa2888205;
const VERSION = Buffer.from([10, 0, 0, 0, 0, 0, 0, 15]);
const AV = { flags: 6, timestamp: 7, targetName: 9, channelBindings: 10 } as const;
const PAIRS_MAX = 64;
const EMPTY = Buffer.alloc(0);

/** `DOMAIN\svc` or `svc@example.test` as NTLM knows them. */
export function ntlmAccount(username: string, password: string): NtlmAccount {
  const slash = username.indexOf("\\");
  return slash > 0 ? { domain: username.slice(0, slash), user: username.slice(slash + 1), password } : { domain: "", user: username, password };
}

/** The first message (MS-NLMP 2.2.1.1). It names nobody. */
export function ntlmNegotiate(): Buffer {
  const message = Buffer.alloc(40);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(FLAGS, 12);
  message.writeUInt32LE(40, 20);
  message.writeUInt32LE(40, 28);
  VERSION.copy(message, 32);
  return message;
}

/** Reads a challenge. Throws ParseError when it is none, or one that only NTLMv1 could answer. */
export function parseNtlmChallenge(message: Buffer): NtlmChallenge {
  if (message.length < 48 || !message.subarray(0, 8).equals(SIGNATURE) || message.readUInt32LE(8) !== 2) throw new ParseError("no NTLM challenge");
  const length = message.readUInt16LE(40);
  const start = message.readUInt32LE(44);
  if (length === 0 || start + length > message.length) throw new ParseError("an NTLM challenge without target information, as NTLMv1 has it");
  const info = message.subarray(start, start + length);
  const pairs: NtlmPair[] = [];
  for (let at = 0; at + 4 <= info.length && pairs.length < PAIRS_MAX; ) {
    const id = info.readUInt16LE(at);
    const size = info.readUInt16LE(at + 2);
    if (id === 0) break;
    if (at + 4 + size > info.length) throw new ParseError("an NTLM challenge that is cut off");
    pairs.push({ id, value: info.subarray(at + 4, at + 4 + size) });
    at += 4 + size;
  }
  return { message, serverChallenge: message.subarray(24, 32), pairs };
}

/** The key that a password makes (NTOWFv2, MS-NLMP 3.3.2). */
export function ntlmKey({ user, domain, password }: NtlmAccount): Buffer {
  return hmac(md4(utf16(password)), utf16(user.toUpperCase() + domain));
}

/** NTProofStr and what it proves (MS-NLMP 3.3.2); `time` is a Windows FILETIME. */
export function ntlmProof(key: Buffer, serverChallenge: Buffer, clientChallenge: Buffer, time: bigint, targetInfo: Buffer): { readonly proof: Buffer; readonly blob: Buffer; readonly sessionKey: Buffer } {
  const head = Buffer.alloc(16);
  head[0] = 1;
  head[1] = 1;
  head.writeBigUInt64LE(time, 8);
  const blob = Buffer.concat([head, clientChallenge, Buffer.alloc(4), targetInfo, Buffer.alloc(4)]);
  const proof = hmac(key, serverChallenge, blob);
  return { proof, blob, sessionKey: hmac(key, proof) };
}

/** The third message (MS-NLMP 2.2.1.3, 3.1.5.1.2), bound to the TLS channel where there is one. */
export function ntlmAuthenticate(account: NtlmAccount, challenge: NtlmChallenge, circumstances: NtlmCircumstances): Buffer {
  const stamp = challenge.pairs.find(({ id }) => id === AV.timestamp)?.value;
  const hasStamp = stamp?.length === 8;
  const time = hasStamp ? stamp.readBigUInt64LE() : (BigInt(Math.floor(circumstances.now)) + 11_644_473_600_000n) * 10_000n;
  const oldFlags = challenge.pairs.find(({ id }) => id === AV.flags)?.value;
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(((oldFlags?.length === 4 ? oldFlags.readUInt32LE() : 0) | 2) >>> 0);
  const pairs: readonly NtlmPair[] = [
    ...challenge.pairs.filter(({ id }) => id !== AV.flags && id !== AV.channelBindings && id !== AV.targetName),
    // A MIC follows (2).
    { id: AV.flags, value: flags },
    { id: AV.channelBindings, value: circumstances.certificate === undefined ? Buffer.alloc(16) : channelBinding(circumstances.certificate) },
    { id: AV.targetName, value: utf16(`HTTP/${circumstances.host}`) },
  ];
  const { proof, blob, sessionKey } = ntlmProof(ntlmKey(account), challenge.serverChallenge, circumstances.clientChallenge, time, targetInfoOf(pairs));
  const lm = hasStamp ? Buffer.alloc(24) : Buffer.concat([hmac(ntlmKey(account), challenge.serverChallenge, circumstances.clientChallenge), circumstances.clientChallenge]);
  const fields = [lm, Buffer.concat([proof, blob]), utf16(account.domain), utf16(account.user), EMPTY, EMPTY];
  const head = Buffer.alloc(88);
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let offset = head.length;
  fields.forEach((field, index) => {
    head.writeUInt16LE(field.length, 12 + index * 8);
    head.writeUInt16LE(field.length, 14 + index * 8);
    head.writeUInt32LE(offset, 16 + index * 8);
    offset += field.length;
  });
  head.writeUInt32LE(FLAGS, 60);
  VERSION.copy(head, 64);
  const message = Buffer.concat([head, ...fields]);
  hmac(sessionKey, ntlmNegotiate(), challenge.message, message).copy(message, 72);
  return message;
}

/** The hash that binds an answer to the TLS channel: of a gss_channel_bindings structure around `tls-server-end-point` (RFC 5929 §4.1, MS-NLMP 3.1.5.1.2). */
export function channelBinding(certificate: Buffer): Buffer {
  const data = Buffer.concat([Buffer.from("tls-server-end-point:", "latin1"), createHash(signatureHash(certificate)).update(certificate).digest()]);
  const head = Buffer.alloc(20);
  head.writeUInt32LE(data.length, 16);
  return createHash("md5").update(head).update(data).digest();
}

/** RSA and ECDSA with SHA-384 and SHA-512; whatever else a certificate is signed with, SHA-256 stands for it (RFC 5929 §4.1). */
const LONG_HASHES: ReadonlyMap<string, string> = new Map([["2a864886f70d01010c", "sha384"], ["2a864886f70d01010d", "sha512"], ["2a8648ce3d040303", "sha384"], ["2a8648ce3d040304", "sha512"]]);

function signatureHash(certificate: Buffer): string {
  const body = derContent(certificate, 0);
  const signed = body === null ? null : derContent(certificate, body.start);
  const algorithm = signed === null ? null : derContent(certificate, signed.end);
  const name = algorithm === null ? null : derContent(certificate, algorithm.start);
  return (name === null ? undefined : LONG_HASHES.get(certificate.subarray(name.start, name.end).toString("hex"))) ?? "sha256";
}

/** Where the content of the DER element at `at` begins and ends. */
function derContent(bytes: Buffer, at: number): { readonly start: number; readonly end: number } | null {
  const first = bytes[at + 1];
  if (first === undefined) return null;
  const lengthBytes = first < 128 ? 0 : first - 128;
  if (lengthBytes > 4 || at + 2 + lengthBytes > bytes.length) return null;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const start = at + 2 + lengthBytes;
  return start + length > bytes.length ? null : { start, end: start + length };
}

function targetInfoOf(pairs: readonly NtlmPair[]): Buffer {
  const parts = pairs.flatMap(({ id, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id);
    head.writeUInt16LE(value.length, 2);
    return [head, value];
  });
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

function hmac(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  const sum = createHmac("md5", key);
  for (const part of parts) sum.update(part);
  return sum.digest();
}

function utf16(text: string): Buffer {
  return Buffer.from(text, "utf16le");
}
