import type { Reading } from "./adapter.ts";
import { sameEntries } from "./entry.ts";

/** What mailboxes said last, kept in step where it is read and where it is heard: what is the same is named and not sent again, since carrying it from one
 *  process to the other costs more than reading it. Failures are always sent, and change nothing here. */
export class KnownReadings {
  readonly #known = new Map<string, Reading & { readonly kind: "entries" }>();

  /** Where it is read: the readings to send, and the mailboxes of which what is known holds. */
  news(readings: ReadonlyMap<string, Reading>): { readonly readings: ReadonlyMap<string, Reading>; readonly same: readonly string[] } {
    const news = new Map<string, Reading>();
    const same: string[] = [];
    for (const [mailbox, reading] of readings) {
      const known = this.#known.get(mailbox);
      if (reading.kind === "entries" && known !== undefined && sameEntries(known.entries, reading.entries)) same.push(mailbox);
      else {
        news.set(mailbox, reading);
        this.#keep(mailbox, reading);
      }
    }
    return { readings: news, same };
  }

  /** At the other end: all that was read, the same objects as before where it is the same. */
  whole({ readings, same }: { readonly readings: ReadonlyMap<string, Reading>; readonly same: readonly string[] }): ReadonlyMap<string, Reading> {
    const whole = new Map(readings);
    for (const [mailbox, reading] of readings) this.#keep(mailbox, reading);
    for (const mailbox of same) {
      const known = this.#known.get(mailbox);
      if (known !== undefined) whole.set(mailbox, known);
    }
    return whole;
  }

  #keep(mailbox: string, reading: Reading): void {
    if (reading.kind === "entries") this.#known.set(mailbox, reading);
  }
}
