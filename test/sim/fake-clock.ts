import type { Cancel, Clock } from "../../src/base/clock.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** Timers that one `advance` or `runUntil` may run: a loop of zero delays ends the test instead of hanging it. */
const TIMERS_PER_RUN_MAX = 20_000_000;

/** Time that a test moves by hand. Timers run in order of their time, equal times in order of their making. */
export class FakeClock implements Clock {
  #now: number;
  /** Called after each timer that ran, as an event loop ends its turn. */
  afterEach: () => void = () => undefined;
  #order = 0;
  readonly #heap: Timer[] = [];

  /** `startMs`: what `now()` says first; not 0, so that a forgotten stamp shows. */
  constructor(startMs = 1_000_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(timer);
    return () => {
      timer.run = null;
    };
  }

  /** How many timers wait (cancelled ones may still count until their time has come). */
  get pending(): number {
    return this.#heap.length;
  }

  /** The time of the next timer that would run, or null. */
  get nextAtMs(): number | null {
    this.#dropCancelled();
    return this.#heap[0]?.at ?? null;
  }

  /** Moves time on by `ms` and runs what falls due on the way, including what that starts. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let ran = 0; this.#runNext(end); ran++) guardRun(ran);
    this.#now = end;
  }

  /** Runs timers until `isDone`, at most `limitMs` of made-up time; says whether it came true. */
  runUntil(isDone: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    for (let ran = 0; !isDone(); ran++) {
      guardRun(ran);
      if (!this.#runNext(end)) {
        this.#now = end;
        return isDone();
      }
    }
    return true;
  }

  /** Like `advance`, for code with promises: what a timer resolved has run before the next timer does. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let ran = 0; this.#runNext(end); ran++) {
      guardRun(ran);
      await settled();
    }
    this.#now = end;
  }

  /** Like `runUntil`, for code with promises. */
  async runUntilAsync(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs;
    await settled();
    for (let ran = 0; !isDone(); ran++) {
      guardRun(ran);
      if (!this.#runNext(end)) {
        this.#now = end;
        return isDone();
      }
      await settled();
    }
    return true;
  }

  #runNext(end: number): boolean {
    this.#dropCancelled();
    const next = this.#heap[0];
    if (next === undefined || next.at > end) return false;
    this.#pop();
    this.#now = Math.max(this.#now, next.at);
    const run = next.run;
    next.run = null;
    run?.();
    this.afterEach();
    return true;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.run === null) this.#pop();
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const other = heap[below + 1];
      if (other !== undefined && isBefore(other, child)) {
        child = other;
        below++;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function guardRun(ran: number): void {
  if (ran > TIMERS_PER_RUN_MAX) throw new Error(`more than ${String(TIMERS_PER_RUN_MAX)} timers ran in one go: a loop?`);
}

/** Resolves when every promise job that is ready, and those that they start, have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
