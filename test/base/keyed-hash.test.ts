import { expect, test } from "vitest";
import { keyedHash } from "../../src/base/keyed-hash.ts";

const KEY = Uint8Array.from({ length: 16 }, (_, index) => index);

test("the hash equals a straightforward SipHash-1-3 in 64-bit arithmetic, for every length", () => {
  const hash = keyedHash(KEY);
  for (let length = 0; length < 70; length++) {
    const text = Array.from({ length }, (_, index) => String.fromCharCode((index * 37 + length) & 0xff)).join("");
    expect(hash.tag(text), `length ${length}`).toBe(sipHash13(KEY, Buffer.from(text, "latin1")).toString(16).padStart(16, "0"));
  }
});

test("a part of a text hashes like the part alone", () => {
  const hash = keyedHash(KEY);
  hash.hash("xxhello worldyy", 2, 13);
  const part = [hash.high, hash.low];
  hash.hash("hello world");
  expect(part).toEqual([hash.high, hash.low]);
});

/** The definition, in BigInt: slow and plain. */
function sipHash13(key: Uint8Array, data: Buffer): bigint {
  const mask = (1n << 64n) - 1n;
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & mask;
  const k = Buffer.from(key);
  const [k0, k1] = [k.readBigUInt64LE(0), k.readBigUInt64LE(8)];
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = (): void => {
    v0 = (v0 + v1) & mask;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & mask;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & mask;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & mask;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  };
  const padded = Buffer.alloc((Math.floor(data.length / 8) + 1) * 8);
  data.copy(padded);
  padded[padded.length - 1] = data.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const m = padded.readBigUInt64LE(at);
    v3 ^= m;
    round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}
