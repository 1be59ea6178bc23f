import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { LampIcon } from "../icon.tsx";
import { LinkState } from "../link-state.tsx";
import { link } from "../live.ts";
import { minute } from "../now.ts";
import { domain, people, type Person } from "../people.ts";
import { nextWords } from "../words.ts";
import { fit } from "./fit.ts";
import { shown } from "./filter.ts";
import { Since } from "./tile.tsx";

const TURN_MS = 12_000;
const HEAD_PX = 72;

/** For a large screen across the room: as many tiles as can be read from there, filling it, never scrolling; more people than fit take turns. */
export function BigBoard(): JSX.Element {
  const size = useSignal({ width: innerWidth, height: innerHeight });
  const turn = useSignal(0);
  const layout = useComputed(() => fit(shown.value.length, size.value.width, size.value.height - HEAD_PX));
  const pages = useComputed(() => Math.max(1, Math.ceil(shown.value.length / Math.max(1, layout.value.columns * layout.value.rows))));
  useEffect(() => {
    const resized = (): void => {
      size.value = { width: innerWidth, height: innerHeight };
    };
    const timer = setInterval(() => turn.value++, TURN_MS);
    window.addEventListener("resize", resized);
    return () => {
      clearInterval(timer);
      window.removeEventListener("resize", resized);
    };
  }, [size, turn]);
  const { columns, rows, unit } = layout.value;
  const at = turn.value % pages.value;
  const visible = shown.value.slice(at * columns * rows, (at + 1) * columns * rows);
  return (
    <div class="big" data-stale={link.value === "stale"} style={{ "--columns": columns, "--rows": rows, "--unit": `${String(unit)}px` }}>
      <header>
        <img src="./lamplight.svg" alt="" width="44" height="44" />
        <h1>{domain}</h1>
        {pages.value > 1 && <p class="pages">{at + 1} of {pages}</p>}
        <LinkState />
        <time>{new Date(minute.value).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}</time>
      </header>
      <main>
        {people.value.length === 0 && <p class="waiting">{link.value === "connecting" ? "Connecting …" : "Nobody is in the directory yet."}</p>}
        <ul class="big-grid" role="list" aria-label="People">
          {visible.map((person) => (
            <BigTile key={person.aor} person={person} />
          ))}
        </ul>
      </main>
    </div>
  );
}

function BigTile({ person }: { readonly person: Person }): JSX.Element {
  const { tone, state, detail } = person.view.value;
  const { next, silent } = person.tile.value;
  const more = detail !== "" ? detail : next !== null ? nextWords(next, minute.value) : silent.map(({ source }) => `${source} silent`).join(", ");
  return (
    <li class="big-tile" data-tone={tone}>
      <LampIcon tone={tone} />
      <span class="name">{person.name}</span>
      <span class="state">{state} <Since person={person} /></span>
      <span class="detail">{more}</span>
    </li>
  );
}
