import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Since } from "../board/tile.tsx";
import { LampIcon } from "../icon.tsx";
import { minute } from "../now.ts";
import { partyName, personOf, type Person } from "../people.ts";
import { isAdministrator, me } from "../session.ts";
import { chosenMe } from "../settings.ts";
import { clockTime, shortAddress, stateName, toneOf } from "../words.ts";
import { close, opened } from "./opened.ts";
import { Story } from "./story.tsx";

/** What there is to know about one person: why he is shown as he is, and his day. */
export function PersonPanel(): JSX.Element | null {
  const person = useComputed(() => (opened.value === "" ? null : personOf(opened.value)));
  return person.value === null ? null : <Panel key={person.value.aor} person={person.value} />;
}

function Panel({ person }: { readonly person: Person }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const { tone, state, detail } = person.view.value;
  const { next, silent } = person.tile.value;
  return (
    <dialog
      class="panel"
      ref={dialog}
      aria-labelledby="panel-name"
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="panel-body">
        <header data-tone={tone}>
          <LampIcon tone={tone} />
          <div>
            <h2 id="panel-name">{person.name}</h2>
            <p class="quiet">{shortAddress(person.aor)}</p>
          </div>
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}><span aria-hidden="true">✕</span></button>
        </header>
        <p class="now" data-tone={tone} role="status">
          <strong>{state}</strong> <Since person={person} />
          {detail !== "" && <span class="now-note">{detail}</span>}
        </p>
        {next?.at != null && <p class="quiet">From {clockTime(next.at, minute.value)}: {stateName({ ...person.tile.value, ...next }, toneOf({ ...person.tile.value, ...next, source: "calendar" }))}</p>}
        {silent.map(({ source, reason }) => (
          <p key={source} class="notice">The {source} is silent: {reason}</p>
        ))}
        <Calls person={person} />
        <Story person={person} />
        {isAdministrator.value && me.value !== person.aor && <button type="button" class="plain this-is-me" onClick={() => (chosenMe.value = person.aor)}>This is me</button>}
      </div>
    </dialog>
  );
}

function Calls({ person }: { readonly person: Person }): JSX.Element | null {
  const { dialogs } = person.lamp.value;
  if (dialogs.length === 0) return null;
  return (
    <section aria-label="Calls">
      <h3>Calls</h3>
      <ul class="calls">
        {dialogs.map(({ id, direction, state, on_hold: isHeld, remote }) => (
          <li key={id}>
            <span aria-hidden="true">{direction === "initiator" ? "↗" : "↙"}</span> {direction === "initiator" ? "to" : "from"} {partyName(remote) || "somebody who is not shown"} · {state === "confirmed" ? (isHeld ? "on hold" : "talking") : direction === "initiator" ? "calling" : "ringing"}
          </li>
        ))}
      </ul>
    </section>
  );
}
