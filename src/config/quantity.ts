import { misfit, scalar } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** So many events in so long. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** How long something is granted: what is asked for is kept between `minSeconds` and `maxSeconds`, `defaultSeconds` when nothing is asked for. */
export interface Expires {
  readonly defaultSeconds: number;
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

const unitMs = new Map([["ms", 1], ["s", 1000], ["m", 60_000], ["min", 60_000], ["h", 3_600_000], ["d", 86_400_000]]);
const unitBytes = new Map([["B", 1], ["kB", 1024], ["MB", 1024 * 1024]]);

/** A time such as `500ms`, `10s`, `5m`, `1h`, `2d`, in milliseconds; null when it is none. */
export function parseDuration(text: string): number | null {
  return amount(text, unitMs);
}

/** A size such as `32kB` (1 kB is 1024 bytes), in bytes; null when it is none. */
export function parseSize(text: string): number | null {
  return amount(text, unitBytes);
}

/** A rate such as `5/min`; null when it is none. */
export function parseRate(text: string): Rate | null {
  const [, count, unit] = /^(\d{1,9})\/(s|m|min|h|d)$/.exec(text) ?? [];
  const perMs = unitMs.get(unit ?? "");
  return count === undefined || perMs === undefined || Number(count) === 0 ? null : { count: Number(count), perMs };
}

function amount(text: string, units: ReadonlyMap<string, number>): number | null {
  const [, count, unit] = /^(\d{1,12})([A-Za-z]+)$/.exec(text) ?? [];
  const factor = units.get(unit ?? "");
  if (count === undefined || factor === undefined) return null;
  const total = Number(count) * factor;
  return Number.isSafeInteger(total) ? total : null;
}

/** Reads a time between `minMs` and `maxMs`, in milliseconds. `example` is one that would fit. */
export function duration(minMs: number, maxMs: number, example: string): Reader<number> {
  return bounded(`a time such as ${example}`, parseDuration, minMs, maxMs, durationText, "s");
}

/** Reads a size between two bounds, in bytes. */
export function size(minBytes: number, maxBytes: number, example: string): Reader<number> {
  return bounded(`a size such as ${example}`, parseSize, minBytes, maxBytes, sizeText, "B");
}

function bounded(wants: string, parse: (text: string) => number | null, min: number, max: number, show: (amount: number) => string, unit: string): Reader<number> {
  return {
    wants,
    read(value, name, context) {
      const amount = value.kind === "scalar" ? parse(value.text) : null;
      if (amount !== null && amount >= min && amount <= max) return amount;
      if (amount !== null) misfit(value, name, `a value from ${show(min)} to ${show(max)}`, context);
      else if (value.kind === "scalar" && /^\d+$/.test(value.text)) context.report.mistake(value.offset, `${value.text} has no unit`, `write ${value.text}${unit}, ${wants}`);
      else misfit(value, name, wants, context);
      return undefined;
    },
  };
}

/** Reads a whole number between two bounds. */
export function whole(min: number, max: number): Reader<number> {
  return scalar(`a whole number from ${String(min)} to ${String(max)}`, (text, type) => {
    const number = (type === "number" || type === "free") && /^\d{1,15}$/.test(text) ? Number(text) : -1;
    return number >= min && number <= max ? number : undefined;
  });
}

/** Reads a rate such as `5/min`. */
export const rate: Reader<Rate> = scalar("a rate such as 5/min", (text) => parseRate(text) ?? undefined);

/** A time as a user would write it: `90s`, `1h`. */
export function durationText(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const factor = unitMs.get(unit) ?? 1;
    if (ms !== 0 && ms % factor === 0) return `${String(ms / factor)}${unit}`;
  }
  return ms === 0 ? "0s" : `${String(ms)}ms`;
}

/** A size as a user would write it: `32kB`. */
export function sizeText(bytes: number): string {
  if (bytes % (1024 * 1024) === 0) return `${String(bytes / 1024 / 1024)}MB`;
  return bytes % 1024 === 0 ? `${String(bytes / 1024)}kB` : `${String(bytes)}B`;
}
