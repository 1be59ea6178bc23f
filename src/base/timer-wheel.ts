import type { Cancel, Clock } from "./clock.ts";

// Hot path: state lives in a growing typed array; a timer costs 32 bytes and no garbage.

/** Called when a timer is due, with what it was started with. */
export type TimerHandler = (payload: number) => void;

/** A timer that runs, for `stop`; 0 is never one. Valid until it fires or is stopped. */
export type TimerId = number;

const TICK_MS = 10;
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const LEVELS = 4;
const TICKS_MAX = 2 ** 31 - 1;
const ID_BITS = 22;
const TIMERS_MAX = 1 << ID_BITS;

// A cell: eight words, the last two of them a double. A slot is kept with one added: 0 is none.
const CELL = 8;
const NEXT = 0;
const PREVIOUS = 1;
const DUE = 2;
const SLOT = 3;
const HANDLER = 4;
const GENERATION = 5;
const GENERATION_MASK = 0xffff;
const PAYLOAD = 3;

/** One wheel for everything that expires: transactions, bindings, subscriptions. Resolution 10 ms, range 248 days (longer waits fire at that).
 *  Driven by one timer of the passed clock. */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #handlers: TimerHandler[] = [];
  readonly #onMistake: ((err: unknown) => void) | null;
  readonly #heads = new Int32Array(SLOTS * LEVELS);
  #capacity = 1024;
  /** All of a timer lies side by side: when it fires, seconds after it was started, it is far from the processor. */
  #cells = new Int32Array(this.#capacity * CELL);
  /** The payloads: the same memory, seen as doubles. */
  #payloads = new Float64Array(this.#cells.buffer);
  #free = 0;
  #used = 1;
  #now = 0;
  #count = 0;
  #cancel: Cancel | null = null;
  #wakeTick = TICKS_MAX;

  /** `onMistake` hears what a handler throws; without it the throw reaches the clock, after all other timers of that moment have run. */
  constructor(clock: Clock, onMistake: ((err: unknown) => void) | null = null) {
    this.#clock = clock;
    this.#onMistake = onMistake;
    this.#startMs = clock.now();
  }

  /** How many timers run. */
  get count(): number {
    return this.#count;
  }

  /** Registers what a kind of timer does; at most 255 kinds. Returns the kind for `start`. */
  kind(handler: TimerHandler): number {
    this.#handlers.push(handler);
    return this.#handlers.length - 1;
  }

  /** Starts a timer of a kind; `payload` is any number that the handler understands. Fires once, not early. */
  start(kind: number, delayMs: number, payload: number): TimerId {
    const id = this.#take();
    const tick = Math.ceil((this.#clock.now() - this.#startMs + Math.max(0, delayMs)) / TICK_MS);
    const due = Math.min(Math.max(tick, this.#now + 1), TICKS_MAX);
    const at = id * CELL;
    this.#cells[at + DUE] = due;
    this.#cells[at + HANDLER] = kind;
    this.#payloads[id * (CELL / 2) + PAYLOAD] = payload;
    this.#insert(id);
    this.#count++;
    if (this.#cancel === null || due < this.#wakeTick) this.#wake();
    return (this.#cells[at + GENERATION] ?? 0) * TIMERS_MAX + id;
  }

  /** Stops a timer; does nothing when it has fired, was stopped, or is 0. */
  stop(timer: TimerId): void {
    if (timer === 0) return;
    const generation = Math.floor(timer / TIMERS_MAX);
    const id = timer - generation * TIMERS_MAX;
    if (this.#cells[id * CELL + SLOT] === 0 || this.#cells[id * CELL + GENERATION] !== generation) return;
    this.#unlink(id);
    this.#release(id);
  }

  /** Stops the driving timer: nothing fires any more. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#wakeTick = -1;
  }

  #wake(): void {
    if (this.#wakeTick === -1) return;
    const tick = this.#nextTick();
    if (this.#cancel !== null && tick >= this.#wakeTick) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#wakeTick = TICKS_MAX;
    if (tick === TICKS_MAX) return;
    this.#wakeTick = tick;
    const delay = this.#startMs + tick * TICK_MS - this.#clock.now();
    this.#cancel = this.#clock.after(Math.max(0, delay), () => {
      this.#cancel = null;
      this.#wakeTick = TICKS_MAX;
      const mistakes: unknown[] = [];
      this.#advance(Math.floor((this.#clock.now() - this.#startMs) / TICK_MS), mistakes);
      this.#wake();
      if (mistakes.length === 0) return;
      if (this.#onMistake === null) throw mistakes[0];
      for (const mistake of mistakes) this.#onMistake(mistake);
    });
  }

  /** The next tick at which something is due or a level must be emptied into a lower one; scans at most one turn of the lowest wheel. */
  #nextTick(): number {
    if (this.#count === 0) return TICKS_MAX;
    const turnEnd = (this.#now | (SLOTS - 1)) + 1;
    for (let tick = this.#now + 1; tick < turnEnd; tick++) if (this.#heads[tick & (SLOTS - 1)] !== 0) return tick;
    return turnEnd;
  }

  #advance(to: number, mistakes: unknown[]): void {
    while (this.#now < to) {
      if (this.#count === 0) {
        this.#now = to;
        return;
      }
      this.#now++;
      for (let level = 1; level < LEVELS && (this.#now & ((1 << (SLOT_BITS * level)) - 1)) === 0; level++) this.#cascade(level);
      this.#fire(this.#now & (SLOTS - 1), mistakes);
    }
  }

  #cascade(level: number): void {
    const slot = level * SLOTS + ((this.#now >>> (SLOT_BITS * level)) & (SLOTS - 1));
    let id = this.#heads[slot] ?? 0;
    this.#heads[slot] = 0;
    while (id !== 0) {
      const next = this.#cells[id * CELL + NEXT] ?? 0;
      this.#insert(id);
      id = next;
    }
  }

  #fire(slot: number, mistakes: unknown[]): void {
    // A handler may start and stop timers, also of this slot: take the head anew each time.
    for (let id = this.#heads[slot] ?? 0; id !== 0; id = this.#heads[slot] ?? 0) {
      const handler = this.#handlers[this.#cells[id * CELL + HANDLER] ?? 0];
      const payload = this.#payloads[id * (CELL / 2) + PAYLOAD] ?? 0;
      this.#unlink(id);
      this.#release(id);
      try {
        handler?.(payload);
      } catch (err) {
        mistakes.push(err);
      }
    }
  }

  #insert(id: number): void {
    const cells = this.#cells;
    const at = id * CELL;
    const due = cells[at + DUE] ?? 0;
    const wait = due - this.#now;
    const level = wait < SLOTS ? 0 : wait < 1 << (2 * SLOT_BITS) ? 1 : wait < 1 << (3 * SLOT_BITS) ? 2 : 3;
    const slot = level * SLOTS + ((due >>> (SLOT_BITS * level)) & (SLOTS - 1));
    const head = this.#heads[slot] ?? 0;
    cells[at + NEXT] = head;
    cells[at + PREVIOUS] = 0;
    if (head !== 0) cells[head * CELL + PREVIOUS] = id;
    this.#heads[slot] = id;
    cells[at + SLOT] = slot + 1;
  }

  #unlink(id: number): void {
    const cells = this.#cells;
    const at = id * CELL;
    const next = cells[at + NEXT] ?? 0;
    const previous = cells[at + PREVIOUS] ?? 0;
    if (next !== 0) cells[next * CELL + PREVIOUS] = previous;
    if (previous !== 0) cells[previous * CELL + NEXT] = next;
    else this.#heads[(cells[at + SLOT] ?? 1) - 1] = next;
  }

  #take(): number {
    if (this.#free !== 0) {
      const id = this.#free;
      this.#free = this.#cells[id * CELL + NEXT] ?? 0;
      return id;
    }
    if (this.#used === this.#capacity) this.#grow();
    return this.#used++;
  }

  #release(id: number): void {
    const at = id * CELL;
    this.#cells[at + SLOT] = 0;
    this.#cells[at + GENERATION] = ((this.#cells[at + GENERATION] ?? 0) + 1) & GENERATION_MASK;
    this.#cells[at + NEXT] = this.#free;
    this.#free = id;
    this.#count--;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#cells = grown(this.#cells, this.#capacity * CELL);
    this.#payloads = new Float64Array(this.#cells.buffer);
  }
}

/** A longer copy of a typed array. */
export function grown<T extends Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array | Float64Array>(from: T, length: number): T {
  const to = Reflect.construct(from.constructor, [length]) as T;
  to.set(from);
  return to;
}
