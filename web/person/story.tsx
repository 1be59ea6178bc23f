import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { ask, presencePath, type Outcome } from "../api.ts";
import { dependsOn } from "../depends.ts";
import type { History, Why } from "../facts.ts";
import { minute, serverNow } from "../now.ts";
import type { Person } from "../people.ts";
import { clockTime } from "../words.ts";
import { Timeline } from "./timeline.tsx";
import { WhyList } from "./why-list.tsx";

/** A person's day, and why he is, or was, what he is. */
export function Story({ person }: { readonly person: Person }): JSX.Element {
  /** The moment that is explained, ms since 1970; null for now. */
  const at = useSignal<number | null>(null);
  const day = useSignal<Outcome<History> | null>(null);
  const why = useSignal<Outcome<Why> | null>(null);
  // Whatever changes about him may change the answers.
  const key = useComputed(() => `${JSON.stringify(person.tile.value)} ${person.lamp.value.state}`);
  useSignalEffect(() => {
    dependsOn(key, minute);
    const now = new Date(serverNow());
    const from = new Date(now);
    from.setHours(0, 0, 0, 0);
    const to = new Date(from);
    to.setDate(to.getDate() + 1);
    void ask<History>("GET", presencePath(person.aor, `/history?from=${from.toISOString()}&to=${to.toISOString()}`)).then((found) => {
      day.value = found;
    });
  });
  useSignalEffect(() => {
    if (at.value === null) dependsOn(key);
    const asked = at.value;
    void ask<Why>("GET", presencePath(person.aor, asked === null ? "/why" : `/why?at=${new Date(asked).toISOString()}`)).then((found) => {
      if (at.peek() === asked) why.value = found;
    });
  });
  return (
    <>
      <section aria-labelledby="day-title">
        <h3 id="day-title">Today</h3>
        {day.value === null ? <p class="quiet">…</p> : day.value.ok ? <Timeline day={day.value.value} at={at} /> : <p class="trouble">{day.value.message}</p>}
      </section>
      <section aria-labelledby="why-title" aria-live="polite">
        <h3 id="why-title">
          Why{at.value === null ? "" : ` at ${clockTime(new Date(at.value).toISOString(), minute.value)}`}?
          {at.value !== null && <button type="button" class="plain" onClick={() => (at.value = null)}>Back to now</button>}
        </h3>
        {why.value === null ? <p class="quiet">…</p> : why.value.ok ? <WhyList why={why.value.value} /> : <p class="trouble">{why.value.message}</p>}
      </section>
    </>
  );
}
