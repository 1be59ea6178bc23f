import { keptText } from "../base/kept-text.ts";

/** Shares equal texts between records: a hundred phones of one model say the same User-Agent. Holds at most `max`; beyond, texts are kept unshared. */
export class KeptPool {
  readonly #max: number;
  readonly #texts = new Map<string, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The text as one that may be kept, at most `lengthMax` characters of it. */
  kept(text: string, lengthMax: number): string {
    const cut = text.length > lengthMax ? text.slice(0, lengthMax) : text;
    const known = this.#texts.get(cut);
    if (known !== undefined) return known;
    const kept = keptText(cut);
    if (this.#texts.size < this.#max) this.#texts.set(kept, kept);
    return kept;
  }
}

/** Shares equal lists of texts in the same way. */
export class KeptLists {
  readonly #max: number;
  readonly #lists = new Map<string, readonly string[]>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The same list for all who name the same. */
  kept(list: readonly string[]): readonly string[] {
    const key = list.join();
    const known = this.#lists.get(key);
    if (known === undefined && this.#lists.size < this.#max) this.#lists.set(key, list);
    return known ?? list;
  }
}
