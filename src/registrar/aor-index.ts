import type { Aor } from "../base/ids.ts";

/** Which AoRs stand under a number: nearly always one, so a set is made only for the second. */
export class AorIndex {
  readonly #found = new Map<number, Aor | Set<Aor>>();

  /** How many numbers are known. */
  get size(): number {
    return this.#found.size;
  }

  add(key: number, aor: Aor): void {
    const found = this.#found.get(key);
    if (found === undefined) this.#found.set(key, aor);
    else if (typeof found !== "string") found.add(aor);
    else if (found !== aor) this.#found.set(key, new Set([found, aor]));
  }

  remove(key: number, aor: Aor): void {
    const found = this.#found.get(key);
    if (found === aor) this.#found.delete(key);
    else if (found instanceof Set && found.delete(aor) && found.size === 0) this.#found.delete(key);
  }

  /** The AoRs under that number, oldest first. */
  get(key: number): Iterable<Aor> {
    const found = this.#found.get(key);
    return found === undefined ? NONE : typeof found === "string" ? [found] : found;
  }
}

const NONE: readonly Aor[] = [];
