import { useComputed, useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { ask, presencePath } from "../api.ts";
import { fieldText } from "../form.ts";
import { LampIcon } from "../icon.tsx";
import { minute } from "../now.ts";
import { people, personOf } from "../people.ts";
import { isAdministrator, me } from "../session.ts";
import { chosenMe } from "../settings.ts";
import { elapsed } from "../words.ts";
import { ENDS, secondsUntil } from "./ends.ts";

const CHOICES = [
  { name: "Available", activities: [] },
  { name: "Away", activities: ["away"] },
  { name: "Busy", activities: ["busy"] },
  { name: "In a meeting", activities: ["meeting"] },
  { name: "Lunch", activities: ["meal"] },
] as const;

/** My own state: what I am, and what I choose to be. */
export function MyState(): JSX.Element {
  const person = useComputed(() => (people.value.length > 0 ? personOf(me.value) : null));
  if (person.value === null) {
    return isAdministrator.value ? <PickMe /> : <span />;
  }
  const { tone, state, sinceMs } = person.value.view.value;
  return (
    <details class="me" name="me">
      <summary>
        <LampIcon tone={tone} />
        <span class="me-name">{person.value.name}</span>
        <span class="me-state">{state}{sinceMs === null ? "" : ` · ${elapsed(sinceMs, minute.value, false)}`}</span>
      </summary>
      <Choose aor={person.value.aor} />
    </details>
  );
}

function PickMe(): JSX.Element {
  return (
    <label class="pick-me">
      <span>I am</span>
      <select value={chosenMe.value} onChange={(event) => (chosenMe.value = event.currentTarget.value)}>
        <option value="">…</option>
        {people.value.map(({ aor, name, id }) => (
          <option key={aor} value={aor}>{name} ({id})</option>
        ))}
      </select>
    </label>
  );
}

function Choose({ aor }: { readonly aor: string }): JSX.Element {
  const trouble = useSignal("");
  const done = useSignal("");
  const tell = async (method: "PUT" | "DELETE", path: string, body?: unknown, said = "Done."): Promise<void> => {
    const outcome = await ask<unknown>(method, path, body);
    trouble.value = outcome.ok ? "" : outcome.message;
    done.value = outcome.ok ? said : "";
  };
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget, event.submitter);
    const text = (name: string): string => fieldText(fields, name).trim();
    const choice = CHOICES.find(({ name }) => name === text("state")) ?? CHOICES[0];
    const seconds = secondsUntil(text("end"), new Date());
    void tell("PUT", presencePath(aor), { activities: [...choice.activities], override: true, ...(text("note") === "" ? {} : { note: text("note") }), ...(seconds === null ? {} : { expires_seconds: seconds }) }, `You are shown as ${choice.name.toLowerCase()}.`);
  };
  return (
    <form class="choose" onSubmit={submit}>
      <p class="quiet">Your own choice beats your calendar; a call beats both. It ends by itself where a calendar entry begins or ends.</p>
      <div class="fields">
        <label class="field"><span>Note (if you like)</span><input name="note" maxLength={200} placeholder="Back at four" autocomplete="off" /></label>
        <label class="field">
          <span>Until</span>
          <select name="end">
            {ENDS.map(({ key, name }) => (
              <option key={key} value={key}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <div class="choices">
        {CHOICES.map(({ name }) => (
          <button key={name} type="submit" name="state" value={name} class="choice">{name}</button>
        ))}
        <button type="button" class="choice" onClick={() => void tell("PUT", presencePath(aor), { do_not_disturb: true }, "Your phones are told to leave you in peace.")}>Do not disturb</button>
      </div>
      <div class="foot">
        <button type="button" class="plain" onClick={() => void tell("DELETE", presencePath(aor, "?source=override"), undefined, "Automatic again.").then(() => tell("PUT", presencePath(aor), { do_not_disturb: false }, "Automatic again."))}>Back to automatic</button>
        {isAdministrator.value && <button type="button" class="plain" onClick={() => (chosenMe.value = "")}>I am somebody else</button>}
        <span role="status" class="done">{done}</span>
        <span role="alert" class="trouble">{trouble}</span>
      </div>
    </form>
  );
}
