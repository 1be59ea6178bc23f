import { computed, signal } from "@preact/signals";
import { dependsOn } from "../depends.ts";
import { people, revision, type Person } from "../people.ts";
import type { Tone } from "../words.ts";

/** Kinds of people that one looks for. */
export type Kind = "free" | "phone" | "busy" | "away" | "off";

/** The kinds with their names, in the order in which they are offered. */
export const KINDS: readonly (readonly [Kind, string])[] = [["free", "Available"], ["phone", "On the phone"], ["busy", "Busy"], ["away", "Away"], ["off", "Offline"]];

const KIND_OF: Readonly<Record<Tone, Kind>> = {
  free: "free", talking: "phone", held: "phone", ringing: "phone", calling: "phone", dnd: "busy", busy: "busy", meeting: "busy", away: "away", vacation: "away", off: "off",
};

/** What is typed in the search. */
export const search = signal("");
/** One kind only; null for everybody. */
export const kind = signal<Kind | null>(null);
/** One group or site only; empty for all. */
export const group = signal("");

/** Groups and sites that there are. */
export const groups = computed<readonly string[]>(() => [...new Set(people.value.flatMap((person) => [...person.groups, ...(person.site === "" ? [] : [person.site])]))].toSorted());

const found = computed<readonly Person[]>(() => {
  const words = search.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return people.value.filter((person) => words.every((word) => person.haystack.includes(word)) && (group.value === "" || person.groups.includes(group.value) || person.site === group.value));
});

/** How many of those who were found are of each kind. */
export const counts = computed<Readonly<Record<Kind, number>>>(() => {
  const sum = { free: 0, phone: 0, busy: 0, away: 0, off: 0 };
  dependsOn(revision);
  for (const person of found.value) sum[kindOf(person)]++;
  return sum;
});

/** Whom the board shows. */
export const shown = computed<readonly Person[]>(() => {
  const wanted = kind.value;
  if (wanted === null) return found.value;
  dependsOn(revision);
  return found.value.filter((person) => kindOf(person) === wanted);
});

/** Everything is shown again. */
export function clearFilter(): void {
  search.value = "";
  kind.value = null;
  group.value = "";
}

/** Read without following: `revision` tells when to look again. */
function kindOf(person: Person): Kind {
  return KIND_OF[person.view.peek().tone];
}
