import type { Cancel, Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { TimerId, TimerWheel } from "../base/timer-wheel.ts";
import { aggregateOf } from "./aggregate.ts";
import { sameDocument, succeeding, type PresenceDocument } from "./document.ts";
import type { MergeSettings } from "./merge-settings.ts";
import { merge, nextChange, type MergeResult } from "./merge.ts";
import { overrideEnd } from "./override-end.ts";
import type { SourceName, SourceReport } from "./report.ts";
import type { AskedSource } from "./source.ts";
import type { SpokenSink } from "./spoken-states.ts";
import type { PresenceStatus } from "./status.ts";

/** Reports of one source about one person; more are not taken. */
export const reportsPerSourceMax = 32;

/** All that is believed about everyone, and the one state that it makes of each: the only writer of reports and documents. */
export interface PresenceService extends PresenceStatus, SpokenSink {
  /** What an operator chose about the merge. */
  readonly settings: MergeSettings;
  /** How a person's state comes about, now or, of the reports that are known now, at another moment (ms since 1970). */
  why(aor: Aor, at?: number): MergeResult;
  /** Calls `listener` at once when what a watcher sees of a person has changed. `wants`: whose changes it asks for now, default everyone's; of others it
   *  need not be told. The state of a person whom no listener wants is made when it is asked for. */
  onChange(listener: (aor: Aor, document: PresenceDocument) => void, wants?: (aor: Aor) => boolean): Cancel;
  /** Calls `listener` whenever a source says something about a person, also when it makes no difference now: what is to come may be another thing. */
  onReported(listener: (aor: Aor) => void): Cancel;
  /** All that is said of a person now, lapsed reports too; what `why` explains. */
  reportsOf(aor: Aor): readonly SourceReport[];
  /** The state as `status` gives it, without keeping anything of a person of whom nothing is kept yet. */
  glance(aor: Aor): PresenceDocument;
  /** Puts the reports of one source about a person in the place of all that it said before, at once: watchers see nothing in between. Those beyond
   *  `reportsPerSourceMax` are not taken. */
  replaceReports(source: SourceName, presentity: Aor, reports: readonly SourceReport[]): void;
  /** Drops all that was reported of a person who is no longer ours. */
  forget(aor: Aor): void;
}

/** What the presence service needs. */
export interface PresenceServiceDeps {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** `merge: false` also gathers what all sources say, side by side; default true. */
  readonly settings: MergeSettings & { readonly merge?: boolean };
  readonly sources: readonly AskedSource[];
  readonly log: Log;
  /** Who keeps what was so when; default: nobody. */
  readonly witness?: PresenceWitness;
}

/** Hears of everything that happens to a person's state, on the message path: it takes a note and works later. */
export interface PresenceWitness {
  /** The state was made anew of these reports, changed or not. */
  made(aor: Aor, at: number, reports: readonly SourceReport[], document: PresenceDocument): void;
  /** Something may have changed that nobody has asked for yet. */
  touched(aor: Aor): void;
}

/** A service that knows what its `sources` say; the other sources report to it. */
export function presenceService(deps: PresenceServiceDeps): PresenceService {
  return new MemoryPresence(deps);
}

interface Person {
  readonly aor: Aor;
  readonly number: number;
  readonly reports: Map<string, SourceReport>;
  document: PresenceDocument | null;
  /** True when `document` may no longer be what the reports say. */
  isStale: boolean;
  timer: TimerId;
  /** The person's own choice, and the end that it was last seen to have: it must end in time though nobody watches. */
  choice: SourceReport | null;
  choiceEnd: number | undefined;
}

interface Listener {
  readonly tell: (aor: Aor, document: PresenceDocument) => void;
  readonly wants: (aor: Aor) => boolean;
}

function everyone(): boolean {
  return true;
}

class MemoryPresence implements PresenceService {
  readonly settings: MergeSettings;
  readonly #deps: PresenceServiceDeps;
  readonly #byAor = new Map<Aor, Person>();
  readonly #byNumber: (Person | null)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #reportListeners = new Set<(aor: Aor) => void>();
  readonly #choiceListeners = new Set<(choice: SourceReport, end: number | undefined) => void>();
  readonly #timerKind: number;

  constructor(deps: PresenceServiceDeps) {
    this.#deps = deps;
    this.settings = deps.settings;
    this.#timerKind = deps.wheel.kind((number) => {
      const person = this.#byNumber[number];
      if (person === null || person === undefined) return;
      person.timer = 0;
      this.#changed(person);
    });
    for (const source of deps.sources) {
      source.onChange((aor) => {
        const person = this.#byAor.get(aor) ?? (this.#isWatched(aor) ? this.#person(aor) : null);
        if (person !== null) this.#changed(person);
        else deps.witness?.touched(aor);
      });
    }
  }

  report(report: SourceReport): boolean {
    const person = this.#person(report.presentity);
    const { reports } = person;
    const key = keyOf(report.source, report.key);
    if (!reports.has(key) && count(reports, report.source) >= reportsPerSourceMax) {
      dropLapsed(reports, this.#deps.clock.now());
      if (count(reports, report.source) >= reportsPerSourceMax) return false;
    }
    reports.set(key, report);
    if (report.source === "override") {
      person.choice = report;
      person.choiceEnd = undefined;
    }
    this.#changed(person);
    return true;
  }

  withdraw(source: SourceName, presentity: Aor, key: string): void {
    const person = this.#byAor.get(presentity);
    if (person?.reports.delete(keyOf(source, key)) !== true) return;
    if (source === "override") {
      person.choice = null;
      person.choiceEnd = undefined;
    }
    this.#changed(person);
  }

  replaceReports(source: SourceName, presentity: Aor, replacing: readonly SourceReport[]): void {
    if (replacing.length === 0 && !this.#byAor.has(presentity)) return;
    const person = this.#person(presentity);
    for (const [key, report] of person.reports) if (report.source === source) person.reports.delete(key);
    for (const report of replacing.slice(0, reportsPerSourceMax)) person.reports.set(keyOf(source, report.key), report);
    this.#changed(person);
  }

  onChoiceEnd(listener: (choice: SourceReport, end: number | undefined) => void): Cancel {
    this.#choiceListeners.add(listener);
    return () => {
      this.#choiceListeners.delete(listener);
    };
  }

  reported(source: SourceName, aor: Aor): readonly SourceReport[] {
    return [...(this.#byAor.get(aor)?.reports.values() ?? [])].filter((report) => report.source === source);
  }

  reportsOf(aor: Aor): readonly SourceReport[] {
    return this.#reportsOf(aor);
  }

  status(aor: Aor): PresenceDocument {
    const person = this.#person(aor);
    return person.document !== null && !person.isStale ? person.document : this.#make(person);
  }

  glance(aor: Aor): PresenceDocument {
    return this.#byAor.has(aor) ? this.status(aor) : this.why(aor).document;
  }

  why(aor: Aor, at?: number): MergeResult {
    const { clock, settings } = this.#deps;
    return merge(aor, this.#reportsOf(aor), at ?? clock.now(), settings);
  }

  onChange(listener: Listener["tell"], wants?: Listener["wants"]): Cancel {
    const entry: Listener = { tell: listener, wants: wants ?? everyone };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  onReported(listener: (aor: Aor) => void): Cancel {
    this.#reportListeners.add(listener);
    return () => {
      this.#reportListeners.delete(listener);
    };
  }

  forget(aor: Aor): void {
    const person = this.#byAor.get(aor);
    if (person === undefined) return;
    person.reports.clear();
    person.choice = null;
    this.#changed(person);
    this.#deps.wheel.stop(person.timer);
    this.#byAor.delete(aor);
    this.#byNumber[person.number] = null;
    this.#freeNumbers.push(person.number);
  }

  #isWatched(aor: Aor): boolean {
    for (const { wants } of this.#listeners) if (wants(aor)) return true;
    return false;
  }

  /** Something about the person may be new: made anew at once if anyone wants to know, else when asked for. */
  #changed(person: Person): void {
    person.isStale = true;
    for (const tell of this.#reportListeners) tell(person.aor);
    if (!this.#isWatched(person.aor)) {
      if (person.choice === null) this.#deps.witness?.touched(person.aor);
      else this.#make(person);
      return;
    }
    const before = person.document;
    const document = this.#make(person);
    if (before !== null && sameDocument(before, document)) return;
    for (const { tell } of this.#listeners) {
      try {
        tell(person.aor, document);
      } catch (err) {
        this.#deps.log.error({ err, aor: person.aor }, "a listener of presence failed");
      }
    }
  }

  #make(person: Person): PresenceDocument {
    const { clock, wheel, witness } = this.#deps;
    const now = clock.now();
    const reports = this.#reportsOf(person.aor);
    if (person.choice !== null) this.#endChoice(person, person.choice, reports, now);
    const document = succeeding(person.document, this.#documentOf(person.aor, reports, now));
    // What says the same stays the same object: its rendering is still good.
    if (person.document === null || !isEqual(person.document, document)) person.document = document;
    person.isStale = false;
    wheel.stop(person.timer);
    const next = nextChange(reports, now);
    person.timer = next === null ? 0 : wheel.start(this.#timerKind, next - now, person.number);
    dropLapsed(person.reports, now - LAPSED_KEPT_MS);
    witness?.made(person.aor, now, reports, person.document);
    return person.document;
  }

  #documentOf(aor: Aor, reports: readonly SourceReport[], at: number): PresenceDocument {
    const { settings } = this.#deps;
    const { document } = merge(aor, reports, at, settings);
    return settings.merge === false ? { ...document, aggregate: aggregateOf(reports, at, document.basic) } : document;
  }

  /** A choice that a boundary has ended stays ended, whatever the calendar says of that time later. */
  #endChoice(person: Person, choice: SourceReport, reports: readonly SourceReport[], now: number): void {
    const end = overrideEnd(choice, reports);
    if (end !== person.choiceEnd) {
      person.choiceEnd = end;
      for (const listener of this.#choiceListeners) listener(choice, end);
    }
    if (end === undefined || end > now) return;
    person.choice = null;
    person.reports.set(keyOf(choice.source, choice.key), { ...choice, until: end });
  }

  #reportsOf(aor: Aor): readonly SourceReport[] {
    const reports: SourceReport[] = [];
    for (const source of this.#deps.sources) reports.push(...source.reportsOf(aor));
    const pushed = this.#byAor.get(aor)?.reports;
    if (pushed !== undefined) reports.push(...pushed.values());
    return reports;
  }

  #person(aor: Aor): Person {
    const known = this.#byAor.get(aor);
    if (known !== undefined) return known;
    const person: Person = { aor, number: this.#freeNumbers.pop() ?? this.#byNumber.length, reports: new Map(), document: null, isStale: true, timer: 0, choice: null, choiceEnd: undefined };
    this.#byAor.set(aor, person);
    this.#byNumber[person.number] = person;
    return person;
  }
}

/** How long a report that lapsed is still there to be explained; longer only until the state is made anew. */
const LAPSED_KEPT_MS = 600_000;

function keyOf(source: SourceName, key: string): string {
  return `${source} ${key}`;
}

function count(reports: ReadonlyMap<string, SourceReport>, source: SourceName): number {
  let found = 0;
  for (const report of reports.values()) if (report.source === source) found++;
  return found;
}

function dropLapsed(reports: Map<string, SourceReport>, at: number): void {
  for (const [key, { until }] of reports) if (until !== undefined && until <= at) reports.delete(key);
}

function isEqual(a: PresenceDocument, b: PresenceDocument): boolean {
  return a.since === b.since && a.source === b.source && a.kind === b.kind && sameDocument(a, b);
}
