import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";

/** How long one look at the backlog takes. */
export const WINDOW_MS = 100;
/** A receive buffer that was never emptier than this for a whole window is a queue that stands: more comes than can be done. */
export const STANDING_SHARE = 0.25;
/** Windows without a call turned away after which every call is let in again. */
const CALM_WINDOWS = 5;
const RATE_MIN = 20;
const RETRY_AFTER_MIN_SECONDS = 2;
const RETRY_AFTER_SPREAD_SECONDS = 9;

/** Lets new calls in at the rate that can be served, so that those that are up, and registrations, live on when more is asked than can be done (RFC 7339 in spirit:
 *  the loss is chosen here, not in the receive buffer). It never turns a call away while the buffer empties now and then: a burst, or a pause of the garbage
 *  collector, is no overload. */
export class LoadGate {
  readonly #clock: Clock;
  readonly #random: Random;
  #windowEnd = 0;
  #least = 1;
  #hasSample = false;
  /** New calls a second; Infinity while there is no overload. */
  #rate = Infinity;
  #tokens = 0;
  #tokensAt = 0;
  #admitted = 0;
  #shedInWindow = 0;
  #calm = 0;
  /** New calls that were turned away, for metrics. */
  shed = 0;

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /** True while new calls are let in at a limited rate. */
  get isLimiting(): boolean {
    return this.#rate !== Infinity;
  }

  /** New calls a second that are let in; Infinity for all. */
  get rate(): number {
    return this.#rate;
  }

  /** What still waited in a receive buffer after as much was read as is read at once: its share of the buffer, 0 to 1. */
  backlog(share: number): void {
    this.#roll(this.#clock.now());
    this.#hasSample = true;
    this.#least = Math.min(this.#least, share);
  }

  /** May one more new call begin? */
  admits(): boolean {
    const now = this.#clock.now();
    this.#roll(now);
    if (this.#rate === Infinity) {
      this.#admitted++;
      return true;
    }
    // As many as a window's at once, at most.
    this.#tokens = Math.min(Math.max(1, (this.#rate * WINDOW_MS) / 1000), this.#tokens + ((now - this.#tokensAt) * this.#rate) / 1000);
    this.#tokensAt = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      this.#admitted++;
      return true;
    }
    this.shed++;
    this.#shedInWindow++;
    return false;
  }

  /** The Retry-After line of a call that is turned away: not the same for all, or they would come back together. */
  retryAfter(): string {
    return `Retry-After: ${RETRY_AFTER_MIN_SECONDS + this.#random.below(RETRY_AFTER_SPREAD_SECONDS)}\r\n`;
  }

  #roll(now: number): void {
    if (now < this.#windowEnd && this.#windowEnd - now <= WINDOW_MS) return;
    // What nobody looked at for long was no time of overload.
    const isStale = now - this.#windowEnd > WINDOW_MS;
    const isOverloaded = !isStale && this.#hasSample && this.#least >= STANDING_SHARE;
    if (isOverloaded) this.#slowDown(now);
    else if (this.#rate !== Infinity) this.#speedUp(isStale ? Math.floor((now - this.#windowEnd) / WINDOW_MS) : 1);
    this.#windowEnd = now + WINDOW_MS;
    this.#least = 1;
    this.#hasSample = false;
    this.#admitted = this.#shedInWindow = 0;
  }

  #slowDown(now: number): void {
    const rate = this.#rate === Infinity ? (this.#admitted * 1000) / WINDOW_MS : this.#rate;
    if (this.#rate === Infinity) this.#tokensAt = now;
    this.#rate = Math.max(RATE_MIN, rate * 0.8);
    this.#calm = 0;
  }

  #speedUp(windows: number): void {
    this.#calm = this.#shedInWindow > 0 ? windows - 1 : this.#calm + windows;
    this.#rate = this.#calm >= CALM_WINDOWS ? Infinity : this.#rate * 1.03 + 1;
  }
}
