import { batch, computed, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { Lamp, PersonFact, Registration, Snapshot, Tile } from "./facts.ts";
import { ownNote, stateName, toneOf, userPart, type Tone } from "./words.ts";

/** Somebody, and what is known of him now. A change of his state touches his own tile and nobody else's. */
export interface Person {
  readonly aor: string;
  readonly id: string;
  readonly name: string;
  /** What a search looks through, in lower case. */
  readonly haystack: string;
  readonly groups: readonly string[];
  readonly site: string;
  readonly tile: Signal<Tile>;
  readonly lamp: Signal<Lamp>;
  readonly phones: Signal<number>;
  readonly view: ReadonlySignal<PersonView>;
}

/** What a tile shows. */
export interface PersonView {
  readonly tone: Tone;
  readonly state: string;
  /** With whom he talks, or his note. */
  readonly detail: string;
  /** Since when he is in this state, ms since 1970; null when nobody knows. */
  readonly sinceMs: number | null;
  readonly isCall: boolean;
}

/** Everybody, in the order of the directory. */
export const people = signal<readonly Person[]>([]);
export const domain = signal("");
/** People whom the server did not name because they are too many. */
export const unnamed = signal(0);
/** Grows with every change of any state: for what counts over all people. */
export const revision = signal(0);

/** Counting over everybody can wait a moment. */
const COUNT_MS = 150;
let counting = 0;

function changed(): void {
  if (counting !== 0) return;
  counting = window.setTimeout(() => {
    counting = 0;
    revision.value++;
  }, COUNT_MS);
}

const byAor = new Map<string, Person>();

/** Somebody by his address. */
export function personOf(aor: string): Person | null {
  return byAor.get(aor) ?? null;
}

/** Takes over everything that a stream begins with. Who was known keeps his tile. */
export function takeSnapshot(snapshot: Snapshot): void {
  batch(() => {
    domain.value = snapshot.domain;
    unnamed.value = Math.max(0, snapshot.people_count - snapshot.people.length);
    const phones = new Map(snapshot.registrations.map(({ aor, contacts }) => [aor, contacts.length]));
    const before = people.value;
    const now = snapshot.people.map((fact, index) => {
      const tile = snapshot.presence[index] ?? offline(fact.aor);
      const lamp = snapshot.lamps[index] ?? { aor: fact.aor, state: "idle", since: null, dialogs: [] };
      const known = byAor.get(fact.aor);
      const person = known !== undefined && isSame(known, fact) ? known : makePerson(fact, tile, lamp);
      if (JSON.stringify(person.tile.value) !== JSON.stringify(tile)) person.tile.value = tile;
      if (JSON.stringify(person.lamp.value) !== JSON.stringify(lamp)) person.lamp.value = lamp;
      person.phones.value = phones.get(fact.aor) ?? 0;
      return person;
    });
    byAor.clear();
    for (const person of now) byAor.set(person.aor, person);
    if (now.length !== before.length || now.some((person, index) => person !== before[index])) people.value = now;
    revision.value++;
  });
}

/** A person's state is another one. */
export function takeState(tile: Tile): void {
  const person = byAor.get(tile.aor);
  if (person === undefined) return;
  person.tile.value = tile;
  changed();
}

/** A person's lamp is another one. */
export function takeLamp(lamp: Lamp): void {
  const person = byAor.get(lamp.aor);
  if (person === undefined) return;
  person.lamp.value = lamp;
  changed();
}

/** A person's phones came or went. */
export function takeRegistration({ aor, contacts }: Registration): void {
  const person = byAor.get(aor);
  if (person !== undefined) person.phones.value = contacts.length;
}

/** With whom a call is: a name of ours, the name that the phone shows, or the number; empty where it is not shown. */
export function partyName({ uri, display }: { readonly uri: string; readonly display: string }): string {
  if (uri === "" || uri.endsWith("@anonymous.invalid")) return "";
  return byAor.get(uri)?.name ?? (display === "" ? userPart(uri) : display);
}

function makePerson(fact: PersonFact, tile: Tile, lamp: Lamp): Person {
  const tileSignal = signal(tile);
  const lampSignal = signal(lamp);
  const { aor, id, name, numbers = [], groups = [], site = "" } = fact;
  return {
    aor,
    id,
    name,
    groups,
    site,
    haystack: [name, id, ...numbers, ...numbers.map((number) => number.replace(/[^\d+]/g, "")), ...groups, site].join("\n").toLowerCase(),
    tile: tileSignal,
    lamp: lampSignal,
    phones: signal(0),
    view: computed(() => viewOf(tileSignal.value, lampSignal.value)),
  };
}

function viewOf(tile: Tile, lamp: Lamp): PersonView {
  const tone = toneOf(tile, lamp.state);
  const state = stateName(tile, tone);
  const isCall = lamp.state !== "idle";
  const since = isCall ? lamp.since : tile.since;
  const shown = lamp.dialogs.find((dialog) => lampOfDialog(dialog.state, dialog.direction, dialog.on_hold) === lamp.state);
  const other = shown === undefined ? "" : partyName(shown.remote);
  const preposition = tone === "calling" || (tone !== "ringing" && shown?.direction === "initiator") ? "to" : tone === "ringing" || shown?.direction === "recipient" ? "from" : "with";
  const words = tone === "talking" || tone === "held" ? "with" : preposition;
  return { tone, state, detail: other === "" ? ownNote(tile, state) : `${words} ${other}`, sinceMs: since === null ? null : Date.parse(since), isCall };
}

function lampOfDialog(state: string, direction: string, isHeld: boolean): string {
  if (state === "confirmed") return isHeld ? "held" : "talking";
  return direction === "initiator" ? "calling" : "ringing";
}

function isSame(person: Person, { id, name, numbers = [], groups = [], site = "" }: PersonFact): boolean {
  return person.id === id && person.name === name && person.site === site && person.groups.join("\n") === groups.join("\n") && numbers.every((number) => person.haystack.includes(number.toLowerCase()));
}

function offline(aor: string): Tile {
  return { aor, basic: "closed", activities: [], note: "Offline", since: null, source: "registration", next: null, silent: [] };
}
