import type { Clock } from "../base/clock.ts";

/** A hybrid logical clock (Kulkarni and others, 2014) in one whole number: milliseconds times 1024, plus a count. It never goes backwards, whatever the
 *  wall clock does, and a version made after another was seen is larger, so that the newest of two servers' records wins. Fits a double until 2248. */
export interface VersionClock {
  /** A version that no earlier call returned or observed. */
  next(): number;
  /** Takes note of a version from the store or another server: later ones are larger. Anything but a whole number ≥ 0 is passed over. */
  observe(version: number): void;
}

const COUNTS_PER_MS = 1024;

/** Starts at the wall clock; `observe` what is stored before the first `next`. */
export function versionClock(clock: Clock): VersionClock {
  let last = 0;
  return {
    next() {
      last = Math.max(last + 1, Math.floor(clock.now()) * COUNTS_PER_MS);
      return last;
    },
    observe(version) {
      if (Number.isSafeInteger(version) && version > last) last = version;
    },
  };
}

/** The wall-clock time that a version was made at, in milliseconds since 1970. */
export function versionTimeMs(version: number): number {
  return Math.floor(version / COUNTS_PER_MS);
}
