import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Cancel, Clock } from "../base/clock.ts";

/** How often a point is taken. */
export const healthStepMs = 10_000;
/** How many are kept: an hour of them. */
export const healthPointsMax = 360;
const NS = 1e-9;
const RESOLUTION_MS = 10;

/** What is read at every point: `level` is shown as it is, `rate` is a counter that is shown as so many a second. */
export interface HealthReading {
  readonly name: string;
  readonly kind: "level" | "rate";
  readonly read: () => number;
}

/** The last hour of a server's health: one number a reading and point, oldest first. */
export interface HealthAnswer {
  readonly step_seconds: number;
  /** When the points were taken, seconds since 1970. */
  readonly at: readonly number[];
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

/** Keeps the last hour, so that a page that is opened when something is odd shows what led to it. */
export interface HealthSeries {
  readonly answer: () => HealthAnswer;
  readonly stop: Cancel;
}

/** Starts taking points; how late the event loop was at worst and in its 99th percentile is among them, in seconds. */
export function healthSeries(clock: Clock, readings: readonly HealthReading[]): HealthSeries {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const at: number[] = [];
  const names = [...readings.map(({ name }) => name), "event_loop_delay_p99_seconds", "event_loop_delay_max_seconds"];
  const points = new Map<string, (number | null)[]>(names.map((name) => [name, []]));
  const before = new Map<string, number>();
  let takenAt = clock.now();
  let timer: Cancel | null = null;

  const push = (name: string, value: number | null): void => {
    const values = points.get(name);
    values?.push(value);
    if (values !== undefined && values.length > healthPointsMax) values.shift();
  };
  const late = (ns: number): number => Math.max(0, Math.round((ns * NS - RESOLUTION_MS / 1000) * 1e6) / 1e6);
  const take = (): void => {
    const now = clock.now();
    const seconds = Math.max(0.001, (now - takenAt) / 1000);
    takenAt = now;
    at.push(Math.round(now / 1000));
    if (at.length > healthPointsMax) at.shift();
    for (const { name, kind, read } of readings) {
      const value = read();
      const last = before.get(name);
      before.set(name, value);
      if (kind === "level") push(name, value);
      else push(name, last === undefined ? null : Math.max(0, Math.round(((value - last) / seconds) * 100) / 100));
    }
    push("event_loop_delay_p99_seconds", late(delay.percentile(99)));
    push("event_loop_delay_max_seconds", late(delay.max));
    delay.reset();
  };
  const tick = (): void => {
    take();
    timer = clock.after(healthStepMs, tick);
  };
  tick();
  return {
    answer: () => ({ step_seconds: healthStepMs / 1000, at, series: Object.fromEntries(points) }),
    stop: () => {
      timer?.();
      delay.disable();
    },
  };
}
