import type { Cancel, Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { CalendarAdapter, FailureKind, Reading, WatchState } from "./adapter.ts";
import type { PollPlan } from "./poll-plan.ts";

/** What polling needs. */
export interface PollerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Makes the adapter of the plan. Rejects when it cannot be made now. */
  readonly open: () => Promise<CalendarAdapter>;
  /** What each mailbox came to, at once. */
  readonly onReading: (mailbox: string, reading: Reading) => void;
  /** A poll was made. */
  readonly onPoll: () => void;
  /** The server hinted that something changed. */
  readonly onHint?: () => void;
  /** How the listening for such hints goes. */
  readonly onWatch?: (state: WatchState) => void;
}

/** Asks one adapter for all its mailboxes, each as often as the calendar says. */
export interface Poller {
  start(): void;
  /** Resolves when nothing of it runs any more; nothing is reported after the call. */
  stop(): Promise<void>;
}

/** Requests to one server at a time. */
const CONCURRENCY = 8;
/** The first polls after the start are spread over this. */
const SPREAD_MS = 5000;
const SPREAD_LEAST_MS = 50;
/** A server that fails is asked at least this often. */
const BACK_OFF_MAX_MS = 900_000;
/** A hint that something changed leads to a poll so much later: whoever writes may not be done. */
const HINT_MS = 300;
const HINTS_APART_MS = 1000;
/** An adapter that does not even heed being told to give up is no longer waited for. */
const GRACE_MS = 5000;
/** How far ahead calendars are read, and how far back for what has just begun. */
const AHEAD_MS = 26 * 3_600_000;
const BEHIND_MS = 3_600_000;
/** The first polls come close together; the second after at least this part of the interval, so that from then on they are spread over the whole of it. */
const PLACE_LEAST = 0.25;
/** Part of an interval by which it may differ, so that mailboxes do not come all at once. */
const JITTER = 0.1;

/** A poller of a plan; nothing is opened before `start`. */
export function poller(plan: PollPlan, deps: PollerDeps): Poller {
  return new Polling(plan, deps);
}

/** Mailboxes that are asked for together. */
interface Batch {
  readonly mailboxes: readonly string[];
  cancel: Cancel | null;
  state: "waiting" | "queued" | "running";
  /** Polls in a row of which nothing came. */
  failures: number;
  startedAt: number;
  /** Something changed while it ran. */
  isHinted: boolean;
  /** It has its place in the interval, apart from the others. */
  isPlaced: boolean;
}

class Polling implements Poller {
  readonly #plan: PollPlan;
  readonly #deps: PollerDeps;
  readonly #queue: Batch[] = [];
  readonly #running = new Set<AbortController>();
  #batches: readonly Batch[] = [];
  #adapter: CalendarAdapter | null = null;
  #opening: Promise<void> = Promise.resolve();
  #openFailures = 0;
  #cancelOpen: Cancel | null = null;
  #pausedUntil = 0;
  #isStopped = false;

  constructor(plan: PollPlan, deps: PollerDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  start(): void {
    this.#opening = this.#open();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelOpen?.();
    this.#queue.length = 0;
    for (const batch of this.#batches) batch.cancel?.();
    for (const running of this.#running) running.abort();
    await this.#opening;
    await this.#adapter?.close().catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { deps, plan } = { deps: this.#deps, plan: this.#plan };
    let adapter: CalendarAdapter;
    try {
      adapter = await deps.open();
    } catch (err) {
      if (this.#isStopped) return;
      deps.log.warn({ err, source: plan.calendar.name }, "a calendar cannot be opened");
      for (const mailbox of plan.people.keys()) deps.onReading(mailbox, { kind: "failure", failure: "connection", text: "it could not be opened" });
      this.#cancelOpen = deps.clock.after(this.#jittered(backOff(plan.calendar.pollMs, ++this.#openFailures)), () => {
        this.#opening = this.#open();
      });
      return;
    }
    this.#adapter = adapter;
    if (this.#isStopped) return;
    const mailboxes = [...plan.people.keys()];
    const size = Math.max(1, adapter.batchSize);
    const batches: Batch[] = [];
    for (let from = 0; from < mailboxes.length; from += size) batches.push({ mailboxes: mailboxes.slice(from, from + size), cancel: null, state: "waiting", failures: 0, startedAt: 0, isHinted: false, isPlaced: false });
    this.#batches = batches;
    const spread = Math.min(SPREAD_MS, plan.calendar.pollMs, batches.length * SPREAD_LEAST_MS);
    for (const batch of batches) this.#after(batch, batches.length === 1 ? 0 : deps.random.below(Math.max(1, Math.ceil(spread))));
    adapter.watch?.(
      (mailbox) => {
        if (this.#isStopped) return;
        deps.onHint?.();
        for (const batch of this.#batches) if (mailbox === undefined || batch.mailboxes.includes(mailbox)) this.#hint(batch);
      },
      mailboxes,
      (state) => {
        if (!this.#isStopped) deps.onWatch?.(state);
      },
    );
  }

  #after(batch: Batch, delayMs: number): void {
    if (this.#isStopped) return;
    batch.cancel?.();
    batch.state = "waiting";
    batch.cancel = this.#deps.clock.after(delayMs, () => {
      batch.cancel = null;
      batch.state = "queued";
      this.#queue.push(batch);
      this.#pump();
    });
  }

  #hint(batch: Batch): void {
    if (batch.state === "queued") return;
    if (batch.state === "running") batch.isHinted = true;
    else if (this.#pausedUntil <= this.#deps.clock.now()) this.#after(batch, Math.max(HINT_MS, batch.startedAt + HINTS_APART_MS - this.#deps.clock.now()));
  }

  #pump(): void {
    while (this.#running.size < CONCURRENCY && !this.#isStopped) {
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      const wait = this.#pausedUntil - this.#deps.clock.now();
      if (wait > 0) this.#after(batch, wait + this.#deps.random.below(SPREAD_MS));
      else {
        this.#poll(batch).catch((err: unknown) => {
          this.#deps.log.error({ err, source: this.#plan.calendar.name }, "a poll failed by our own mistake");
        });
      }
    }
  }

  async #poll(batch: Batch): Promise<void> {
    const { clock, onReading, onPoll } = this.#deps;
    const ended = new AbortController();
    batch.state = "running";
    batch.startedAt = clock.now();
    this.#running.add(ended);
    onPoll();
    const readings = await this.#read(batch.mailboxes, ended);
    this.#running.delete(ended);
    if (this.#isStopped) return;
    let isAnyRead = false;
    let retryAfterMs = 0;
    for (const mailbox of batch.mailboxes) {
      const reading = readings.get(mailbox) ?? unanswered(readings);
      if (reading.kind === "entries") isAnyRead = true;
      else retryAfterMs = Math.max(retryAfterMs, reading.retryAfterMs ?? 0);
      onReading(mailbox, reading);
    }
    batch.failures = isAnyRead ? 0 : batch.failures + 1;
    // Who is asked to come later asks nothing of that server until then.
    if (retryAfterMs > 0) this.#pausedUntil = Math.max(this.#pausedUntil, clock.now() + retryAfterMs);
    const isHinted = batch.isHinted && retryAfterMs === 0;
    batch.isHinted = false;
    this.#after(batch, isHinted ? HINTS_APART_MS : Math.max(this.#intervalOf(batch), retryAfterMs));
    this.#pump();
  }

  /** Never rejects, and never takes much longer than the calendar's timeout. */
  #read(mailboxes: readonly string[], ended: AbortController): Promise<ReadonlyMap<string, Reading>> {
    const { clock } = this.#deps;
    const { timeoutMs } = this.#plan.calendar;
    const now = clock.now();
    const reading = this.#adapter?.read(mailboxes, { from: now - BEHIND_MS, to: now + AHEAD_MS }, ended.signal) ?? Promise.resolve(new Map<string, Reading>());
    return new Promise((resolve) => {
      const failed = (failure: FailureKind, text: string): void => {
        resolve(new Map(mailboxes.map((mailbox) => [mailbox, { kind: "failure", failure, text }])));
      };
      let cancel = clock.after(timeoutMs + GRACE_MS / 5, () => {
        ended.abort();
        cancel = clock.after(GRACE_MS, () => {
          failed("timeout", `there was no answer within ${String(Math.round(timeoutMs / 1000))} s`);
        });
      });
      reading.then(
        (readings) => {
          cancel();
          resolve(readings);
        },
        (err: unknown) => {
          cancel();
          this.#deps.log.error({ reason: err instanceof Error ? err.name : "unknown" }, "an adapter of calendars failed by its own mistake");
          failed("unreadable", "reading failed by our own mistake");
        },
      );
    });
  }

  /** Until the next poll after one that has just ended. */
  #intervalOf(batch: Batch): number {
    const { pollMs } = this.#plan.calendar;
    if (batch.isPlaced || batch.failures > 0 || this.#batches.length <= CONCURRENCY) return this.#jittered(backOff(pollMs, batch.failures));
    batch.isPlaced = true;
    return Math.round(pollMs * PLACE_LEAST) + this.#deps.random.below(Math.round(pollMs * (1 - PLACE_LEAST)));
  }

  #jittered(ms: number): number {
    return Math.round(ms * (1 - JITTER) + this.#deps.random.below(Math.max(1, Math.round(ms * 2 * JITTER))));
  }
}

/** How long until the next poll after so many failures in a row. */
function backOff(pollMs: number, failures: number): number {
  return failures <= 1 ? pollMs : Math.max(pollMs, Math.min(pollMs * 2 ** Math.min(failures - 1, 16), BACK_OFF_MAX_MS));
}

/** What a mailbox that is missing from an answer came to: a failure under the name "" is that of all. */
function unanswered(readings: ReadonlyMap<string, Reading>): Reading {
  const ofAll = readings.get("");
  return ofAll?.kind === "failure" ? ofAll : { kind: "failure", failure: "unreadable", text: "the server's answer says nothing of this mailbox" };
}
