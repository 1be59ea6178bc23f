import type { Cancel, Clock } from "../base/clock.ts";
import type { StoredRecord } from "../store/store.ts";

/** So many are taken up before a start goes on; a server that has no more has all of them from the first moment. */
const AT_ONCE = 2000;
/** For how long others wait while more are taken up, ms. */
const SLICE_MS = 4;
const PAUSE_MS = 2;

/** Subscriptions that the store kept and that are not taken up yet. A hundred thousand take seconds, in which phones could not call: so the server serves meanwhile, and whoever
 *  comes with a dialog that still waits finds it all the same. */
export class Restoration {
  readonly #waiting = new Map<string, StoredRecord>();
  readonly #clock: Clock;
  readonly #takeUp: (record: StoredRecord) => void;
  #cancel: Cancel | null = null;

  constructor(clock: Clock, takeUp: (record: StoredRecord) => void) {
    this.#clock = clock;
    this.#takeUp = takeUp;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  begin(records: Iterable<StoredRecord>): void {
    for (const record of records) this.#waiting.set(record.key, record);
    let count = 0;
    for (const key of this.#waiting.keys()) {
      if (count++ === AT_ONCE) break;
      this.bring(key);
    }
    this.#goOn();
  }

  /** Takes up the one with that local tag now, if it waits. */
  bring(tag: string): void {
    if (this.#waiting.size === 0) return;
    const record = this.#waiting.get(tag);
    if (record === undefined) return;
    this.#waiting.delete(tag);
    this.#takeUp(record);
  }

  /** Takes up all that wait now. */
  bringAll(): void {
    for (const key of this.#waiting.keys()) this.bring(key);
  }

  /** What waits stays in the store. */
  close(): void {
    this.#cancel?.();
    this.#waiting.clear();
  }

  #goOn(): void {
    if (this.#waiting.size === 0) return;
    this.#cancel = this.#clock.after(PAUSE_MS, () => {
      const until = this.#clock.now() + SLICE_MS;
      for (const key of this.#waiting.keys()) {
        this.bring(key);
        if (this.#clock.now() >= until) break;
      }
      this.#goOn();
    });
  }
}
