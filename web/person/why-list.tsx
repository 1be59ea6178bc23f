import type { JSX } from "preact";
import type { Input, Why } from "../facts.ts";
import { minute } from "../now.ts";
import { clockTime, sentence, shortAddress, sourceName, stateName, toneOf } from "../words.ts";
import { LampIcon } from "../icon.tsx";

const WATCHERS_SHOWN = 8;

/** Which sources said what, who won, and why the others lost; and who was told. */
export function WhyList({ why }: { readonly why: Why }): JSX.Element {
  const winner = why.inputs.find(({ won }) => won);
  const tone = toneOf(why.document);
  return (
    <>
      <p class="because">
        <LampIcon tone={tone} />
        <span>
          <strong>{stateName(why.document, tone)}</strong>
          {winner === undefined ? "" : `, because ${because(winner)}`}
        </span>
      </p>
      <ol class="inputs">
        {why.inputs.map((input) => (
          <Said key={`${input.source} ${input.key}`} input={input} />
        ))}
      </ol>
      {why.watchers.length > 0 && (
        <details>
          <summary>{why.watchers.length} {why.watchers.length === 1 ? "watcher was" : "watchers were"} told</summary>
          <ul class="watchers">
            {why.watchers.slice(0, WATCHERS_SHOWN).map(({ watcher, event, sent }) => (
              <li key={`${watcher} ${event}`}>
                {shortAddress(watcher)} <span class="quiet">({event === "dialog" ? "lamp" : event})</span>: {sent === null ? "nothing yet" : `“${sent.what}”${sent.at === null ? "" : ` at ${clockTime(sent.at, minute.value)}`}${sent.status === null ? "" : `, answered ${String(sent.status)}`}`}
              </li>
            ))}
            {why.watchers.length > WATCHERS_SHOWN && <li class="quiet">and {why.watchers.length - WATCHERS_SHOWN} more</li>}
          </ul>
        </details>
      )}
    </>
  );
}

function Said({ input }: { readonly input: Input }): JSX.Element {
  const { source, kind, basic, activities, note, since, from, until, rank, won, reason } = input;
  const said = [activities.map(sentence).join(", "), note === null ? "" : `“${note}”`, activities.length === 0 && basic !== null ? (basic === "open" ? "reachable" : "not reachable") : ""].filter((text) => text !== "").join(" · ");
  const times = [from === null ? "" : `from ${clockTime(from, minute.value)}`, since === null || from !== null ? "" : `since ${clockTime(since, minute.value)}`, until === null ? "" : `until ${clockTime(until, minute.value)}`].filter((text) => text !== "").join(", ");
  return (
    <li class="input" data-won={won} data-idle={rank === null}>
      <p>
        <strong>{sourceName(source)}{kind === "early" ? " (ringing)" : ""}</strong> {said === "" ? "nothing in particular" : said}
        {won && <span class="badge">counts</span>}
      </p>
      {times !== "" && <p class="quiet">{times}</p>}
      <p class="reason">{reason.charAt(0).toUpperCase() + reason.slice(1)}</p>
    </li>
  );
}

function because({ source, kind, basic, note }: Input): string {
  switch (source) {
    case "dialog":
      return kind === "early" ? "a call is ringing" : note === "On hold" ? "a call is on hold" : "of a call";
    case "override":
      return "of this person's own choice";
    case "do-not-disturb":
      return "do-not-disturb is on";
    case "calendar":
      return "the calendar says so";
    case "publish":
      return "a phone says so";
    case "api":
      return "a program says so";
    default:
      return basic === "open" ? "a phone is registered and nothing else is known" : "no phone is registered";
  }
}
