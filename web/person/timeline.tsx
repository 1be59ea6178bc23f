import { useComputed, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import type { History } from "../facts.ts";
import { clockTime, stateName, toneOf } from "../words.ts";

const HOUR = 3_600_000;
/** The part of a day that is shown at least. */
const OFFICE_BEGINS = 7;
const OFFICE_ENDS = 19;

interface Block {
  readonly from: number;
  readonly until: number;
  readonly tone: string;
  readonly name: string;
  readonly isPlanned: boolean;
}

/** The states of a day as blocks on a line; a moment on it can be chosen to be explained. */
export function Timeline({ day, at }: { readonly day: History; readonly at: Signal<number | null> }): JSX.Element {
  const blocks = useComputed<readonly Block[]>(() => day.states.map((state) => {
    const presence = { ...state, aor: "", since: null };
    const tone = toneOf(presence);
    return { from: Date.parse(state.from), until: Date.parse(state.until), tone, name: stateName(presence, tone), isPlanned: state.planned };
  })).value;
  const midnight = Date.parse(day.from);
  const now = Date.parse(day.now);
  const awake = blocks.filter(({ tone }) => tone !== "off");
  const first = Math.min(midnight + OFFICE_BEGINS * HOUR, floorHour(midnight, awake[0]?.from ?? Infinity), floorHour(midnight, now));
  const last = Math.max(midnight + OFFICE_ENDS * HOUR, ...awake.map(({ until }) => (until >= Date.parse(day.to) ? 0 : floorHour(midnight, until) + HOUR)), floorHour(midnight, now) + HOUR);
  const place = (ms: number): number => (Math.min(1, Math.max(0, (ms - first) / (last - first)))) * 100;
  const hours = Array.from({ length: Math.round((last - first) / HOUR) + 1 }, (_, index) => first + index * HOUR);
  const every = hours.length > 14 ? 3 : 2;
  const choose = (ms: number): void => {
    at.value = ms >= now ? null : Math.round(ms);
  };
  return (
    <div class="timeline">
      <div class="track">
        {blocks.filter(({ until, from }) => until > first && from < last).map((block) => (
          <button
            key={`${String(block.from)} ${String(block.isPlanned)}`}
            type="button"
            class="block"
            data-tone={block.tone}
            data-planned={block.isPlanned}
            style={{ left: `${String(place(block.from))}%`, width: `${String(Math.max(0.4, place(block.until) - place(block.from)))}%` }}
            title={`${clock(block.from)} – ${clock(block.until)}  ${block.name}${block.isPlanned ? " (planned)" : ""}`}
            aria-label={`${clock(block.from)} to ${clock(block.until)}: ${block.name}${block.isPlanned ? ", planned" : ""}`}
            onClick={(event) => {
              if (block.isPlanned) return;
              const box = event.currentTarget.parentElement?.getBoundingClientRect();
              const inside = box === undefined || event.detail === 0 ? block.from + (block.until - block.from) / 2 : first + ((event.clientX - box.left) / box.width) * (last - first);
              choose(Math.min(Math.max(inside, block.from + 1), block.until - 1));
            }}
          />
        ))}
        <span class="mark" style={{ left: `${String(place(now))}%` }} />
        {at.value !== null && <span class="mark chosen" style={{ left: `${String(place(at.value))}%` }} />}
      </div>
      <div class="hours" aria-hidden="true">
        {hours.filter((_, index) => index % every === 0 && index < hours.length - 1).map((ms) => (
          <span key={ms} style={{ left: `${String(place(ms))}%` }}>{clock(ms)}</span>
        ))}
      </div>
      {day.states.length === 0 ? <p class="quiet">Nothing is recorded of this day yet.</p> : <p class="quiet">Choose a moment to see why it was so. Striped: planned.</p>}
    </div>
  );
}

function floorHour(midnight: number, ms: number): number {
  return midnight + Math.floor((ms - midnight) / HOUR) * HOUR;
}

function clock(ms: number): string {
  return clockTime(new Date(ms).toISOString(), ms);
}
