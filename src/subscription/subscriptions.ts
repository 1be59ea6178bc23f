import type { Agent, AgentDialog } from "../agent/agent.ts";
import type { Clock } from "../base/clock.ts";
import { InvariantError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { Call, Feature } from "../proxy/feature.ts";
import { replyWhenKept } from "../proxy/kept-answer.ts";
import { goOn, handled, refuse, type Verdict } from "../proxy/verdict.ts";
import { Header } from "../sip/header-name.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { formatSipUri, parseSipUri, type SipUri } from "../sip/uri.ts";
import type { Store } from "../store/store.ts";
import { mediaType } from "./accept.ts";
import { subscriptionCounters, type SubscriptionCounters } from "./counters.ts";
import type { ChangeListener, EventPackage, Publication, Rendered } from "./event-package.ts";
import { KeptPool } from "./kept-pool.ts";
import type { LifetimeLimits } from "./lifetime.ts";
import { CSEQ_BLOCK, Notifier } from "./notifier.ts";
import type { NotifyWitness } from "./notify-witness.ts";
import { Publications } from "./publications.ts";
import { malformed, merged, refused, tooMany, tooOften, type Refusal } from "./refusal.ts";
import { Rivals } from "./rivals.ts";
import { readStoredSubscription, storedSubscription } from "./stored-subscription.ts";
import { inDialogDecision, initialDecision, subscribeFacts, type Creation } from "./subscribe-decision.ts";
import { SubscribeRate } from "./subscribe-rate.ts";
import { Subscription } from "./subscription.ts";
import { SubscriptionTable } from "./subscription-table.ts";

/** How subscriptions and publications are bounded. */
export interface SubscriptionSettings {
  readonly subscribe: LifetimeLimits;
  readonly publish: LifetimeLimits;
  /** Subscriptions to one AoR, of all packages; more get 480 with Retry-After. */
  readonly watchersPerAorMax: number;
  /** Publications of one AoR, of all packages; more get 480 with Retry-After. */
  readonly publicationsPerAorMax: number;
  /** Bytes of one publication; more get 413. */
  readonly publishBodyMax: number;
}

/** One subscription, as the API and `why` show it. Times are ms since 1970. */
export interface WatcherView {
  readonly resource: Aor;
  /** The watcher's AoR, or the URI that a stranger gave. */
  readonly watcher: string;
  readonly event: string;
  readonly expiresAt: number;
  readonly userAgent: string;
  /** 0 when no NOTIFY was sent since the start. */
  readonly lastSentAt: number;
  /** What it held; null for none, or one without a body. */
  readonly lastSent: Rendered | null;
  /** When it was answered, or given up; 0 while it is not. */
  readonly answeredAt: number;
  /** The status of that answer; 0 for none in time. */
  readonly answerStatus: number;
  /** `suspect`: the last NOTIFY was not acknowledged, tries go on. */
  readonly state: "active" | "suspect";
}

/** The engine of RFC 6665 and RFC 3903 for all event packages. */
export interface Subscriptions {
  readonly feature: Feature;
  /** A package's state for a resource has changed. NOTIFYs leave before this returns. */
  readonly changed: ChangeListener;
  readonly counters: SubscriptionCounters;
  /** How many live. */
  counts(): { readonly subscriptions: number; readonly publications: number };
  list(): readonly WatcherView[];
  watchersOf(resource: Aor, event: string): readonly WatcherView[];
  /** True when anyone watches that event of a resource. */
  isWatched(resource: Aor, event: string): boolean;
  publicationsOf(resource: Aor): readonly Publication[];
  /** That person registered, with that contact URI (empty: any): suspect subscriptions of that device are tried at once. Costs one look-up when there are none. */
  registered(watcher: Aor, contact: string): void;
  /** That person is no user any more: nobody watches him, he watches nobody, what he published is gone. */
  forget(aor: Aor): void;
  /** Takes up what the store kept, at start: publications first. What has lapsed is dropped; nobody is notified until something changes. */
  restore(): void;
  /** A full NOTIFY for all who had none since the start, spread over that time, or longer when they are more than 2,000 a second: what no longer rings since the crash must not stay lit. */
  renotify(withinMs: number): void;
  /** The server stops: nothing is sent any more, everything stays in the store. */
  close(): void;
}

/** Bytes of all texts of one dialog; a SUBSCRIBE with more gets 400. */
export const DIALOG_TEXT_MAX = 4096;
const USER_AGENT_LENGTH_MAX = 128;
const SHARED_TEXTS_MAX = 2000;
const SHARED_ACCEPTS_MAX = 256;
const RENOTIFY_PER_SECOND = 2000;

/** Builds the engine. `packages` in the order in which Allow-Events names them; `mayPublish` tells who may publish for `call.aor`. */
export function subscriptions(deps: {
  readonly packages: readonly EventPackage[];
  readonly agent: Agent;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly log: Log;
  readonly settings: SubscriptionSettings;
  /** What the phone of that User-Agent needs. */
  readonly profileOf: (userAgent: string) => PhoneProfile;
  readonly mayPublish: (call: Call) => boolean;
  /** Who keeps what was sent when; default: nobody. */
  readonly witness?: NotifyWitness;
}): Subscriptions {
  const { agent, wheel, clock, random, store, log, settings } = deps;
  const packages = new Map(deps.packages.map((pack) => [pack.name, pack]));
  const counters = subscriptionCounters();
  const table = new SubscriptionTable();
  const rate = new SubscribeRate(clock);
  const userAgents = new KeptPool(SHARED_TEXTS_MAX);
  const accepts = new Map<string, readonly string[]>();
  let isClosed = false;

  const keep = (subscription: Subscription): void => {
    store.put("subscriptions", subscription.dialog.localTag, storedSubscription(subscription));
  };

  const remove = (subscription: Subscription): void => {
    wheel.stop(subscription.expiryTimer);
    subscription.expiryTimer = 0;
    store.delete("subscriptions", subscription.dialog.localTag);
    table.remove(subscription);
  };

  const notifier = new Notifier({
    agent,
    wheel,
    clock,
    random,
    log,
    counters,
    at: (slot) => (isClosed ? undefined : table.at(slot)),
    keep,
    ...(deps.witness === undefined ? {} : { witness: deps.witness }),
    gone: (subscription) => {
      counters.gone++;
      notifier.forget(subscription);
      remove(subscription);
    },
  });

  const expiryKind = wheel.kind((slot) => {
    const subscription = isClosed ? undefined : table.at(slot);
    if (subscription === undefined) return;
    counters.expired++;
    remove(subscription);
    notifier.finish(subscription, "timeout");
  });

  const startExpiry = (subscription: Subscription): void => {
    wheel.stop(subscription.expiryTimer);
    subscription.expiryTimer = wheel.start(expiryKind, subscription.expiresAt - clock.now(), subscription.slot);
  };

  const publications = new Publications({ packages, wheel, clock, random, store, log, counters, mayPublish: deps.mayPublish, settings });

  const refusal = ({ status, reason, headers }: Omit<Refusal, "kind">): Verdict => {
    counters.refused++;
    return refuse(status, reason, headers);
  };

  const answer = (call: Call, seconds: number): void => {
    replyWhenKept(store, call, { status: 200, headers: `Expires: ${seconds}\r\nContact: ${agent.contact(call.source)}\r\n` });
  };

  /** The same list of types for all who accept the same. */
  const shared = (accept: readonly string[]): readonly string[] => {
    const key = accept.join();
    const known = accepts.get(key);
    if (known === undefined && accepts.size < SHARED_ACCEPTS_MAX) accepts.set(key, accept);
    return known ?? accept;
  };

  /** What a SUBSCRIBE brings in its body goes to its package; null when there is none, or it was taken. */
  const refusedBody = ({ message }: Call, subscription: Subscription): Omit<Refusal, "kind"> | null => {
    const { pack } = subscription;
    if (pack.told === undefined || message.body.trim() === "") return null;
    if (message.body.length > settings.publishBodyMax) return refused(413);
    subscription.isAnswering = true;
    try {
      const taken = pack.told(subscription, mediaType(message.header(Header.contentType) ?? ""), message.body);
      return taken.kind === "refused" ? taken : null;
    } finally {
      subscription.isAnswering = false;
    }
  };

  const create = (call: Call, aor: Aor, decision: Creation, userAgent: string, profile: PhoneProfile): Verdict => {
    const { pack, eventId, accept, seconds } = decision;
    const { message } = call;
    const others = table.of(aor);
    const rivals = new Rivals(others, { message, pack, eventId, watcher: call.caller });
    if (rivals.isMerged) return refusal(merged());
    if (seconds > 0 && others.length >= settings.watchersPerAorMax) return refusal(tooMany());
    const dialog = agent.dialogOf(message, call.source, call.localTag);
    if (textLength(dialog) > DIALOG_TEXT_MAX) return refusal(malformed("its dialog headers are too long"));
    if (table.hasTag(dialog.localTag)) throw new InvariantError("two dialogs with one tag of ours");
    const subscription = new Subscription({
      resource: others[0]?.resource ?? aor,
      entity: entityOf(call.uri, others.at(-1)?.entity),
      watcher: call.caller,
      userAgent,
      profile,
      accept: shared(accept),
      pack,
      eventId: keptText(eventId),
      dialog,
      expiresAt: clock.now() + seconds * 1000,
      remoteCseq: message.cseq,
      cseq: 0,
    });
    const refusedBecause = pack.admits(subscription, call.uri);
    if (refusedBecause !== null) return refusal(refusedBecause);
    const refusedFor = refusedBody(call, subscription);
    if (refusedFor !== null) return refusal(refusedFor);
    for (const rival of rivals.outlived(subscription.dialog.target)) {
      counters.replaced++;
      remove(rival.subscription);
      if (rival.isSameDialog) notifier.forget(rival.subscription);
      else notifier.finish(rival.subscription, "probation");
    }
    if (seconds === 0) {
      counters.fetched++;
      answer(call, 0);
      notifier.finish(subscription, "timeout");
      return handled;
    }
    counters.created++;
    table.add(subscription);
    startExpiry(subscription);
    subscription.cseqLimit = CSEQ_BLOCK;
    keep(subscription);
    answer(call, seconds);
    notifier.full(subscription, false);
    return handled;
  };

  const renew = (call: Call, localTag: string): Verdict => {
    const { message } = call;
    const existing = table.find(localTag, message.callId, message.fromTag);
    // Not of ours: a request on its way to somebody else's dialog.
    if (existing === null && (!call.isOurs || call.nextRoute !== null)) return goOn;
    const decision = inDialogDecision(subscribeFacts(message, existing?.profile.accept === "ignored"), existing, call.caller, settings.subscribe);
    if (decision.kind === "refused" || existing === null) return refusal(decision.kind === "refused" ? decision : { status: 481 });
    const { accept, seconds } = decision;
    const before = existing.dialog;
    const dialog = agent.refreshed(before, message, call.source);
    if (textLength(dialog) > DIALOG_TEXT_MAX) return refusal(malformed("its dialog headers are too long"));
    const refusedFor = refusedBody(call, existing);
    if (refusedFor !== null) return refusal(refusedFor);
    existing.dialog = dialog;
    existing.remoteCseq = message.cseq;
    if (accept !== null) {
      existing.accept = shared(accept);
      existing.variant = existing.pack.variantOf?.(existing) ?? 0;
    }
    if (seconds === 0) {
      counters.unsubscribed++;
      remove(existing);
      answer(call, 0);
      notifier.finish(existing, "timeout");
      return handled;
    }
    counters.refreshed++;
    existing.expiresAt = clock.now() + seconds * 1000;
    startExpiry(existing);
    keep(existing);
    answer(call, seconds);
    notifier.full(existing, dialog.target !== before.target || dialog.flow !== before.flow);
    return handled;
  };

  const onSubscribe = (call: Call): Verdict => {
    if (call.isOurs && call.nextRoute === null && !rate.admits(call.caller ?? call.source.remoteAddress)) return refusal(tooOften());
    const localTag = call.message.toTag;
    if (localTag !== "") return renew(call, localTag);
    if (call.aor === null) return goOn;
    const userAgent = userAgents.kept(call.message.header(Header.userAgent) ?? "", USER_AGENT_LENGTH_MAX);
    const profile = deps.profileOf(userAgent);
    const decision = initialDecision(subscribeFacts(call.message, profile.accept === "ignored"), packages, settings.subscribe);
    return decision.kind === "refused" ? refusal(decision) : create(call, call.aor, decision, userAgent, profile);
  };

  return {
    feature: {
      name: "subscription",
      after: ["authentication"],
      onRequest(call) {
        const { method } = call.message;
        if (method !== "SUBSCRIBE" && method !== "PUBLISH") return goOn;
        if (isClosed) return refuse(503);
        return method === "SUBSCRIBE" ? onSubscribe(call) : publications.onPublish(call);
      },
    },
    changed(packageName, resource) {
      if (isClosed) return;
      const watchers = table.of(resource);
      for (let at = 0; at < watchers.length; at++) {
        const subscription = watchers[at];
        if (subscription?.pack.name === packageName) notifier.changed(subscription);
      }
    },
    counters,
    counts: () => ({ subscriptions: table.count, publications: publications.count }),
    list: () => Array.from(table.all(), view),
    watchersOf: (resource, event) => table.of(resource).filter((subscription) => subscription.pack.name === event).map(view),
    isWatched: (resource, event) => table.of(resource).some((subscription) => subscription.pack.name === event),
    publicationsOf: (resource) => publications.of(resource),
    registered(watcher, contact) {
      if (!isClosed) notifier.resume(watcher, (subscription) => contact === "" || isSameDevice(contact, subscription.dialog.target));
    },
    forget(aor) {
      publications.forget(aor);
      // A copy: what ends leaves the table.
      for (const subscription of [...table.all()]) {
        if (subscription.resource !== aor && subscription.watcher !== aor) continue;
        remove(subscription);
        notifier.finish(subscription, subscription.resource === aor ? "noresource" : "rejected");
      }
    },
    restore() {
      publications.restore();
      for (const { key, value } of [...store.load("subscriptions")]) {
        const subscription = readStoredSubscription(value, packages, deps.profileOf);
        if (subscription === null || subscription.expiresAt <= clock.now() || table.hasTag(subscription.dialog.localTag)) {
          if (subscription === null) log.warn({ reason: key }, "a stored subscription cannot be read and is dropped");
          store.delete("subscriptions", key);
          continue;
        }
        table.add(subscription);
        startExpiry(subscription);
      }
    },
    renotify(withinMs) {
      const all = table.all();
      // Many are given more time: their watchers renew by themselves after a power cut, and must be heard.
      const spread = Math.max(1, Math.floor(withinMs), Math.ceil((all.length * 1000) / RENOTIFY_PER_SECOND));
      for (const subscription of all) if (subscription.lastSentAt === 0) notifier.fullWithin(subscription, random.below(spread));
    },
    close() {
      isClosed = true;
      notifier.close();
      publications.close();
    },
  };
}

/** The URI that a document names the presentity by: that of the request without password, parameters and headers. `known`: what it probably is. */
function entityOf(uri: SipUri, known: string | undefined): string {
  const entity = formatSipUri({ ...uri, password: null, params: "", headers: "" });
  return entity === known ? known : keptText(entity);
}

function textLength({ callId, remoteTag, local, remote, target, routes }: AgentDialog): number {
  return routes.reduce((length, route) => length + route.length, callId.length + remoteTag.length + local.length + remote.length + target.length);
}

/** True when two Contact URIs lead to one device: the same user, host and port, whatever their parameters. */
function isSameDevice(a: string, b: string): boolean {
  const one = parseSipUri(a);
  const other = parseSipUri(b);
  return one !== null && other !== null && one.user === other.user && one.host === other.host && one.port === other.port;
}

function view(subscription: Subscription): WatcherView {
  const { resource, watcher, pack, expiresAt, userAgent, lastSentAt, lastSent, answeredAt, answerStatus, failures, dialog } = subscription;
  return { resource, watcher: watcher ?? parseNameAddr(dialog.remote).uri, event: pack.name, expiresAt, userAgent, lastSentAt, lastSent, answeredAt, answerStatus, state: failures > 0 ? "suspect" : "active" };
}
