import type { JSX } from "preact";
import type { Tone } from "./words.ts";

// One shape a tone, on a grid of 24: what it means is seen without its colour.
const PHONE = "M6.6 3.5 9 3l2 4.6-2 1.6a11 11 0 0 0 5.3 5.3l1.6-2 4.6 2-.5 2.4a3 3 0 0 1-3 2.6C9.8 19.5 4.5 14.2 4.1 6.500a3 3 0 0 1 2.5-3z";
const SHAPES: Readonly<Record<Tone, readonly string[]>> = {
  free: ["M5.5 12.600l4.2 4.200L18.8 7.6"],
  talking: [PHONE],
  held: ["M9 6.500v11", "M15 6.500v11"],
  ringing: ["M12 3.800a5.5 5.5 0 0 0-5.5 5.500v3.900L5 16.200h14l-1.5-3V9.300A5.5 5.5 0 0 0 12 3.800z", "M10 19.300a2.2 2.2 0 0 0 4 0"],
  calling: ["M5 19 19 5", "M9.5 5H19v9.5"],
  dnd: ["M6 12h12"],
  busy: ["M7 7l10 10", "M17 7 7 17"],
  meeting: ["M5 6.500h14v13H5z", "M5 10.500h14", "M9 4v4", "M15 4v4"],
  vacation: ["M12 12a7.5 7.5 0 0 1 7.5-2.600A7.6 7.6 0 0 0 4.5 9.4 7.5 7.5 0 0 1 12 12z", "M12 4v16"],
  away: ["M12 6.500V12l3.7 2.7", "M12 3.800a8.2 8.2 0 1 0 0 16.4 8.2 8.2 0 0 0 0-16.400z"],
  off: [],
};
const FILLED: ReadonlySet<Tone> = new Set<Tone>(["talking"]);

/** The lamp of a tone. */
export function LampIcon({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <span class="lamp" data-tone={tone} aria-hidden="true">
      <svg viewBox="0 0 24 24" fill={FILLED.has(tone) ? "currentColor" : "none"} stroke="currentColor" stroke-width={FILLED.has(tone) ? "0" : "2.2"} stroke-linecap="round" stroke-linejoin="round">
        {SHAPES[tone].map((d) => (
          <path key={d} d={d} />
        ))}
      </svg>
    </span>
  );
}
