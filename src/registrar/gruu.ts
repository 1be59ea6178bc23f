import { aorDomain, type Aor } from "../base/ids.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import { unescapeUser } from "../sip/uri.ts";
import { sameInstance, type Binding } from "./binding.ts";
import { hashNumber } from "./short-name.ts";

/** The public GRUU of a binding's device (RFC 5627 §3.1): the AoR with its instance URN, or with its short name when that is no `urn:uuid`. */
export function publicGruu(aor: Aor, binding: Binding): string {
  return `${aor};gr=${isUuidUrn(binding.instance) ? binding.instance : binding.device}`;
}

/** True when that `gr` parameter names the binding's device. */
export function isGruuOf(binding: Binding, gr: string): boolean {
  if (binding.instance === "" || gr === "") return false;
  const name = unescapeUser(gr);
  return isUuidUrn(binding.instance) ? sameInstance(binding.instance, name) : binding.device === name;
}

function isUuidUrn(instance: string): boolean {
  return /^urn:uuid:[0-9a-f-]{36}$/i.test(instance);
}

const PREFIX = "tgruu.";
const NONCE_BYTES = 6;
const ID_BYTES = 7;
const MAC_BYTES = 8;
const TOKEN = /^tgruu\.[A-Za-z0-9_-]{28}$/;

/** The number under which an instance's temporary GRUUs are found again: the same after a restart. */
export function temporaryGruuId(hash: KeyedHash, aor: Aor, instance: string): number {
  return hashNumber(hash, `tgruu-id ${aor} ${instance.toLowerCase()}`);
}

/** A temporary GRUU (RFC 5627 §3.2): another one for each REGISTER, which nobody but us can link to the AoR or to one another. Nothing is kept for it: the
 *  user part holds the instance's number under a mask, and a check that binds it to the Call-ID, so that a new Call-ID makes all older ones void. */
export function temporaryGruu(hash: KeyedHash, aor: Aor, binding: Binding): string {
  const token = Buffer.alloc(NONCE_BYTES + ID_BYTES + MAC_BYTES);
  hash.hash(`tgruu-nonce ${aor} ${binding.instance} ${binding.callId} ${binding.cseq}`);
  token.writeUInt32BE(hash.high >>> 0, 0);
  token.writeUInt16BE(hash.low >>> 16, 4);
  writeId(token, temporaryGruuId(hash, aor, binding.instance));
  mask(hash, token);
  writeMac(hash, token, binding.callId, token, NONCE_BYTES + ID_BYTES);
  return `sip:${PREFIX}${token.toString("base64url")}@${aorDomain(aor)};gr`;
}

/** A temporary GRUU's user part, read; null when it is none. */
export interface TemporaryGruu {
  readonly id: number;
  /** True when it was given to that registration, or an earlier one with the same Call-ID. */
  isOf(callId: string): boolean;
}

/** Reads the user part of a temporary GRUU; null when it has not that form. */
export function readTemporaryGruu(hash: KeyedHash, user: string): TemporaryGruu | null {
  if (!TOKEN.test(user)) return null;
  const token = Buffer.from(user.slice(PREFIX.length), "base64url");
  const isOf = (callId: string): boolean => {
    const mac = Buffer.alloc(MAC_BYTES);
    writeMac(hash, token, callId, mac, 0);
    return mac.equals(token.subarray(NONCE_BYTES + ID_BYTES));
  };
  const plain = Buffer.from(token);
  mask(hash, plain);
  return { id: plain.readUIntBE(NONCE_BYTES, 1) * 2 ** 48 + plain.readUIntBE(NONCE_BYTES + 1, 6), isOf };
}

function writeId(token: Buffer, id: number): void {
  token.writeUIntBE(Math.floor(id / 2 ** 48), NONCE_BYTES, 1);
  token.writeUIntBE(id % 2 ** 48, NONCE_BYTES + 1, 6);
}

function mask(hash: KeyedHash, token: Buffer): void {
  hash.hash(`tgruu-mask ${token.toString("latin1", 0, NONCE_BYTES)}`);
  const pad = Buffer.alloc(8);
  pad.writeUInt32BE(hash.high >>> 0, 0);
  pad.writeUInt32BE(hash.low >>> 0, 4);
  for (let at = 0; at < ID_BYTES; at++) token[NONCE_BYTES + at] = (token[NONCE_BYTES + at] ?? 0) ^ (pad[at] ?? 0);
}

function writeMac(hash: KeyedHash, token: Buffer, callId: string, to: Buffer, at: number): void {
  hash.hash(`tgruu-mac ${token.toString("latin1", 0, NONCE_BYTES + ID_BYTES)} ${callId}`);
  to.writeUInt32BE(hash.high >>> 0, at);
  to.writeUInt32BE(hash.low >>> 0, at + 4);
}
