import type { Cancel, Clock } from "../base/clock.ts";
import { parseAor, type Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { Activity } from "../documents/rpid.ts";
import type { Store } from "../store/store.ts";
import type { DoNotDisturb } from "./do-not-disturb.ts";
import type { SourceReport } from "./report.ts";
import type { ReportSink } from "./source.ts";
import type { Statement } from "./statement.ts";
import { readStoredStatement, storedStatement } from "./stored-statement.ts";

/** What can be taken back. */
export type SpokenSource = "api" | "override" | "do-not-disturb";

/** States that were set through the API and the pages, and do-not-disturb: the only writer of the store's table `presence` for these, so that
 *  they outlive a restart. What is set is in force at once; it is kept once the store's `flushed` resolves. */
export interface SpokenStates extends DoNotDisturb {
  /** A state for someone who cannot publish it; `name` tells several such sources of one person apart. False when he has too many of them. */
  say(aor: Aor, name: string, statement: Statement): boolean;
  /** The person's own choice: beats everything but a call, until its end or the calendar's next boundary. */
  choose(aor: Aor, statement: Statement): void;
  /** Takes back what was said; without `source` everything, so that the state is automatic again. Do-not-disturb goes back to the directory's word. */
  takeBack(aor: Aor, source?: SpokenSource): void;
  /** Takes up what the store kept; what lapsed meanwhile is dropped. Once, at start. */
  restore(): void;
  /** The directory says something else about these people, or about new ones. */
  directoryChanged(people: Iterable<Aor>): void;
  /** The person is nobody of ours any more. */
  forget(aor: Aor): void;
}

/** What spoken states need of the presence service. */
export interface SpokenSink extends ReportSink {
  /** Calls `listener` when a person's choice has got another end, ms since 1970, or none. */
  onChoiceEnd(listener: (choice: SourceReport, end: number | undefined) => void): Cancel;
  /** The reports of one source about a person, lapsed ones too. */
  reported(source: SourceReport["source"], aor: Aor): readonly SourceReport[];
}

/** What they need. */
export interface SpokenStatesDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly presence: SpokenSink;
  /** The directory's `do_not_disturb` of a person. */
  readonly isDisturbedByDefault: (aor: Aor) => boolean;
  readonly log: Log;
}

interface Wish {
  readonly isOn: boolean;
  readonly since: number;
}

const CHOICE_KEY = "person";
const DND_KEY = "person";
const BUSY: readonly Activity[] = [{ name: "busy" }];
const PREFIX = { api: "api", override: "override", "do-not-disturb": "dnd" } as const;

/** Spoken states in the presence service and the store. */
export function spokenStates(deps: SpokenStatesDeps): SpokenStates {
  const { clock, store, presence, isDisturbedByDefault, log } = deps;
  /** What was wished of do-not-disturb; without a wish the directory's word holds. */
  const wishes = new Map<Aor, Wish>();
  /** Who is told to be left in peace, so that a change is told once. */
  const peaceful = new Set<Aor>();
  const listeners = new Set<(aor: Aor, isOn: boolean) => void>();

  const reportOf = (aor: Aor, source: "api" | "override", key: string, { basic, activities, note, until }: Statement, publishedAt: number): SourceReport => ({
    source,
    presentity: aor,
    key,
    kind: source,
    ...(basic === undefined ? {} : { basic }),
    activities,
    ...(note === undefined ? {} : { note }),
    publishedAt,
    ...(until === undefined ? {} : { until }),
    ...(source === "override" ? { untilBoundary: true } : {}),
  });
  const storeKey = (source: SpokenSource, aor: Aor, key: string): string => `${PREFIX[source]} ${aor}${source === "api" ? ` ${key}` : ""}`;
  const keep = (report: SourceReport, source: "api" | "override"): void => {
    store.put("presence", storeKey(source, report.presentity, report.key), storedStatement(report));
  };
  const withdraw = (aor: Aor, source: "api" | "override"): void => {
    for (const { key } of presence.reported(source, aor)) {
      store.delete("presence", storeKey(source, aor, key));
      presence.withdraw(source, aor, key);
    }
  };
  const applyPeace = (aor: Aor): void => {
    const wish = wishes.get(aor);
    const isOn = wish?.isOn ?? isDisturbedByDefault(aor);
    if (isOn === peaceful.has(aor)) return;
    if (isOn) {
      peaceful.add(aor);
      presence.report({ source: "do-not-disturb", presentity: aor, key: DND_KEY, kind: "do-not-disturb", activities: BUSY, publishedAt: wish?.since ?? 0 });
    } else {
      peaceful.delete(aor);
      presence.withdraw("do-not-disturb", aor, DND_KEY);
    }
    for (const listener of listeners) {
      try {
        listener(aor, isOn);
      } catch (err) {
        log.error({ err, aor }, "a listener of do-not-disturb failed");
      }
    }
  };

  presence.onChoiceEnd((choice, end) => {
    if (end !== undefined && end <= clock.now()) store.delete("presence", storeKey("override", choice.presentity, choice.key));
    // The end is kept as it is known now: a boundary that passes while the server is down still ends the choice.
    else keep(end === undefined ? choice : { ...choice, until: end }, "override");
  });

  return {
    say(aor, name, statement) {
      const report = reportOf(aor, "api", name, statement, clock.now());
      if (!presence.report(report)) return false;
      keep(report, "api");
      return true;
    },
    choose(aor, statement) {
      const report = reportOf(aor, "override", CHOICE_KEY, statement, clock.now());
      keep(report, "override");
      presence.report(report);
    },
    takeBack(aor, source) {
      if (source === undefined || source === "api") withdraw(aor, "api");
      if (source === undefined || source === "override") withdraw(aor, "override");
      if ((source === undefined || source === "do-not-disturb") && wishes.delete(aor)) {
        store.delete("presence", storeKey("do-not-disturb", aor, ""));
        applyPeace(aor);
      }
    },
    isOn: (aor) => peaceful.has(aor),
    set(aor, isOn) {
      const before = wishes.get(aor);
      if (before?.isOn === isOn) return;
      const wish: Wish = { isOn, since: clock.now() };
      wishes.set(aor, wish);
      store.put("presence", storeKey("do-not-disturb", aor, ""), wish);
      applyPeace(aor);
    },
    onChange(listener) {
      const entry = (aor: Aor, isOn: boolean): void => {
        listener(aor, isOn);
      };
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    restore() {
      for (const { key, value } of [...store.load("presence")]) {
        const [prefix = "", who = "", name = ""] = splitKey(key);
        const aor = parseAor(who);
        if (prefix !== PREFIX.api && prefix !== PREFIX.override && prefix !== PREFIX["do-not-disturb"]) continue;
        const read = aor === null ? null : readStoredStatement(value);
        if (aor === null || read === null) {
          log.warn({ reason: key }, "a stored state cannot be read and is dropped");
          store.delete("presence", key);
        } else if (read.kind === "wish") {
          wishes.set(aor, { isOn: read.isOn, since: read.since });
        } else if (read.statement.until !== undefined && read.statement.until <= clock.now()) {
          store.delete("presence", key);
        } else if (prefix === PREFIX.override) {
          presence.report(reportOf(aor, "override", CHOICE_KEY, read.statement, read.since));
        } else {
          presence.report(reportOf(aor, "api", name, read.statement, read.since));
        }
      }
      for (const aor of wishes.keys()) applyPeace(aor);
    },
    directoryChanged(people) {
      for (const aor of people) applyPeace(aor);
    },
    forget(aor) {
      withdraw(aor, "api");
      withdraw(aor, "override");
      wishes.delete(aor);
      store.delete("presence", storeKey("do-not-disturb", aor, ""));
      if (peaceful.delete(aor)) presence.withdraw("do-not-disturb", aor, DND_KEY);
    },
  };
}

/** Prefix, AoR and name; a name may hold blanks. */
function splitKey(key: string): readonly string[] {
  const first = key.indexOf(" ");
  const second = key.indexOf(" ", first + 1);
  return second === -1 ? [key.slice(0, first), key.slice(first + 1)] : [key.slice(0, first), key.slice(first + 1, second), key.slice(second + 1)];
}
