import type { Clock } from "../base/clock.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Subscription } from "./subscription.ts";

/** NOTIFYs that may wait for an answer at once, of those that left a moment ago; the next ones wait for room. */
export const WINDOW_SIZE = 1024;
/** How long one counts: T1, after which it is sent again and its watcher may be gone. So watchers who are silent hold nobody up for long. */
export const WINDOW_MS = 500;

const PARTS = 10;
const PART_MS = WINDOW_MS / PARTS;

/** Keeps a flood of NOTIFYs (a whole building subscribes anew after a power cut) at the pace at which they are answered: without it their answers are lost in the
 *  full receive buffer, and what is sent again for want of them fills it further. Whoever waits is sent the newest state, in the order in which they began to wait. */
export class NotifyWindow {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #timerKind: number;
  readonly #counts = new Int32Array(PARTS);
  readonly #waiting = new Set<Subscription>();
  #inFlight = 0;
  #part = 0;
  #timer = 0;
  #isAdmitting = false;
  readonly #goOn: (subscription: Subscription) => void;

  /** `goOn` is called for a subscription that waited and has room now. */
  constructor(deps: { readonly clock: Clock; readonly wheel: TimerWheel }, goOn: (subscription: Subscription) => void) {
    this.#clock = deps.clock;
    this.#wheel = deps.wheel;
    this.#timerKind = deps.wheel.kind(() => {
      this.#timer = 0;
      this.#age();
      this.#admit();
    });
    this.#goOn = goOn;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** True when a NOTIFY may leave now; else the subscription waits, and `goOn` follows. */
  admits(subscription: Subscription): boolean {
    const isNext = this.#isAdmitting || this.#waiting.size === 0;
    if (isNext && this.#inFlight < WINDOW_SIZE) return true;
    this.#age();
    if (isNext && this.#inFlight < WINDOW_SIZE) return true;
    this.#waiting.add(subscription);
    this.#wake();
    return false;
  }

  /** One has left. */
  sent(): void {
    this.#age();
    const at = this.#part % PARTS;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#inFlight++;
  }

  /** One that left then (ms since 1970) was answered, or given up. */
  answered(sentAt: number): void {
    const part = Math.floor(sentAt / PART_MS);
    this.#age();
    const at = part % PARTS;
    if (part > this.#part - PARTS && part <= this.#part && (this.#counts[at] ?? 0) > 0) {
      this.#counts[at] = (this.#counts[at] ?? 0) - 1;
      this.#inFlight--;
    }
    if (this.#waiting.size > 0) this.#admit();
  }

  /** It has nothing more to send. */
  forget(subscription: Subscription): void {
    this.#waiting.delete(subscription);
  }

  /** Nobody is called any more. */
  close(): void {
    this.#waiting.clear();
    this.#wheel.stop(this.#timer);
    this.#timer = 0;
  }

  /** What left too long ago counts no more. */
  #age(): void {
    const now = Math.floor(this.#clock.now() / PART_MS);
    const from = Math.max(this.#part + 1, now - PARTS + 1);
    for (let part = from; part <= now; part++) {
      this.#inFlight -= this.#counts[part % PARTS] ?? 0;
      this.#counts[part % PARTS] = 0;
    }
    // A clock that was set back only makes the window longer, once.
    this.#part = Math.max(this.#part, now);
  }

  #admit(): void {
    // What is sent now may be answered, or fail, before the call returns.
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    for (const subscription of this.#waiting) {
      if (this.#inFlight >= WINDOW_SIZE) break;
      this.#waiting.delete(subscription);
      this.#goOn(subscription);
    }
    this.#isAdmitting = false;
    if (this.#waiting.size > 0) this.#wake();
  }

  #wake(): void {
    if (this.#timer === 0) this.#timer = this.#wheel.start(this.#timerKind, PART_MS, 0);
  }
}
