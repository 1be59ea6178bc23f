import { Counter, Gauge, Registry } from "prom-client";

/** One metric, read from plain numbers when someone asks. Its name ends in its unit: `_seconds`, `_bytes`; a counter's in `_total`. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  /** The one label that its values differ by. */
  readonly label?: string;
  /** One value, or one for each value of the label: a fixed, small set. Undefined: not known on this machine, and left out. */
  readonly read: () => number | undefined | Readonly<Record<string, number>>;
}

/** The text of `GET /metrics`. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A page of those metrics in the text format of Prometheus. Nothing is counted here: the message path knows plain counters only. */
export function metricsPage(metrics: readonly Metric[]): MetricsPage {
  const registry = new Registry();
  for (const metric of metrics) register(metric, registry);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function register({ name, help, kind, label, read }: Metric, registry: Registry): void {
  const labelNames = label === undefined ? [] : [label];
  const collected = (instrument: { reset: () => void; remove: () => void }, take: (labels: Record<string, string>, value: number) => void): void => {
    const value = read();
    instrument.reset();
    if (value === undefined) instrument.remove();
    else if (typeof value === "number") take({}, value);
    else for (const [text, each] of Object.entries(value)) take(label === undefined ? {} : { [label]: text }, each);
  };
  if (kind === "gauge") {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        collected(gauge, (labels, value) => {
          gauge.set(labels, value);
        });
      },
    });
    return;
  }
  const counter: Counter = new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      collected(counter, (labels, value) => {
        counter.inc(labels, value);
      });
    },
  });
}
