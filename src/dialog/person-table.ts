import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { DialogState } from "../documents/dialog-info.ts";
import { isShown } from "./dialog.ts";
import type { Party, Person } from "./party.ts";

/** Dialogs of one person that have not ended; those beyond it are not shown. */
export const dialogsPerAorMax = 64;
/** Dialogs of one person that are still shown as terminated; the oldest go first. */
export const lingeringPerAorMax = 4;
/** How long a dialog that ended stays visible as `terminated`, so that the next document still names it to those who saw it before. */
export const lingerMs = 5_000;

/** Who has which part in which call. */
export class PersonTable {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #timerKind: number;
  readonly #byAor = new Map<Aor, Person>();
  readonly #byNumber: Person[] = [];

  constructor(deps: { readonly clock: Clock; readonly wheel: TimerWheel }) {
    this.#clock = deps.clock;
    this.#wheel = deps.wheel;
    this.#timerKind = deps.wheel.kind((number) => {
      const person = this.#byNumber[number];
      if (person !== undefined) this.#forgetEnded(person);
    });
  }

  /** A person's parts that are not over, oldest first. */
  live(aor: Aor): readonly Party[] {
    return this.#byAor.get(aor)?.live ?? [];
  }

  /** A person's parts that ended a moment ago. */
  ended(aor: Aor): readonly Party[] {
    return this.#byAor.get(aor)?.ended.map(({ party }) => party) ?? [];
  }

  /** Persons who ever had a part in a call; they are numbered from 0. */
  get count(): number {
    return this.#byNumber.length;
  }

  /** The parts of the person of that number that are not over. */
  liveOf(number: number): readonly Party[] {
    return this.#byNumber[number]?.live ?? [];
  }

  /** A number that is another one whenever what is shown of the person may be another. */
  revision(aor: Aor): number {
    return this.#byAor.get(aor)?.revision ?? 0;
  }

  /** When the person's last shown part ended, ms since 1970; 0 when that is not known. */
  lastEndedAt(aor: Aor): number {
    return this.#byAor.get(aor)?.lastEndedAt ?? 0;
  }

  /** Everyone who has a part that is shown and not over. */
  inCalls(): readonly Aor[] {
    return this.#byNumber.filter((person) => person.live.some(isShown)).map((person) => person.aor);
  }

  /** Who takes part in one more call; null when the person has as many dialogs as can be kept. */
  admitted(aor: Aor): Person | null {
    const known = this.#byAor.get(aor);
    if (known !== undefined) return known.live.length < dialogsPerAorMax ? known : null;
    const person: Person = { aor, number: this.#byNumber.length, live: [], ended: [], timer: 0, revision: 1, lastEndedAt: 0 };
    this.#byAor.set(aor, person);
    this.#byNumber.push(person);
    return person;
  }

  /** Takes a new part in; true when watchers see it. */
  began(party: Party): boolean {
    const { person } = party;
    person.live.push(party);
    person.revision++;
    return isShown(party);
  }

  /** Notes that a part has changed; true when watchers see a difference. What nobody has seen leaves no trace when it ends. */
  changed(party: Party, before: DialogState): boolean {
    const { person } = party;
    const at = person.live.indexOf(party);
    if (at === -1) return false;
    person.revision++;
    if (party.state !== "terminated") return isShown(party);
    person.live.splice(at, 1);
    if (party.direction === "recipient" && before === "trying") return false;
    const now = this.#clock.now();
    person.lastEndedAt = now;
    // Nobody has looked while it lived: nobody misses it.
    if (!party.wasSeen) return true;
    if (person.ended.length >= lingeringPerAorMax) person.ended.shift();
    person.ended.push({ party, until: now + lingerMs });
    if (person.timer === 0) person.timer = this.#wheel.start(this.#timerKind, lingerMs, person.number);
    return true;
  }

  #forgetEnded(person: Person): void {
    const now = this.#clock.now();
    person.ended = person.ended.filter(({ until }) => until > now);
    person.revision++;
    const next = person.ended[0];
    person.timer = next === undefined ? 0 : this.#wheel.start(this.#timerKind, next.until - now, person.number);
  }
}
