/** Numbers for records, used again when free: what timers carry. */
export class Slots<T> {
  readonly #records: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** Keeps a record; returns its number. */
  take(record: T): number {
    const slot = this.#free.pop() ?? this.#records.length;
    this.#records[slot] = record;
    return slot;
  }

  /** The record of a number; undefined when it is free. */
  at(slot: number): T | undefined {
    return this.#records[slot];
  }

  /** Frees a number. Its timers must have been stopped: the next record gets it. */
  release(slot: number): void {
    this.#records[slot] = undefined;
    this.#free.push(slot);
  }
}
