import type { Cancel, Clock } from "../base/clock.ts";
import { background } from "../base/background.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { CalendarConfig } from "../config/calendars-schema.ts";
import type { Directory } from "../directory/directory.ts";
import type { PresenceService } from "../presence/presence-service.ts";
import type { AdapterSettings, CalendarAdapter, FailureKind, Reading, WatchState } from "./adapter.ts";
import { sameEntries } from "./entry.ts";
import { UNREAD, afterPoll, atMoment, type MailboxState } from "./mailbox-state.ts";
import { poller, type Poller } from "./poller.ts";
import { pollPlans, type PollPlan } from "./poll-plan.ts";
import { calendarReports, type CalendarWord } from "./statements.ts";

/** Makes adapters: in a process of their own in the real world, at once in a simulation. */
export type OpenAdapter = (settings: Omit<AdapterSettings, "clock">) => Promise<CalendarAdapter>;

/** Where calendars are reached: the real world has a process for it, a simulation calendars of its own. */
export interface CalendarWorld {
  readonly open: OpenAdapter;
  /** IANA name of the machine's time zone. */
  readonly zone: string;
  /** Ends what `open` has begun. */
  close(): Promise<void>;
}

/** What the calendars need. */
export interface CalendarsDeps {
  /** Those of the configuration; default: none. */
  readonly calendars: readonly CalendarConfig[] | undefined;
  readonly directory: Directory;
  readonly presence: Pick<PresenceService, "replaceReports">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Undefined: no calendar can be reached, none is read. */
  readonly world: CalendarWorld | undefined;
}

/** How one calendar fares. */
export interface CalendarFacts {
  readonly name: string;
  readonly kind: string;
  /** Mailboxes that are asked for; a shared calendar counts one for each time zone. */
  readonly mailboxes: number;
  /** Those that should speak and cannot. */
  readonly silent: number;
  readonly polls: number;
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
  /** Times that the server hinted at a change, and that listening for hints failed. */
  readonly hints: number;
  readonly hintFailures: Readonly<Partial<Record<FailureKind, number>>>;
  /** ms since 1970; 0 before the first. */
  readonly readAt: number;
}

/** The calendars as a presence source: they are read in turn, and what they say of people is reported ahead, each stretch with its time. */
export interface Calendars {
  start(): void;
  stop(): Promise<void>;
  /** Takes over other calendars; what did not change goes on. */
  replace(calendars: readonly CalendarConfig[]): void;
  /** The directory has other people, or they have other mailboxes. */
  directoryChanged(): void;
  facts(): readonly CalendarFacts[];
}

/** The calendars of a server; nothing runs before `start`, nor without any. */
export function calendars(deps: CalendarsDeps): Calendars {
  return new PolledCalendars(deps);
}

/** Statements are looked over so often for such as nobody confirms any more. */
const LOOK_MS = 30_000;
/** Where nothing has changed the time line is still drawn anew so often: its far end comes nearer. */
const SPEAK_AGAIN_MS = 300_000;

/** One plan that runs. */
interface Running {
  readonly plan: PollPlan;
  /** What the plan is, whole: one that stays the same goes on. */
  readonly text: string;
  readonly poller: Poller;
  readonly states: Map<string, MailboxState>;
  /** Listening for changes failed last. */
  isDeaf: boolean;
}

interface Counts {
  polls: number;
  readonly failures: Partial<Record<FailureKind, number>>;
  hints: number;
  readonly hintFailures: Partial<Record<FailureKind, number>>;
}

class PolledCalendars implements Calendars {
  readonly #deps: CalendarsDeps;
  #configs: readonly CalendarConfig[];
  #running: readonly Running[] = [];
  /** Which mailboxes speak for a person. */
  #places = new Map<Aor, { readonly running: Running; readonly mailbox: string }[]>();
  /** What was reported last of each person, as text. */
  readonly #reported = new Map<Aor, string>();
  readonly #spokeAt = new Map<Aor, number>();
  readonly #counts = new Map<string, Counts>();
  readonly #ending = new Set<Promise<void>>();
  #cancelLook: Cancel | null = null;
  #isStarted = false;

  constructor(deps: CalendarsDeps) {
    this.#deps = deps;
    this.#configs = deps.calendars ?? [];
  }

  start(): void {
    this.#isStarted = true;
    this.#arrange();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#cancelLook?.();
    this.#cancelLook = null;
    for (const { poller } of this.#running) this.#end(poller);
    this.#running = [];
    await Promise.all(this.#ending);
    await this.#deps.world?.close();
  }

  replace(configs: readonly CalendarConfig[]): void {
    this.#configs = configs;
    if (this.#isStarted) this.#arrange();
  }

  directoryChanged(): void {
    if (this.#isStarted) this.#arrange();
  }

  facts(): readonly CalendarFacts[] {
    return this.#configs.map(({ name, kind }) => {
      let [mailboxes, silent, readAt] = [0, 0, 0];
      for (const { plan, states } of this.#running) {
        if (plan.calendar.name !== name) continue;
        for (const mailbox of plan.people.keys()) {
          const state = states.get(mailbox) ?? UNREAD;
          mailboxes++;
          if (state.silence !== null) silent++;
          readAt = Math.max(readAt, state.readAt);
        }
      }
      const { polls, failures, hints, hintFailures } = this.#countsOf(name);
      return { name, kind, mailboxes, silent, polls, failures, hints, hintFailures, readAt };
    });
  }

  /** Begins what is new, ends what is gone, and says anew what follows for people. */
  #arrange(): void {
    const { directory, world } = this.#deps;
    if (world === undefined) return;
    const plans = this.#configs.length === 0 ? [] : pollPlans(this.#configs, directory.users(), world.zone, (name) => directory.aorOf(name, directory.domain));
    const before = new Map(this.#running.map((running) => [running.text, running]));
    const began: Running[] = [];
    this.#running = plans.map((plan) => {
      const text = JSON.stringify([plan.calendar, plan.zone, [...plan.people]]);
      const same = before.get(text);
      before.delete(text);
      if (same !== undefined) return same;
      const running = this.#begin(plan, text, world.open);
      began.push(running);
      return running;
    });
    for (const { poller } of before.values()) this.#end(poller);
    // A mailbox whose plan changed keeps what it said until it is read again.
    for (const running of began) this.#inherit(running, [...before.values()]);
    const people = new Set(this.#places.keys());
    this.#places = new Map();
    for (const running of this.#running) {
      for (const [mailbox, aors] of running.plan.people) {
        for (const aor of aors) {
          const places = this.#places.get(aor);
          if (places === undefined) this.#places.set(aor, [{ running, mailbox }]);
          else places.push({ running, mailbox });
          people.add(aor);
        }
      }
    }
    for (const aor of people) this.#speak(aor);
    for (const { poller } of began) poller.start();
    if (this.#running.length > 0 && this.#cancelLook === null) this.#look();
  }

  #begin(plan: PollPlan, text: string, open: OpenAdapter): Running {
    const { clock, random, log } = this.#deps;
    const { calendar, zone } = plan;
    const running: Running = {
      plan,
      text,
      states: new Map(),
      isDeaf: false,
      poller: poller(plan, {
        clock,
        random,
        log,
        open: () => open({ calendar, zone }),
        onReading: (mailbox, reading) => {
          this.#take(running, mailbox, reading);
        },
        onPoll: () => {
          this.#countsOf(calendar.name).polls++;
        },
        onHint: () => {
          this.#countsOf(calendar.name).hints++;
        },
        onWatch: (state) => {
          this.#takeWatch(running, state);
        },
      }),
    };
    return running;
  }

  #inherit(running: Running, gone: readonly Running[]): void {
    const { calendar, zone } = running.plan;
    for (const other of gone) {
      if (other.plan.calendar.name !== calendar.name || other.plan.zone !== zone || other.plan.calendar.url !== calendar.url) continue;
      for (const [mailbox, state] of other.states) if (running.plan.people.has(mailbox)) running.states.set(mailbox, state);
    }
  }

  #end(ended: Poller): void {
    const work = ended.stop();
    this.#ending.add(work);
    background(
      work.finally(() => this.#ending.delete(work)),
      this.#deps.log,
      "a calendar did not end",
    );
  }

  #take(running: Running, mailbox: string, reading: Reading): void {
    const { clock, log } = this.#deps;
    const { name } = running.plan.calendar;
    const before = running.states.get(mailbox) ?? UNREAD;
    const after = afterPoll(before, reading, clock.now(), name);
    running.states.set(mailbox, after);
    if (reading.kind === "failure") {
      const { failures } = this.#countsOf(name);
      failures[reading.failure] = (failures[reading.failure] ?? 0) + 1;
    }
    const [first] = running.plan.people.get(mailbox) ?? [];
    if (first !== undefined && (before.silence === null) !== (after.silence === null)) {
      if (after.silence === null) log.info({ aor: first, source: name }, "a calendar speaks again");
      else log.warn({ aor: first, source: name, reason: after.silence }, "a calendar is silent");
    }
    const isNews = before.readAt === 0 || before.silence !== after.silence || !sameEntries(before.entries, after.entries);
    for (const aor of running.plan.people.get(mailbox) ?? []) if (isNews || clock.now() - (this.#spokeAt.get(aor) ?? 0) >= SPEAK_AGAIN_MS) this.#speak(aor);
  }

  /** How the listening for changes goes: counted, and said when it turns. */
  #takeWatch(running: Running, state: WatchState): void {
    const { name } = running.plan.calendar;
    if (state.kind !== "watching") {
      const { hintFailures } = this.#countsOf(name);
      hintFailures[state.failure] = (hintFailures[state.failure] ?? 0) + 1;
    }
    if (state.kind === "partly" || running.isDeaf === (state.kind === "failed")) return;
    running.isDeaf = state.kind === "failed";
    if (state.kind === "failed") this.#deps.log.warn({ source: name, reason: state.text }, "a calendar gives no hints of changes: it is polled as without them");
    else this.#deps.log.info({ source: name }, "a calendar gives hints of changes again");
  }

  /** Reports what a person's calendars say, if it is other than before. */
  #speak(aor: Aor): void {
    this.#spokeAt.set(aor, this.#deps.clock.now());
    const words: CalendarWord[] = (this.#places.get(aor) ?? []).map(({ running: { plan, states }, mailbox }) => {
      const { entries, silence, silentSince } = states.get(mailbox) ?? UNREAD;
      return { name: plan.calendar.name, silence, silentSince, entries: entries.map((entry) => ({ ...entry, as: plan.calendar.as })) };
    });
    const reports = calendarReports(aor, words, this.#deps.clock.now());
    const text = JSON.stringify(reports);
    if ((this.#reported.get(aor) ?? "[]") === text) return;
    if (words.length === 0) this.#spokeAt.delete(aor);
    if (reports.length === 0) this.#reported.delete(aor);
    else this.#reported.set(aor, text);
    // Of a person who is no longer ours nothing is kept.
    if (this.#deps.directory.user(aor) !== null) this.#deps.presence.replaceReports("calendar", aor, reports);
  }

  #look(): void {
    this.#cancelLook = this.#deps.clock.after(LOOK_MS, () => {
      const now = this.#deps.clock.now();
      for (const { plan, states } of this.#running) {
        for (const [mailbox, state] of states) {
          const after = atMoment(state, now, plan.calendar.pollMs, plan.calendar.name);
          if (after === state) continue;
          states.set(mailbox, after);
          for (const aor of plan.people.get(mailbox) ?? []) this.#speak(aor);
        }
      }
      this.#look();
    });
  }

  #countsOf(name: string): Counts {
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    const counts: Counts = { polls: 0, failures: {}, hints: 0, hintFailures: {} };
    this.#counts.set(name, counts);
    return counts;
  }
}
