import type { Agent, AgentOutcome } from "../agent/agent.ts";
import type { Clock } from "../base/clock.ts";
import { unreachable } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { SubscriptionCounters } from "./counters.ts";
import { formatEvent } from "./event-header.ts";
import { isSame, type Rendered } from "./event-package.ts";
import { EVENTLIST } from "./eventlist.ts";
import { LIST_SENT, listBody } from "./list-body.ts";
import type { ListWatch } from "./list-watch.ts";
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
  /** A way to a watcher that takes what is too large for a datagram; null for none. */
  readonly streamOf?: (subscription: Subscription) => Flow | null;
  /** A list's watcher is told at most once in this time; default 0: at once. */
  readonly listIntervalMs?: number;
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
    // Whoever sees nothing of it must not learn by a NOTIFY that something has changed.
    if (subscription.standing !== "allow") return;
    if (subscription.inFlight !== 0 || subscription.failures > 0 || subscription.isAnswering) {
      subscription.isDue = true;
      counters.coalesced++;
      return;
    }
    if (subscription.list !== null) {
      this.#listChanged(subscription, subscription.list);
      return;
    }
    const rendered = this.#render(subscription);
    if (rendered === null) return;
    const { sent } = subscription;
    if (sent !== null && isSame(rendered, sent)) counters.unchanged++;
    else if (this.#window.admits(subscription)) this.#send(subscription, rendered);
    else subscription.isDue = true;
  }

  #listChanged(subscription: Subscription, list: ListWatch): void {
    const { clock, listIntervalMs = 0 } = this.#deps;
    const early = subscription.lastSentAt + listIntervalMs - clock.now();
    // A state that comes in pieces is not slowed down between them.
    if (listIntervalMs > 0 && early > 0 && !subscription.isSplit) {
      subscription.isDue = true;
      this.fullWithin(subscription, early);
      return;
    }
    if (!list.hasNews) return;
    if (!this.#window.admits(subscription)) {
      subscription.isDue = true;
      return;
    }
    const rendered = this.#render(subscription);
    if (rendered === null) this.#deps.counters.unchanged++;
    else this.#send(subscription, rendered);
  }

  /** NOTIFYs that wait until others are answered. */
  get waiting(): number {
    return this.#window.waiting;
  }

  /** The watcher subscribed or refreshed: the full state at once, changed or not. `isMoved`: it is reached another way than before, so an unanswered
   *  NOTIFY there is not waited for. */
  full(subscription: Subscription, isMoved: boolean): void {
    this.#trust(subscription);
    if (subscription.list !== null) subscription.list.mustBeFull = true;
    if (subscription.inFlight !== 0 && (isMoved || this.#deps.clock.now() - subscription.lastSentAt > FLIGHT_MAX_MS)) subscription.inFlight = 0;
    if (subscription.inFlight !== 0) subscription.mustSend = true;
    else this.#sendNow(subscription);
  }

  /** A NOTIFY after a while, unless one goes out before. */
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
        if (subscription.list !== null && !subscription.list.hasNews) subscription.list.isKnown = true;
        if (subscription.mustSend) this.#sendNow(subscription);
        else if (subscription.isDue) this.changed(subscription);
        return;
      case "gone":
        this.#deps.gone(subscription);
        return;
      case "suspect":
        subscription.sent = null;
        subscription.list?.lost();
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
    if (rendered !== null) this.#send(subscription, rendered, true);
    else if (subscription.list !== null && subscription.failures === 0) subscription.isDue = subscription.mustSend = false;
    else if (subscription.failures > 0) this.#suspect(subscription, 0);
  }

  #sendLast(subscription: Subscription): void {
    const { endReason } = subscription;
    // What one may not see any more, or what is no more, is not shown once more.
    // Of a list nothing is shown once more either, but to whoever fetches it.
    const isShown = endReason === "timeout" && (subscription.list === null || subscription.cseq === 0);
    const rendered = isShown ? this.#render(subscription) : null;
    subscription.phase = "over";
    this.#post(subscription, rendered, endState(endReason));
  }

  /** `isWhole`: not what has changed alone. */
  #send(subscription: Subscription, rendered: Rendered, isWhole = false): void {
    const seconds = Math.max(0, Math.ceil((subscription.expiresAt - this.#deps.clock.now()) / 1000));
    const { list, pack, sent } = subscription;
    subscription.mustSend = false;
    // What did not fit follows when this one is acknowledged.
    subscription.isDue = subscription.isSplit = list?.hasNews === true;
    subscription.sent = list === null ? rendered : LIST_SENT;
    if (subscription.cseq >= subscription.cseqLimit) {
      subscription.cseqLimit = subscription.cseq + CSEQ_BLOCK;
      this.#deps.keep(subscription);
    }
    const isPartial = !isWhole && sent !== null && list === null && pack.partialOf !== undefined && subscription.standing === "allow";
    const shown = isPartial ? (pack.partialOf?.(subscription, sent, rendered) ?? rendered) : rendered;
    this.#post(subscription, shown, `${subscription.standing === "pending" ? "pending" : "active"};expires=${seconds}`, rendered);
  }

  /** `whole`: what the watcher knows after it. */
  #post(subscription: Subscription, rendered: Rendered | null, state: string, whole = rendered): void {
    const { agent, clock, counters, log, witness } = this.#deps;
    const { dialog, list } = subscription;
    // A connection that has ended is not kept in memory for a subscription's sake.
    if (dialog.flow?.isOpen === false) subscription.dialog = { ...dialog, flow: null };
    const cseq = ++subscription.cseq;
    subscription.inFlight = cseq;
    if (subscription.isNoted) witness?.overtaken(subscription);
    subscription.isLate = false;
    subscription.lastSentAt = clock.now();
    this.#window.sent();
    subscription.lastSent = list === null || whole === null ? whole : LIST_SENT;
    subscription.answeredAt = 0;
    counters.notifiesSent++;
    if (witness !== undefined && list === null && !subscription.isNoted) {
      subscription.isNoted = true;
      witness.sent(subscription);
    }
    const headers = `Event: ${formatEvent(eventName(subscription), subscription.eventId)}\r\nSubscription-State: ${state}\r\n${list === null ? "" : `Require: ${EVENTLIST}\r\n`}`;
    const body = rendered === null ? "" : rendered.isVersioned ? `${rendered.head}${cseq - 1}${rendered.tail}` : rendered.head;
    const stream = isLarge(subscription, body.length) ? this.#streamOf(subscription) : null;
    try {
      agent.send(subscription.dialog, { method: "NOTIFY", cseq, headers, contentType: rendered?.contentType ?? "", body }, (outcome) => {
        this.#answered(subscription, cseq, outcome);
      }, stream === null ? undefined : { kind: "flow", flow: stream });
    } catch (err) {
      log.error({ err, aor: subscription.resource }, "a NOTIFY could not be made");
      this.#answered(subscription, cseq, { kind: "unreachable", why: "our own mistake" });
    }
  }

  #render(subscription: Subscription): Rendered | null {
    const { list, standing } = subscription;
    if (standing === "pending") return NO_BODY;
    try {
      return list === null ? subscription.pack.render(subscription) : listBody(subscription, list, this.#listBytesMax(subscription));
    } catch (err) {
      this.#deps.log.error({ err, aor: subscription.resource, event: subscription.pack.name }, "a document could not be rendered");
      return null;
    }
  }

  /** What the body of a list may take on the way to this watcher. */
  #listBytesMax(subscription: Subscription): number {
    if (!isByDatagram(subscription) || this.#streamOf(subscription) !== null) return STREAM_BODY_MAX;
    return subscription.phase === "live" ? DATAGRAM_MAX - headLength(subscription) : DATAGRAM_END_MAX;
  }

  #streamOf(subscription: Subscription): Flow | null {
    const flow = this.#deps.streamOf?.(subscription) ?? null;
    return flow?.isOpen === true ? flow : null;
  }
}

/** What a subscription that waits for permission is sent. */
const NO_BODY: Rendered = { contentType: "", head: "", tail: "", isVersioned: false };

/** Bytes of a SIP message that one datagram carries on any usual path: an Ethernet frame without the headers of IP and UDP. */
const DATAGRAM_MAX = 1472;
/** A request that comes nearer to it goes by a connection where there is one (RFC 3261 §18.1.1). */
const DATAGRAM_WANTED_MAX = 1300;
/** The one answer to whoever fetches a list: it cannot be split. */
const DATAGRAM_END_MAX = 60_000;
/** Bytes of one body by a connection: phones have small buffers, and nothing else may wait behind it. */
const STREAM_BODY_MAX = 65_536;
/** Header lines of a NOTIFY beside those of its dialog. */
const HEAD_LENGTH = 380;

/** True for what should not go in a datagram, to a watcher who is reached by datagrams. */
function isLarge(subscription: Subscription, bodyLength: number): boolean {
  return bodyLength > DATAGRAM_WANTED_MAX - HEAD_LENGTH - 600 && isByDatagram(subscription) && bodyLength + headLength(subscription) > DATAGRAM_WANTED_MAX;
}

function headLength({ dialog }: Subscription): number {
  const { callId, localTag, remoteTag, local, remote, target, routes } = dialog;
  return routes.reduce((sum, route) => sum + route.length + 9, HEAD_LENGTH + callId.length + localTag.length + remoteTag.length + local.length + remote.length + target.length);
}

/** Whether the way to a watcher is UDP: the one he came by while it is open, else what his first route or his Contact says. */
function isByDatagram({ dialog: { flow, routes, target } }: Subscription): boolean {
  const [route] = routes;
  if (route === undefined && flow?.isOpen === true) return flow.protocol === "udp";
  return !/;transport=(?:tcp|tls|wss?)\b/i.test(route ?? target) && !/^<?sips:/i.test(route ?? target);
}

function eventName({ list, profile, pack }: Subscription): string {
  return list !== null && profile.lists === "linphone" && pack.name === "presence" ? "Presence" : pack.name;
}
