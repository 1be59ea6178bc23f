import { hex32 } from "./hex.ts";

/** Two 32-bit halves of a keyed 64-bit hash; `high` and `low` hold the result of the last call, so that hashing makes no garbage.
 *  SipHash-1-3 (Aumasson, Bernstein 2012): short tags and table keys that a peer cannot forge without the key. */
export interface KeyedHash {
  readonly high: number;
  readonly low: number;
  /** Hashes `text` from `start` to `end` (latin1: only the low 8 bits of each character count). */
  hash(text: string, start?: number, end?: number): void;
  /** Sixteen hexadecimal digits of the hash of `text`. */
  tag(text: string): string;
}

/** A keyed hash; `key` is 16 secret bytes. */
export function keyedHash(key: Uint8Array): KeyedHash {
  const view = new DataView(Uint8Array.from(key.subarray(0, 16)).buffer);
  return new SipHash(view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true));
}

// Characters are copied into bytes first: a string's are reached one by one at several times the cost.
const SCRATCH_BYTES = 4096;
const bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const words = new Int32Array(bytes.buffer, bytes.byteOffset, SCRATCH_BYTES / 4);

/** The bytes that hold a text, from 0, with zeros up to a whole block behind it. */
function bytesOf(text: string, length: number): Buffer {
  const to = length + 8 > SCRATCH_BYTES ? Buffer.allocUnsafeSlow((length & ~7) + 8) : bytes;
  to.write(text, 0, length, "latin1");
  // At most eight: a fill would cost more.
  for (let at = length; at < (length & ~7) + 8; at++) to[at] = 0;
  return to;
}

class SipHash implements KeyedHash {
  high = 0;
  low = 0;
  readonly #k0l: number;
  readonly #k0h: number;
  readonly #k1l: number;
  readonly #k1h: number;

  constructor(k0l: number, k0h: number, k1l: number, k1h: number) {
    this.#k0l = k0l | 0;
    this.#k0h = k0h | 0;
    this.#k1l = k1l | 0;
    this.#k1h = k1h | 0;
  }

  tag(text: string): string {
    this.hash(text);
    return hex32(this.high) + hex32(this.low);
  }

  hash(text: string, start = 0, end = text.length): void {
    // v0..v3 as pairs of 32-bit halves; one SipRound a block, three at the end.
    let v0l = this.#k0l ^ 0x70736575,
      v0h = this.#k0h ^ 0x736f6d65;
    let v1l = this.#k1l ^ 0x6e646f6d,
      v1h = this.#k1h ^ 0x646f7261;
    let v2l = this.#k0l ^ 0x6e657261,
      v2h = this.#k0h ^ 0x6c796765;
    let v3l = this.#k1l ^ 0x79746573,
      v3h = this.#k1h ^ 0x74656462;
    const length = end - start;
    const blocks = (length >>> 3) + 1;
    const held = bytesOf(start === 0 && end === text.length ? text : text.slice(start, end), length);
    const from = held === bytes ? words : new Int32Array(held.buffer, held.byteOffset, held.length / 4);
    for (let block = 0; block < blocks + 3; block++) {
      let ml = 0,
        mh = 0;
      if (block < blocks) {
        ml = from[2 * block] ?? 0;
        mh = from[2 * block + 1] ?? 0;
        if (block === blocks - 1) mh = (mh & 0x00ffffff) | (length << 24);
        v3l ^= ml;
        v3h ^= mh;
      } else if (block === blocks) v2l ^= 0xff;
      // SipRound
      let sum = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      let t = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = t ^ v0l;
      t = v0l;
      v0l = v0h;
      v0h = t;
      sum = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      t = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = t ^ v2l;
      sum = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      t = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = t ^ v0l;
      sum = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      t = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = t ^ v2l;
      t = v2l;
      v2l = v2h;
      v2h = t;
      if (block < blocks) {
        v0l ^= ml;
        v0h ^= mh;
      }
    }
    this.low = v0l ^ v1l ^ v2l ^ v3l;
    this.high = v0h ^ v1h ^ v2h ^ v3h;
  }
}
