import type { JSX } from "preact";
import type { Health as HealthFacts } from "../facts.ts";
import { Chart } from "./chart.tsx";
import { useFresh } from "./fresh.ts";

interface Shown {
  readonly name: string;
  readonly title: string;
  readonly unit: (value: number) => string;
  readonly scale?: number;
}

const plain = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en") : String(Math.round(value * 10) / 10));
const CHARTS: readonly Shown[] = [
  { name: "calls", title: "Calls in progress", unit: plain },
  { name: "calls_per_second", title: "New calls a second", unit: plain },
  { name: "notifies_per_second", title: "NOTIFYs a second", unit: plain },
  { name: "requests_per_second", title: "SIP requests a second", unit: plain },
  { name: "event_loop_delay_p99_seconds", title: "Event loop delay, 99th percentile", unit: (value) => `${plain(value)} ms`, scale: 1000 },
  { name: "event_loop_delay_max_seconds", title: "Event loop delay, worst", unit: (value) => `${plain(value)} ms`, scale: 1000 },
  { name: "memory_bytes", title: "Memory", unit: (value) => `${plain(value)} MB`, scale: 1 / 1048576 },
  { name: "registrations", title: "Registered phones", unit: plain },
  { name: "subscriptions", title: "Subscriptions", unit: plain },
];

/** How the server itself is: the last hour. */
export function Health(): JSX.Element {
  const { answer, trouble } = useFresh<HealthFacts>("api/health/series", 10_000);
  const facts = answer.value;
  return (
    <section aria-labelledby="page-title">
      <div class="page-head">
        <div>
          <h1 id="page-title">Health</h1>
          <p class="quiet">The last hour of this server, a point every {facts?.step_seconds ?? 10} seconds. <a href="metrics">/metrics</a> has everything.</p>
        </div>
      </div>
      <p class="trouble" role="alert">{trouble}</p>
      {facts === null ? (
        <p class="waiting">Reading …</p>
      ) : (
        <div class="charts">
          {CHARTS.map(({ name, title, unit, scale = 1 }) => (
            <Chart key={name} title={title} at={facts.at} values={(facts.series[name] ?? []).map((value) => (value === null ? null : value * scale))} unit={unit} />
          ))}
        </div>
      )}
    </section>
  );
}
