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
