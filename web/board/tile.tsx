import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import { LampIcon } from "../icon.tsx";
import { minute, second } from "../now.ts";
import type { Person } from "../people.ts";
import { elapsed, nextWords } from "../words.ts";
import { open } from "../person/opened.ts";

/** One person. It is drawn anew when his own state changes, and for nobody else's. */
export const Tile = memo(function Tile({ person, isFirst }: { readonly person: Person; readonly isFirst: boolean }): JSX.Element {
  const { tone, state, detail } = person.view.value;
  const { silent } = person.tile.value;
  return (
    <li class="cell">
      <button type="button" class="tile" data-tone={tone} data-aor={person.aor} tabIndex={isFirst ? 0 : -1} onClick={() => open(person.aor)}>
        <LampIcon tone={tone} />
        <span class="line">
          <span class="name">{person.name}</span> <span class="extension">{person.id}</span>
        </span>{" "}
        <span class="line">
          <span class="state">{state}</span> <Since person={person} />
        </span>{" "}
        <span class="line">
          <span class="detail">{detail}</span> <Next person={person} />
        </span>
        {silent.length > 0 && <span class="silent" title={silent.map(({ source, reason }) => `${source}: ${reason}`).join("\n")}>{silent[0]?.source} silent</span>}
      </button>
    </li>
  );
});

/** What comes next: read with the clock, and drawn anew only where the words are others. */
function Next({ person }: { readonly person: Person }): JSX.Element {
  const text = useMemo(() => computed(() => nextWords(person.tile.value.next, minute.value)), [person]);
  return <span class="next">{text}</span>;
}

/** Since when; it ticks by itself. */
export function Since({ person }: { readonly person: Person }): JSX.Element {
  const text = useMemo(
    () =>
      computed(() => {
        const { sinceMs, isCall } = person.view.value;
        return sinceMs === null ? "" : elapsed(sinceMs, isCall ? second.value : minute.value, isCall);
      }),
    [person],
  );
  return <span class="since">{text}</span>;
}
