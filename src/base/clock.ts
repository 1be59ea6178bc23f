/** Cancels what it was returned for; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** The passing of time, passed in so that a whole server can run in made-up time. */
export interface Clock {
  /** Milliseconds since 1970 (UTC). Whole numbers are not promised. */
  now(): number;
  /** Calls `run` once, not before `delayMs` milliseconds have passed. */
  after(delayMs: number, run: () => void): Cancel;
}

let standsAt = 0;

/** Between `begins` and `ends` the system's clock stands still: what is handled together happens at one moment, and asking for the time costs nothing. For batches of milliseconds. */
export const timeStandsStill = {
  begins(): void {
    standsAt = Date.now();
  },
  ends(): void {
    standsAt = 0;
  },
};

/** The only place of the server that reads the real time or starts a real timer. */
export const systemClock: Clock = {
  now: () => (standsAt === 0 ? Date.now() : standsAt),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
