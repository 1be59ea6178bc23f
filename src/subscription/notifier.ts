import type { Agent, AgentOutcome } from "../agent/agent.ts";
import type { Clock } from "../base/clock.ts";
import { unreachable } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { SubscriptionCounters } from "./counters.ts";
import { formatEvent } from "./event-header.ts";
import type { Rendered } from "./event-package.ts";
import { notifyVerdict, retryDelayMs } from "./notify-outcome.ts";
import { NotifyWindow } from "./notify-window.ts";
import type { NotifyWitness } from "./notify-witness.ts";
import { endState, type EndReason, type Subscription } from "./subscription.ts";

// Hot path: a change costs each watcher one rendering out of the package's cache and the splice of its own headers and version.

/** CSeqs are reserved in the store in blocks of this size: one write in so many NOTIFYs. */
export const CSEQ_BLOCK = 100;

/** A NOTIFY that has had no outcome for this long is given up when the watcher refreshes: the tries of one address end after 32 s. */
const FLIGHT_MAX_MS = 40_000;

/** What the notifier needs of the engine around it. */
export interface NotifierDeps {
  readonly agent: Agent;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: SubscriptionCounters;
  /** The subscription that a timer was started for. */
  readonly at: (slot: number) => Subscription | undefined;
  /** Writes a subscription to the store. */
  readonly keep: (subscription: Subscription) => void;
  /** The watcher answered that it knows nothing of it: take it off the table. */
  readonly gone: (subscription: Subscription) => void;
  /** Who keeps what was sent when; default: nobody. */
  readonly witness?: NotifyWitness;
}

/** Sends NOTIFYs: one in flight a subscription, the newest state waits, none without a change (RFC 6665 §4.2.2, with the deviation of `notifyVerdict`). */
export class Notifier {
  readonly #deps: NotifierDeps;
  readonly #retryKind: number;
  /** Suspect subscriptions by watcher: what a REGISTER of that person resumes. */
  readonly #suspects = new Map<Aor, Set<Subscription>>();
  readonly #window: NotifyWindow;
  #isClosed = false;

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
    this.#window = new NotifyWindow(deps, (subscription) => {
      this.#goOn(subscription);
    });
    this.#retryKind = deps.wheel.kind((slot) => {
      const subscription = deps.at(slot);
      if (subscription === undefined) return;
      subscription.retryTimer = 0;
      if (subscription.inFlight === 0) this.#sendNow(subscription);
    });
  }

  /** Its resource has changed: a NOTIFY now, later, or none when the watcher would see no difference. */
  changed(subscription: Subscription): void {
    const { counters } = this.#deps;
    if (subscription.inFlight !== 0 || subscription.failures > 0 || subscription.isAnswering) {
      subscription.isDue = true;
      counters.coalesced++;
      return;
    }
    const rendered = this.#render(subscription);
    if (rendered === null) return;
    const { sent } = subscription;
    if (sent !== null && isSame(rendered, sent)) counters.unchanged++;
    else if (this.#window.admits(subscription)) this.#send(subscription, rendered);
    else subscription.isDue = true;
  }

  /** NOTIFYs that wait until others are answered. */
  get waiting(): number {
    return this.#window.waiting;
  }

  /** The watcher subscribed or refreshed: the full state at once, changed or not. `isMoved`: it is reached another way than before, so an unanswered
   *  NOTIFY there is not waited for. */
  full(subscription: Subscription, isMoved: boolean): void {
    this.#trust(subscription);
    if (subscription.inFlight !== 0 && (isMoved || this.#deps.clock.now() - subscription.lastSentAt > FLIGHT_MAX_MS)) subscription.inFlight = 0;
    if (subscription.inFlight !== 0) subscription.mustSend = true;
    else this.#sendNow(subscription);
  }

  /** A full NOTIFY after a while, unless one goes out before. */
  fullWithin(subscription: Subscription, delayMs: number): void {
    if (subscription.retryTimer === 0) subscription.retryTimer = this.#deps.wheel.start(this.#retryKind, delayMs, subscription.slot);
  }

  /** That person's device can be reached again: its suspect subscriptions that `isThere` says are on it are tried at once, whatever still waits
   *  for an answer from where it was before. */
  resume(watcher: Aor, isThere: (subscription: Subscription) => boolean): void {
    const suspects = this.#suspects.get(watcher);
    if (suspects === undefined) return;
    for (const subscription of [...suspects]) if (isThere(subscription)) this.full(subscription, true);
  }

  /** It is off the table: one last NOTIFY, after the one in flight. */
  finish(subscription: Subscription, reason: EndReason): void {
    this.forget(subscription);
    subscription.endReason = reason;
    subscription.phase = "ending";
    if (subscription.inFlight === 0) this.#sendLast(subscription);
  }

  /** It is off the table, and nothing more is to be sent. */
  forget(subscription: Subscription): void {
    this.#trust(subscription);
    this.#window.forget(subscription);
    subscription.phase = "over";
  }

  /** From now on nothing is sent, and no answer counts. */
  close(): void {
    this.#isClosed = true;
    this.#window.close();
  }

  #answered(subscription: Subscription, cseq: number, outcome: AgentOutcome): void {
    // One that was given up is answered too late.
    if (subscription.inFlight !== cseq || this.#isClosed) return;
    const { counters, clock, witness } = this.#deps;
    subscription.inFlight = 0;
    this.#window.answered(subscription.lastSentAt);
    subscription.answeredAt = clock.now();
    subscription.answerStatus = outcome.kind === "answered" ? outcome.status : 0;
    if (subscription.isLate) witness?.late(subscription);
    const verdict = notifyVerdict(outcome, subscription.profile.gone);
    if (verdict.kind === "acknowledged") counters.notifiesAcknowledged++;
    else counters.notifiesFailed++;
    if (subscription.phase !== "live") {
      if (subscription.phase === "ending" && verdict.kind !== "gone") this.#sendLast(subscription);
      return;
    }
    switch (verdict.kind) {
      case "acknowledged":
        this.#trust(subscription);
        if (subscription.mustSend) this.#sendNow(subscription);
        else if (subscription.isDue) this.changed(subscription);
        return;
      case "gone":
        this.#deps.gone(subscription);
        return;
      case "suspect":
        subscription.sent = null;
        if (subscription.mustSend) this.#sendNow(subscription);
        else this.#suspect(subscription, verdict.retryAfterSeconds);
        return;
      default:
        unreachable(verdict, "answered");
    }
  }

  #suspect(subscription: Subscription, retryAfterSeconds: number): void {
    const { wheel, random, log } = this.#deps;
    subscription.failures++;
    const { watcher, resource, failures } = subscription;
    if (failures === 1 && watcher !== null) {
      const others = this.#suspects.get(watcher);
      if (others === undefined) this.#suspects.set(watcher, new Set([subscription]));
      else others.add(subscription);
    }
    log.debug({ aor: resource, watcher: watcher ?? "", event: subscription.pack.name, count: failures }, "a NOTIFY was not acknowledged");
    const delayMs = retryDelayMs(failures, retryAfterSeconds);
    // A tenth more at random, so that those who failed together are not tried together.
    wheel.stop(subscription.retryTimer);
    subscription.retryTimer = wheel.start(this.#retryKind, delayMs + random.below(Math.floor(delayMs / 10)), subscription.slot);
  }

  /** It is not suspect any more. */
  #trust(subscription: Subscription): void {
    if (subscription.retryTimer !== 0) {
      this.#deps.wheel.stop(subscription.retryTimer);
      subscription.retryTimer = 0;
    }
    if (subscription.failures === 0) return;
    subscription.failures = 0;
    const { watcher } = subscription;
    const suspects = watcher === null ? undefined : this.#suspects.get(watcher);
    if (watcher === null || suspects === undefined) return;
    suspects.delete(subscription);
    if (suspects.size === 0) this.#suspects.delete(watcher);
  }

  /** There is room again for what waited. */
  #goOn(subscription: Subscription): void {
    if (subscription.inFlight !== 0 || subscription.phase !== "live") return;
    if (subscription.mustSend) this.#sendNow(subscription);
    else if (subscription.isDue) this.changed(subscription);
  }

  #sendNow(subscription: Subscription): void {
    if (!this.#window.admits(subscription)) {
      subscription.mustSend = true;
      return;
    }
    const rendered = this.#render(subscription);
    if (rendered !== null) this.#send(subscription, rendered);
    else if (subscription.failures > 0) this.#suspect(subscription, 0);
  }

  #sendLast(subscription: Subscription): void {
    const { endReason } = subscription;
    // What one may not see any more, or what is no more, is not shown once more.
    const rendered = endReason === "timeout" ? this.#render(subscription) : null;
    subscription.phase = "over";
    this.#post(subscription, rendered, endState(endReason));
  }

  #send(subscription: Subscription, rendered: Rendered): void {
    const seconds = Math.max(0, Math.ceil((subscription.expiresAt - this.#deps.clock.now()) / 1000));
    subscription.isDue = subscription.mustSend = false;
    subscription.sent = rendered;
    if (subscription.cseq >= subscription.cseqLimit) {
      subscription.cseqLimit = subscription.cseq + CSEQ_BLOCK;
      this.#deps.keep(subscription);
    }
    this.#post(subscription, rendered, `active;expires=${seconds}`);
  }

  #post(subscription: Subscription, rendered: Rendered | null, state: string): void {
    const { agent, clock, counters, log, witness } = this.#deps;
    const { dialog } = subscription;
    // A connection that has ended is not kept in memory for a subscription's sake.
    if (dialog.flow?.isOpen === false) subscription.dialog = { ...dialog, flow: null };
    const cseq = ++subscription.cseq;
    subscription.inFlight = cseq;
    if (subscription.isNoted) witness?.overtaken(subscription);
    subscription.isLate = false;
    subscription.lastSentAt = clock.now();
    this.#window.sent();
    subscription.lastSent = rendered;
    subscription.answeredAt = 0;
    counters.notifiesSent++;
    if (witness !== undefined && !subscription.isNoted) {
      subscription.isNoted = true;
      witness.sent(subscription);
    }
    const headers = `Event: ${formatEvent(subscription.pack.name, subscription.eventId)}\r\nSubscription-State: ${state}\r\n`;
    const body = rendered === null ? "" : rendered.isVersioned ? `${rendered.head}${cseq - 1}${rendered.tail}` : rendered.head;
    try {
      agent.send(subscription.dialog, { method: "NOTIFY", cseq, headers, contentType: rendered?.contentType ?? "", body }, (outcome) => {
        this.#answered(subscription, cseq, outcome);
      });
    } catch (err) {
      log.error({ err, aor: subscription.resource }, "a NOTIFY could not be made");
      this.#answered(subscription, cseq, { kind: "unreachable", why: "our own mistake" });
    }
  }

  #render(subscription: Subscription): Rendered | null {
    try {
      return subscription.pack.render(subscription);
    } catch (err) {
      this.#deps.log.error({ err, aor: subscription.resource, event: subscription.pack.name }, "a document could not be rendered");
      return null;
    }
  }
}

/** True when two bodies are equal; mostly they are the same object. */
function isSame(a: Rendered, b: Rendered): boolean {
  return a === b || (a.head === b.head && a.tail === b.tail && a.contentType === b.contentType);
}
