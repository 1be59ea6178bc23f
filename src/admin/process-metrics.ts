import { readFileSync } from "node:fs";
import { monitorEventLoopDelay, performance, PerformanceObserver } from "node:perf_hooks";
import type { Metric } from "./metrics.ts";

const NS = 1e-9;
const RESOLUTION_MS = 10;

/** What the process itself costs: memory, and how late its one thread is. */
export interface ProcessMetrics {
  readonly metrics: readonly Metric[];
  stop(): void;
}

/** Starts watching the event loop; to be stopped with the server. The delays are those since the page was read last. */
export function processMetrics(build: { readonly version: string; readonly startedAtMs: number }): ProcessMetrics {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let longestPauseMs = 0;
  const pauses = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longestPauseMs = Math.max(longestPauseMs, entry.duration);
  });
  pauses.observe({ entryTypes: ["gc"] });
  const metrics: readonly Metric[] = [
    { name: "lamplight_build_info", help: "The version that runs; always 1.", kind: "gauge", label: "version", read: () => ({ [build.version]: 1 }) },
    { name: "lamplight_start_time_seconds", help: "When the server started, seconds since 1970.", kind: "gauge", read: () => build.startedAtMs / 1000 },
    { name: "lamplight_resident_memory_bytes", help: "Memory that the process has in RAM.", kind: "gauge", read: residentBytes },
    {
      name: "lamplight_event_loop_delay_seconds",
      help: "How late timers were since the last scrape.",
      kind: "gauge",
      label: "quantile",
      read: () => {
        const late = (ns: number): number => Math.max(0, ns * NS - RESOLUTION_MS / 1000);
        const values = { "0.5": late(delay.percentile(50)), "0.99": late(delay.percentile(99)), "1": late(delay.max) };
        delay.reset();
        return values;
      },
    },
    {
      name: "lamplight_gc_pause_max_seconds",
      help: "The longest garbage-collection pause since the last scrape.",
      kind: "gauge",
      read: () => {
        const longest = longestPauseMs / 1000;
        longestPauseMs = 0;
        return longest;
      },
    },
    { name: "lamplight_event_loop_busy_seconds_total", help: "Time that the thread was not waiting for anything.", kind: "counter", read: () => performance.eventLoopUtilization().active / 1000 },
  ];
  return {
    metrics,
    stop: () => {
      pauses.disconnect();
      delay.disable();
    },
  };
}

/** Bytes that the process has in RAM; undefined where there is no /proc. */
export function residentBytes(): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
