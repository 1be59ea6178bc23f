// Hot path: the texts that transactions keep live in large buffers outside the garbage collector's view, by size class.

const SMALLEST_BITS = 9;
const CLASSES = 8;
const PAGE_BYTES = 1 << 20;
const CLASS_BITS = 3;

/** A kept text, for `read` and `drop`; 0 is none. */
export type TextId = number;

/** Keeps messages (latin1) up to 64 KB in size classes of 512 bytes to 64 KB: no garbage, no text pinned by a part of it. */
export class TextStore {
  readonly #pages: Buffer[][] = Array.from({ length: CLASSES }, () => []);
  readonly #free: number[][] = Array.from({ length: CLASSES }, () => []);
  readonly #lengths: Uint16Array[][] = Array.from({ length: CLASSES }, () => []);
  #kept = 0;

  /** How many texts are kept. */
  get count(): number {
    return this.#kept;
  }

  /** Memory taken from the system, in bytes. */
  get bytes(): number {
    return this.#pages.reduce((sum, pages) => sum + pages.length * PAGE_BYTES, 0);
  }

  /** Keeps a text. Longer than 65,535 bytes cannot be: 0. */
  keep(text: string): TextId {
    const { length } = text;
    if (length > 0xffff) return 0;
    let size = 0;
    while (length > 1 << (size + SMALLEST_BITS)) size++;
    const cell = this.#take(size);
    const perPage = PAGE_BYTES >> (size + SMALLEST_BITS);
    const page = Math.floor(cell / perPage);
    const within = cell % perPage;
    this.#pages[size]?.[page]?.write(text, within << (size + SMALLEST_BITS), length, "latin1");
    const lengths = this.#lengths[size]?.[page];
    if (lengths !== undefined) lengths[within] = length;
    this.#kept++;
    return ((cell + 1) << CLASS_BITS) | size;
  }

  /** The kept text; empty for 0. */
  read(id: TextId): string {
    if (id === 0) return "";
    const size = id & (CLASSES - 1);
    const cell = (id >> CLASS_BITS) - 1;
    const perPage = PAGE_BYTES >> (size + SMALLEST_BITS);
    const page = Math.floor(cell / perPage);
    const within = cell % perPage;
    const start = within << (size + SMALLEST_BITS);
    return this.#pages[size]?.[page]?.toString("latin1", start, start + (this.#lengths[size]?.[page]?.[within] ?? 0)) ?? "";
  }

  /** Forgets a text; 0 does nothing. Each id is dropped once: its owner sets it to 0. */
  drop(id: TextId): void {
    if (id === 0) return;
    this.#free[id & (CLASSES - 1)]?.push((id >> CLASS_BITS) - 1);
    this.#kept--;
  }

  #take(size: number): number {
    const free = this.#free[size] ?? [];
    const reused = free.pop();
    if (reused !== undefined) return reused;
    const pages = this.#pages[size] ?? [];
    const perPage = PAGE_BYTES >> (size + SMALLEST_BITS);
    pages.push(Buffer.allocUnsafeSlow(PAGE_BYTES));
    this.#lengths[size]?.push(new Uint16Array(perPage));
    const first = (pages.length - 1) * perPage;
    for (let cell = first + perPage - 1; cell > first; cell--) free.push(cell);
    return first;
  }
}
