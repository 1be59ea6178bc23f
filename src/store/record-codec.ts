import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { UnavailableError } from "../base/errors.ts";
import type { StoredRecord, Table } from "./store.ts";

/** The number of the format below; a store of a higher one is refused. Format 1 had no journal beside it, format 2 no table of refreshes; both become the
 *  present one when they are opened. */
export const STORE_FORMAT = 3;
/** The key of the record that says what the file is. */
export const FORMAT_KEY = "\0format";
/** The key of the record that says which store it is, and how much of the journal is in it: `{ "name": "…", "applied": 1234 }`. */
export const JOURNAL_KEY = "\0journal";

// A value is: CRC-32 of the file key and the rest (of the rest alone in files of format 1; 4 bytes, big endian), version (a double, 8 bytes), JSON as UTF-8:
//   [node, value]  a record;  [node, value, key]  the same when the key did not fit;  [node]  a tombstone
/** Bytes of a value before its JSON. */
export const HEADER_BYTES = 12;

/** Longest key in bytes that is kept as it is; lmdb takes 1978. */
const KEY_MAX = 1000;

/** The key in the file: table and key; a hash in place of a long key or one that UTF-8 cannot carry. */
export function fileKey(table: Table, key: string): string {
  const plain = `${table}\0=${key}`;
  if (plain.length * 3 <= KEY_MAX && !SURROGATES.test(key)) return plain;
  return Buffer.byteLength(plain) <= KEY_MAX && !SURROGATES.test(key) ? plain : `${table}\0#${createHash("sha256").update(key, "utf16le").digest("hex")}`;
}

const SURROGATES = /[\ud800-\udfff]/;

/** All file keys of a table lie from `start` to before `end`. */
export function fileKeyRange(table: Table): { readonly start: string; readonly end: string } {
  return { start: `${table}\0`, end: `${table}\x01` };
}

/** The bytes of an entry whose value is this JSON; null for a deletion's mark. `key` is kept beside when `atKey`, its file key, is a hash. */
export function encodeEntry(entry: { readonly node: string; readonly version: number; readonly json: string | null }, key: string, atKey: string): Buffer {
  const isHashed = atKey.charCodeAt(atKey.indexOf("\0") + 1) === HASH;
  const json = entry.json === null ? JSON.stringify([entry.node]) : `[${JSON.stringify(entry.node)},${entry.json}${isHashed ? `,${JSON.stringify(key)}` : ""}]`;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(json));
  bytes.writeDoubleBE(entry.version, 4);
  bytes.write(json, HEADER_BYTES);
  bytes.writeUInt32BE(crc32(bytes.subarray(4), crc32(atKey)), 0);
  return bytes;
}

const HASH = 35;

/** True when an entry's bytes are as they were written: its file key and its value stand at these places. */
export function isIntactAt(bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number): boolean {
  const crc = bytes.readUInt32BE(start);
  const rest = bytes.subarray(start + 4, end);
  return crc32(rest, crc32(bytes.subarray(keyStart, keyEnd))) === crc || crc32(rest) === crc;
}

/** The version of an intact entry; null when it is damaged. `atKey`: its file key's bytes. */
export function intactVersion(bytes: Buffer, atKey: Uint8Array): number | null {
  if (bytes.length < HEADER_BYTES) return null;
  const crc = bytes.readUInt32BE(0);
  const rest = bytes.subarray(4);
  return crc32(rest, crc32(atKey)) === crc || crc32(rest) === crc ? bytes.readDoubleBE(4) : null;
}

/** True for a deletion's mark: after the node's name nothing comes. Looks at the bytes alone. */
export function isTombstoneAt(bytes: Buffer, start: number, end: number): boolean {
  let at = start + HEADER_BYTES + 2;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 2 === end && bytes[at + 1] === BRACKET;
}

const QUOTE = 34;
const BACKSLASH = 92;
const BRACKET = 93;

/** The record of bytes that are intact, or null for a tombstone. Throws UnavailableError when they are none of ours. */
export function decodeRecord(atKey: string, bytes: Buffer): StoredRecord | null {
  if (bytes.length < HEADER_BYTES) throw new UnavailableError("a damaged record");
  const content: unknown = JSON.parse(bytes.toString("utf8", HEADER_BYTES));
  if (!Array.isArray(content)) throw new UnavailableError("a record of another kind");
  const fields: readonly unknown[] = content;
  const [node, value, longKey] = fields;
  if (typeof node !== "string") throw new UnavailableError("a record of another kind");
  if (fields.length < 2) return null;
  return { key: typeof longKey === "string" ? longKey : atKey.slice(atKey.indexOf("\0") + 2), value, node, version: bytes.readDoubleBE(4) };
}
