import { healthSeries, type HealthReading, type HealthSeries } from "./admin/health-series.ts";
import { residentBytes } from "./admin/process-metrics.ts";
import { json, type AdminRoute } from "./admin/route.ts";
import type { Clock } from "./base/clock.ts";
import type { MeasuredParts } from "./web-metrics.ts";

/** Takes the points of the server's health. */
export function webHealth(server: MeasuredParts, clock: Clock): HealthSeries {
  const level = (name: string, read: () => number): HealthReading => ({ name, kind: "level", read });
  const rate = (name: string, read: () => number): HealthReading => ({ name, kind: "rate", read });
  return healthSeries(clock, [
    level("calls", () => server.dialogs.count),
    rate("calls_per_second", () => server.dialogs.begun),
    rate("notifies_per_second", () => server.subscriptions.counters.notifiesSent),
    rate("requests_per_second", () => server.layer.counts.requests),
    level("registrations", () => server.registrar.counts.bindings),
    level("subscriptions", () => server.subscriptions.counts().subscriptions),
    level("transactions", () => server.layer.table.count),
    level("memory_bytes", () => residentBytes() ?? 0),
  ]);
}

/** `GET /api/health/series`: the last hour, for the charts of the page. */
export function healthRoute(health: HealthSeries): AdminRoute {
  return { method: "GET", path: "/api/health/series", access: "token", answer: () => json(health.answer()) };
}
