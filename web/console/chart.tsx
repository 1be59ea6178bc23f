import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../settings.ts";

interface Props {
  readonly title: string;
  readonly at: readonly number[];
  readonly values: readonly (number | null)[];
  readonly unit: (value: number) => string;
}

const HEIGHT = 130;
const SPAN_SECONDS_MIN = 300;
const SPAN_SECONDS_MAX = 3600;
/** So few points are no line yet. */
const DOTS_MAX = 3;

/** From when to when the chart goes, seconds since 1970: all points, but no less than five minutes, for a server that has just started, and no more than an hour. */
function spanOf(at: readonly number[]): [number, number] {
  const last = at.at(-1) ?? 0;
  return [last - Math.min(SPAN_SECONDS_MAX, Math.max(SPAN_SECONDS_MIN, last - (at[0] ?? last))), last];
}

/** A small chart of the last hour, with its newest value and its highest. */
export function Chart({ title, at, values, unit }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const times = useRef(at);
  times.current = at;
  const known = values.filter((value) => value !== null);
  const newest = known.at(-1);
  const highest = known.length === 0 ? undefined : Math.max(...known);
  const look = theme.value;
  useEffect(() => {
    const place = box.current;
    if (place === null) return undefined;
    const style = getComputedStyle(place);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = { stroke: colour("--chart-text"), grid: { stroke: colour("--chart-line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const made = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 6, 0, 0],
        scales: { x: { time: true, range: () => spanOf(times.current) }, y: { range: (_plot, _min, max) => [0, Math.max(max * 1.15, Number.EPSILON + (max > 0 ? 0 : 1))] } },
        axes: [{ ...axis, size: 26, space: 70, values: (_plot, ticks) => ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) }, { ...axis, size: 54, space: 34, values: (_plot, ticks) => ticks.map(unit) }],
        series: [{}, { stroke: colour("--chart-stroke"), fill: colour("--chart-fill"), width: 1.6, points: { show: () => times.current.length <= DOTS_MAX, size: 4 }, spanGaps: false }],
      },
      [[], []],
      place,
    );
    plot.current = made;
    const sized = new ResizeObserver(() => {
      made.setSize({ width: place.clientWidth, height: HEIGHT });
    });
    sized.observe(place);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look, unit]);
  useEffect(() => {
    plot.current?.setData([[...at], [...values]]);
  }, [at, values, look]);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <strong>{newest === undefined ? "–" : unit(newest)}</strong>
        <span class="quiet">{highest === undefined ? "counting …" : `at most ${unit(highest)}`}</span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}, the last hour: now ${newest === undefined ? "unknown" : unit(newest)}, at most ${highest === undefined ? "unknown" : unit(highest)}`} />
    </figure>
  );
}
