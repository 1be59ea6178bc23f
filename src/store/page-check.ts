import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UnavailableError } from "../base/errors.ts";

// LMDB trusts its file: a broken page number or offset ends the process that follows it, when it reads, or later when it writes and takes pages from the list of free ones.
// So every page that it could follow is checked here first, with its own reading of the format (mdb.c, data version 2): trees, counts, bounds, order, and the free list.

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_HEADER = 24;
const NODE_HEADER = 8;
const OVERFLOW_REFERENCE = 24;
const META = PAGE_HEADER;
const TREE = { free: META + 24, main: META + 72 } as const;
const NO_PAGE = 0xffffffffffffffffn;
const DEPTH_MAX = 31;
const KEY_MAX = 1978;
const FLAG = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;
const BIG_DATA = 1;
/** DUPSORT, INTEGERKEY, DUPFIXED, INTEGERDUP, REVERSEDUP, REVERSEKEY: how a tree is ordered. */
const ORDER_FLAGS = 0x7e;
const INTEGER_KEY = 0x08;

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branches: number;
  readonly leaves: number;
  readonly overflows: number;
  readonly entries: number;
  readonly root: number | null;
}

/** What an entry is found at: the places of its key and its value in the file's bytes, or in a long value's pages. */
export type OnEntry = (bytes: Buffer, keyStart: number, keyEnd: number, start: number, end: number) => void;

/** Reads the whole file and hands out every entry; throws UnavailableError, which says what is wrong, when LMDB could stumble over it. About 0.1 s for 100 MB. An empty file is sound. */
export function checkPages(path: string, onEntry: OnEntry = () => undefined): void {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const bytes = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; ) {
      const count = readSync(file, bytes, at, size - at, at);
      if (count === 0) throw new UnavailableError("it shrinks while it is read");
      at += count;
    }
    new PageCheck(bytes).run(onEntry);
  } catch (cause) {
    if (cause instanceof RangeError) throw new UnavailableError("a number in it points nowhere", { cause });
    throw cause;
  } finally {
    closeSync(file);
  }
}

type Found = (key: number, keyLength: number, start: number, end: number) => void;

class PageCheck {
  readonly #bytes: Buffer;
  #pageSize = 0;
  #lastPage = 0;
  #transaction = 0n;
  /** 1 for every page that something refers to. */
  #seen: Uint8Array = new Uint8Array(0);
  #counts = { branches: 0, leaves: 0, overflows: 0, entries: 0 };
  /** Of the page at hand: for each place (they are even) the length of the entry that stands there; 0 for none. */
  readonly #lengths = new Uint32Array(65536 / 2);

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(onEntry: OnEntry): void {
    const bytes = this.#bytes;
    if (bytes.length < 8192) throw new UnavailableError("it is too short");
    const pageSize = bytes.readUInt32LE(TREE.free);
    if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0 || bytes.length < 2 * pageSize) throw broken("its page size");
    this.#pageSize = pageSize;
    let meta = 0;
    for (const at of [0, pageSize]) {
      if ((bytes.readUInt16LE(at + 18) & FLAG.meta) === 0 || bytes.readUInt32LE(at + META) !== MAGIC) throw new UnavailableError("it is no database, or its beginning is damaged");
      if ((bytes.readUInt32LE(at + META + 4) & 0xffff) !== DATA_VERSION || bytes.readUInt32LE(at + TREE.free) !== pageSize) throw broken("its beginning");
      if (this.#long(at + META + 128) > this.#long(meta + META + 128)) meta = at;
    }
    this.#lastPage = this.#number(meta + META + 120);
    this.#transaction = this.#long(meta + META + 128);
    const mapSize = this.#number(meta + META + 16);
    if (this.#lastPage < 1 || this.#lastPage >= 2 ** 32 || mapSize > 2 ** 46 || this.#lastPage * pageSize > 2 ** 45) throw broken("its size");
    // Pages at the end may be free and not in the file.
    if (this.#lastPage > 1 && this.#lastPage - bytes.length / pageSize > 2 ** 20) throw broken("its size");
    this.#seen = new Uint8Array(this.#lastPage + 1);
    this.#seen.fill(1, 0, 2);
    const free = this.#tree(meta + TREE.free);
    const main = this.#tree(meta + TREE.main);
    if ((free.flags & ORDER_FLAGS) !== INTEGER_KEY || (main.flags & ORDER_FLAGS) !== 0) throw broken("the kind of a tree");
    const freed: (readonly [start: number, end: number])[] = [];
    this.#walk(main, false, (key, keyLength, start, end) => {
      onEntry(bytes, key, key + keyLength, start, end);
    });
    this.#walk(free, true, (key, _keyLength, start, end) => {
      if (this.#long(key) > this.#transaction) throw broken("the list of free pages");
      freed.push([start, end]);
    });
    for (const [start, end] of freed) this.#free(start, end);
  }

  #tree(at: number): Tree {
    const bytes = this.#bytes;
    const root = this.#long(at + 40);
    return {
      flags: bytes.readUInt16LE(at + 4),
      depth: bytes.readUInt16LE(at + 6),
      branches: this.#number(at + 8),
      leaves: this.#number(at + 16),
      overflows: this.#number(at + 24),
      entries: this.#number(at + 32),
      root: root === NO_PAGE ? null : Number(root),
    };
  }

  #walk(tree: Tree, isFree: boolean, onEntry: Found): void {
    this.#counts = { branches: 0, leaves: 0, overflows: 0, entries: 0 };
    if (tree.depth > DEPTH_MAX || (tree.root === null) !== (tree.depth === 0)) throw broken("the depth of a tree");
    if (tree.root !== null) this.#page(tree.root, tree.depth, isFree, null, null, onEntry);
    const { branches, leaves, overflows, entries } = this.#counts;
    if (branches !== tree.branches || leaves !== tree.leaves || overflows !== tree.overflows || entries !== tree.entries) throw broken("the counts of a tree");
  }

  /** A page and all below it; its keys are not before `from` and before `to`. */
  #page(number: number, depth: number, isFree: boolean, from: Buffer | null, to: Buffer | null, onEntry: Found): void {
    const bytes = this.#bytes;
    const at = this.#take(number, 1);
    const isLeaf = depth === 1;
    if (bytes.readUInt16LE(at + 18) !== (isLeaf ? FLAG.leaf : FLAG.branch)) throw broken("the kind of a page");
    const lower = bytes.readUInt16LE(at + 20);
    const upper = bytes.readUInt16LE(at + 22);
    const room = this.#pageSize - PAGE_HEADER;
    if (lower % 2 !== 0 || lower > upper || upper > room || lower < (isLeaf ? 2 : 4)) throw broken("the bounds of a page");
    if (isLeaf) this.#counts.leaves++;
    else this.#counts.branches++;
    const count = lower / 2;
    const lengths = this.#lengths;
    const children: { readonly page: number; readonly key: Buffer | null }[] = [];
    // Where the last key of this page stands; -1 before the first.
    let [lastStart, lastEnd] = [-1, -1];
    for (let n = 0; n < count; n++) {
      const place = bytes.readUInt16LE(at + PAGE_HEADER + 2 * n);
      if (place < upper || place % 2 !== 0 || place + NODE_HEADER > room) throw broken("the place of an entry");
      const node = at + PAGE_HEADER + place;
      const keyLength = bytes.readUInt16LE(node + 6);
      const flags = bytes.readUInt16LE(node + 4);
      const low = bytes.readUInt32LE(node);
      if (keyLength > KEY_MAX) throw broken("the length of a key");
      const isBig = isLeaf && flags === BIG_DATA;
      if (isLeaf && flags !== 0 && !isBig) throw broken("the kind of an entry");
      const length = NODE_HEADER + keyLength + (isLeaf ? (isBig ? OVERFLOW_REFERENCE : low) : 0);
      if (place + length > room) throw broken("the length of an entry");
      const keyStart = node + NODE_HEADER;
      const keyEnd = keyStart + keyLength;
      if (isLeaf || n > 0) {
        if (isFree && keyLength !== 8) throw broken("the list of free pages");
        const order = lastStart !== -1 ? this.#compare(isFree, keyStart, keyEnd, bytes, lastStart, lastEnd) : from === null ? 1 : this.#compare(isFree, keyStart, keyEnd, from, 0, from.length);
        // The first of a page may be what its parent says.
        if (order < 0 || (order === 0 && n > (isLeaf ? 0 : 1))) throw broken("the order of the keys");
        [lastStart, lastEnd] = [keyStart, keyEnd];
      }
      if (lengths[place >> 1] !== 0) throw broken("the places of the entries");
      lengths[place >> 1] = length + (length % 2);
      if (isLeaf) this.#entry(node, keyLength, isBig, low, onEntry);
      else children.push({ page: low + flags * 2 ** 32, key: n === 0 ? null : bytes.subarray(keyStart, keyEnd) });
    }
    // They ascend: when the last one is before `to`, all are.
    if (to !== null && lastStart !== -1 && this.#compare(isFree, lastStart, lastEnd, to, 0, to.length) >= 0) throw broken("the order of the keys");
    // Entries lie side by side without a gap.
    let left = count;
    for (let place = upper; place < room; left--) {
      const length = lengths[place >> 1] ?? 0;
      if (length === 0) throw broken("the places of the entries");
      lengths[place >> 1] = 0;
      place += length;
      if (place > room) throw broken("the places of the entries");
    }
    if (left !== 0) throw broken("the places of the entries");
    for (const [n, { page, key }] of children.entries()) this.#page(page, depth - 1, isFree, key ?? from, children[n + 1]?.key ?? to, onEntry);
  }

  /** How the key at that place stands to another, which is not longer than eight bytes in a tree of numbers. */
  #compare(isFree: boolean, start: number, end: number, other: Buffer, otherStart: number, otherEnd: number): number {
    if (!isFree) return this.#bytes.compare(other, otherStart, otherEnd, start, end);
    const [one, two] = [this.#long(start), other.readBigUInt64LE(otherStart)];
    return one < two ? -1 : one > two ? 1 : 0;
  }

  #entry(node: number, keyLength: number, isBig: boolean, length: number, onEntry: Found): void {
    this.#counts.entries++;
    const data = node + NODE_HEADER + keyLength;
    if (!isBig) {
      onEntry(node + NODE_HEADER, keyLength, data, data + length);
      return;
    }
    // A shorter value may have taken the place of a longer one.
    const pages = this.#number(data + 16);
    if (pages < Math.floor((PAGE_HEADER - 1 + length) / this.#pageSize) + 1) throw broken("the length of a long value");
    const at = this.#take(this.#number(data), pages);
    if (this.#bytes.readUInt16LE(at + 18) !== FLAG.overflow || this.#bytes.readUInt32LE(at + 20) !== pages) throw broken("the page of a long value");
    this.#counts.overflows += pages;
    onEntry(node + NODE_HEADER, keyLength, at + PAGE_HEADER, at + PAGE_HEADER + length);
  }

  /** A list of free pages: a count, then page numbers; a negative one is the length of the block that the next one begins; 0 stands for nothing. */
  #free(start: number, end: number): void {
    const count = this.#number(start);
    if (start + 8 * (count + 1) > end) throw broken("the list of free pages");
    for (let n = 1; n <= count; n++) {
      const word = this.#bytes.readBigInt64LE(start + 8 * n);
      if (word === 0n) continue;
      let length = 1;
      let page = Number(word);
      if (word < 0n) {
        length = -page;
        if (++n > count) throw broken("the list of free pages");
        page = this.#number(start + 8 * n);
      }
      if (page < 2 || page + length - 1 > this.#lastPage) throw broken("the list of free pages");
      for (let one = page; one < page + length; one++) this.#mark(one);
    }
  }

  /** Where a run of pages begins that nothing else refers to. */
  #take(page: number, count: number): number {
    const at = page * this.#pageSize;
    if (!Number.isSafeInteger(page) || page < 2 || page + count - 1 > this.#lastPage || at + count * this.#pageSize > this.#bytes.length) throw broken("the number of a page");
    for (let one = page; one < page + count; one++) this.#mark(one);
    if (this.#number(at) !== page || this.#long(at + 8) > this.#transaction) throw broken("the head of a page");
    return at;
  }

  #mark(page: number): void {
    if (this.#seen[page] !== 0) throw broken("a page that is used twice");
    this.#seen[page] = 1;
  }

  #long(at: number): bigint {
    return this.#bytes.readBigUInt64LE(at);
  }

  #number(at: number): number {
    const value = this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw broken("a number");
    return value;
  }
}

function broken(what: string): UnavailableError {
  return new UnavailableError(`${what} is damaged`);
}
