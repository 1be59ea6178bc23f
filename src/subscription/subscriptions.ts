import { InvariantError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { Call, Feature } from "../proxy/feature.ts";
import { replyWhenKept } from "../proxy/kept-answer.ts";
import { goOn, handled, refuse, type Verdict } from "../proxy/verdict.ts";
import { Header } from "../sip/header-name.ts";
import { mediaType } from "./accept.ts";
import { subscriptionCounters, type SubscriptionCounters } from "./counters.ts";
import { parseEvent } from "./event-header.ts";
import type { ChangeListener, Publication } from "./event-package.ts";
import { entityOf, isSameDevice, textLength } from "./dialog-text.ts";
import { EVENTLIST } from "./eventlist.ts";
import { KeptLists, KeptPool } from "./kept-pool.ts";
import { ListIndex } from "./list-index.ts";
import { ListWatch, type WatchedList } from "./list-watch.ts";
import { askedList, broughtList, currentList, NO_LISTS } from "./lists.ts";
import { CSEQ_BLOCK, Notifier } from "./notifier.ts";
import { Publications } from "./publications.ts";
import { malformed, merged, refused, tooMany, tooOften, type Refusal } from "./refusal.ts";
import { Restoration } from "./restoration.ts";
import { Rivals } from "./rivals.ts";
import { readStoredSubscription, storedSubscription } from "./stored-subscription.ts";
import { inDialogDecision, initialDecision, renewable, subscribeFacts, type Creation } from "./subscribe-decision.ts";
import { SourceRate, SubscribeRate } from "./subscribe-rate.ts";
import { Subscription, type EndReason } from "./subscription.ts";
import type { SubscriptionDeps } from "./subscription-deps.ts";
import { SubscriptionTable } from "./subscription-table.ts";
import { watcherView, type WatcherView } from "./watcher-view.ts";

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
  /** People, lists or rules have changed: who may not watch any more ends, who sees another thing is told, lists get their new members. */
  directoryChanged(): void;
  /** That person registered, with that contact URI (empty: any): suspect subscriptions of that device are tried at once. Costs one look-up when there are none. */
  registered(watcher: Aor, contact: string): void;
  /** That person is no user any more: nobody watches him, he watches nobody, what he published is gone. */
  forget(aor: Aor): void;
  /** Takes up what the store kept, at start: publications first, thousands of subscriptions little by little. What has lapsed is dropped; nobody is notified until something changes. */
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
export function subscriptions(deps: SubscriptionDeps): Subscriptions {
  const { agent, wheel, clock, random, store, log, settings } = deps;
  const packages = new Map(deps.packages.map((pack) => [pack.name, pack]));
  const counters = subscriptionCounters();
  const table = new SubscriptionTable();
  const index = new ListIndex();
  const { lists = NO_LISTS } = deps;
  const audience = (subscription: Subscription, reason: EndReason | null): void => deps.audience?.note(subscription, reason);
  const rate = new SubscribeRate(clock);
  const sources = settings.limits === undefined ? null : new SourceRate(clock, settings.limits);
  const userAgents = new KeptPool(SHARED_TEXTS_MAX);
  const accepts = new KeptLists(SHARED_ACCEPTS_MAX);
  let isClosed = false;
  let renotifiedBy = 0;

  const keep = (subscription: Subscription): void => {
    store.put("subscriptions", subscription.dialog.localTag, storedSubscription(subscription));
  };

  const remove = (subscription: Subscription): void => {
    wheel.stop(subscription.expiryTimer);
    subscription.expiryTimer = 0;
    store.delete("subscriptions", subscription.dialog.localTag);
    table.remove(subscription);
    index.remove(subscription);
  };

  /** It ends: off the table, with a last NOTIFY. */
  const end = (subscription: Subscription, reason: EndReason): void => {
    remove(subscription);
    notifier.finish(subscription, reason);
    audience(subscription, reason);
  };

  const take = (subscription: Subscription): void => {
    table.add(subscription);
    index.add(subscription);
    startExpiry(subscription);
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
    ...(settings.listIntervalMs === undefined ? {} : { listIntervalMs: settings.listIntervalMs }),
    streamOf: ({ watcher, dialog, userAgent }) => (watcher === null ? null : (deps.streamOf?.(watcher, dialog.target, userAgent) ?? null)),
    ...(deps.witness === undefined ? {} : { witness: deps.witness }),
    gone: (subscription) => {
      counters.gone++;
      notifier.forget(subscription);
      remove(subscription);
      audience(subscription, "timeout");
    },
  });

  const expiryKind = wheel.kind((slot) => {
    const subscription = isClosed ? undefined : table.at(slot);
    if (subscription === undefined) return;
    counters.expired++;
    end(subscription, "timeout");
  });

  const startExpiry = (subscription: Subscription): void => {
    wheel.stop(subscription.expiryTimer);
    subscription.expiryTimer = wheel.start(expiryKind, subscription.expiresAt - clock.now(), subscription.slot);
  };

  const restoration = new Restoration(clock, ({ key, value }) => {
    const subscription = readStoredSubscription(value, packages, deps.profileOf, lists);
    if (subscription === null || subscription.expiresAt <= clock.now() || table.hasTag(subscription.dialog.localTag)) {
      if (subscription === null) log.warn({ reason: key }, "a stored subscription cannot be read and is dropped");
      store.delete("subscriptions", key);
      return;
    }
    take(subscription);
    if (subscription.standing === "block") end(subscription, "rejected");
    else if (renotifiedBy > 0) notifier.fullWithin(subscription, random.below(Math.max(1, renotifiedBy - clock.now())));
  });

  const publications = new Publications({ packages, wheel, clock, random, store, log, counters, mayPublish: deps.mayPublish, settings });

  const refusal = ({ status, reason, headers }: Omit<Refusal, "kind">): Verdict => {
    counters.refused++;
    return refuse(status, reason, headers);
  };

  const answer = (call: Call, seconds: number, isList: boolean): void => {
    replyWhenKept(store, call, { status: 200, headers: `Expires: ${seconds}\r\nContact: ${agent.contact(call.source)}\r\n${isList ? `Require: ${EVENTLIST}\r\n` : ""}` });
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

  /** The same subscription with the members that its list has now. True when they are others. */
  const rebase = (subscription: Subscription, now: WatchedList): boolean => {
    const { list } = subscription;
    if (list === null || list.of.isSame(now)) return false;
    index.remove(subscription);
    list.becomes(index.shared(now));
    index.add(subscription);
    if (now.source.kind === "request") keep(subscription);
    return true;
  };

  /** What the rules say of it now. */
  const judge = (subscription: Subscription): void => {
    const { list, pack } = subscription;
    if (list !== null) {
      const now = currentList(list.of.source, lists);
      if (now === null) end(subscription, "noresource");
      else if (rebase(subscription, now)) {
        notifier.full(subscription, false);
        audience(subscription, null);
      } else {
        list.noteAll();
        notifier.changed(subscription);
      }
      return;
    }
    const standing = pack.admits(subscription) === null ? (pack.standingOf?.(subscription) ?? "allow") : "block";
    if (standing === subscription.standing) return;
    if (standing === "block") {
      end(subscription, "rejected");
      return;
    }
    subscription.standing = standing;
    notifier.full(subscription, false);
    audience(subscription, null);
  };

  const create = (call: Call, aor: Aor, list: WatchedList | null, decision: Creation, userAgent: string, profile: PhoneProfile): Verdict => {
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
      accept: accepts.kept(accept),
      pack,
      eventId: keptText(eventId),
      dialog,
      expiresAt: clock.now() + seconds * 1000,
      remoteCseq: message.cseq,
      cseq: 0,
      ...(list === null ? {} : { list: new ListWatch(index.shared(list)) }),
    });
    if (list === null) {
      const refusedBecause = pack.admits(subscription) ?? (subscription.standing === "block" ? refused(403, "Forbidden") : null);
      if (refusedBecause !== null) return refusal(refusedBecause);
    }
    const refusedFor = refusedBody(call, subscription);
    if (refusedFor !== null) return refusal(refusedFor);
    for (const rival of rivals.outlived(subscription.dialog.target)) {
      counters.replaced++;
      remove(rival.subscription);
      audience(rival.subscription, "probation");
      if (rival.isSameDialog) notifier.forget(rival.subscription);
      else notifier.finish(rival.subscription, "probation");
    }
    if (seconds === 0) {
      counters.fetched++;
      answer(call, 0, list !== null);
      notifier.finish(subscription, "timeout");
      return handled;
    }
    counters.created++;
    take(subscription);
    subscription.cseqLimit = CSEQ_BLOCK;
    keep(subscription);
    answer(call, seconds, list !== null);
    notifier.full(subscription, false);
    audience(subscription, null);
    return handled;
  };

  const renew = (call: Call, localTag: string): Verdict => {
    const { message } = call;
    restoration.bring(localTag);
    const existing = table.find(localTag, message.callId, message.fromTag);
    // Not of ours: a request on its way to somebody else's dialog.
    if (existing === null && (!call.isOurs || call.nextRoute !== null)) return goOn;
    const decision = inDialogDecision(subscribeFacts(message, existing?.profile.accept === "ignored"), existing === null ? null : renewable(existing), call.caller, settings.subscribe);
    if (decision.kind === "refused" || existing === null) return refusal(decision.kind === "refused" ? decision : { status: 481 });
    const { accept, seconds } = decision;
    const before = existing.dialog;
    const dialog = agent.refreshed(before, message, call.source);
    if (textLength(dialog) > DIALOG_TEXT_MAX) return refusal(malformed("its dialog headers are too long"));
    const brought = existing.list === null ? null : broughtList(message, lists);
    if (brought !== null && "kind" in brought) return refusal(brought);
    const refusedFor = refusedBody(call, existing);
    if (refusedFor !== null) return refusal(refusedFor);
    if (brought !== null) rebase(existing, brought);
    existing.dialog = dialog;
    existing.remoteCseq = message.cseq;
    if (accept !== null) {
      existing.accept = accepts.kept(accept);
      existing.variant = existing.pack.variantOf?.(existing) ?? 0;
    }
    if (seconds === 0) {
      counters.unsubscribed++;
      remove(existing);
      answer(call, 0, existing.list !== null);
      notifier.finish(existing, "timeout");
      audience(existing, "timeout");
      return handled;
    }
    counters.refreshed++;
    existing.expiresAt = clock.now() + seconds * 1000;
    startExpiry(existing);
    keep(existing);
    answer(call, seconds, existing.list !== null);
    notifier.full(existing, dialog.target !== before.target || dialog.flow !== before.flow);
    return handled;
  };

  const onSubscribe = (call: Call): Verdict => {
    if (call.isOurs && call.nextRoute === null && !rate.admits(call.caller ?? call.source.remoteAddress)) return refusal(tooOften());
    const localTag = call.message.toTag;
    if (localTag !== "") return renew(call, localTag);
    const list = askedList(call, lists);
    if (list !== null && "kind" in list) return refusal(list);
    // A list that its watcher brings is his own.
    const resource = list === null ? call.aor : list.source.kind === "directory" ? list.source.aor : call.caller;
    if (resource === null) return list === null ? goOn : refusal(refused(403, "Forbidden"));
    if (list !== null && call.caller === null) return refusal(refused(403, "Forbidden"));
    const userAgent = userAgents.kept(call.message.header(Header.userAgent) ?? "", USER_AGENT_LENGTH_MAX);
    const profile = deps.profileOf(userAgent);
    // Refreshes are no burden that a limit should make a lamp dark for: new subscriptions alone count.
    const bound = sources?.admits({ address: call.source.remoteAddress, user_agent: userAgent, event: parseEvent(call.message.header(Header.event))?.name ?? "" }) ?? null;
    if (bound !== null) {
      counters.limited[bound]++;
      return refusal(tooOften(profile.overload));
    }
    const decision = initialDecision(subscribeFacts(call.message, profile.accept === "ignored"), packages, settings.subscribe, list !== null);
    return decision.kind === "refused" ? refusal(decision) : create(call, resource, list, decision, userAgent, profile);
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
        if (subscription?.pack.name === packageName && subscription.list === null) notifier.changed(subscription);
      }
      for (const subscription of index.watchersOf(resource, packageName)) {
        subscription.list?.note(resource);
        notifier.changed(subscription);
      }
    },
    directoryChanged() {
      if (isClosed) return;
      restoration.bringAll();
      for (const subscription of table.all()) judge(subscription);
    },
    counters,
    counts: () => ({ subscriptions: table.count + restoration.size, publications: publications.count }),
    list() {
      restoration.bringAll();
      return table.all().map((subscription) => watcherView(subscription));
    },
    watchersOf: (resource, event) => [
      ...table.of(resource).filter(({ pack, list }) => pack.name === event && list === null).map((subscription) => watcherView(subscription)),
      ...[...index.watchersOf(resource, event)].map((subscription) => watcherView(subscription, resource)),
    ],
    isWatched: (resource, event) => table.of(resource).some(({ pack, list }) => pack.name === event && list === null) || index.isWatched(resource, event),
    publicationsOf: (resource) => publications.of(resource),
    registered(watcher, contact) {
      if (!isClosed) notifier.resume(watcher, (subscription) => contact === "" || isSameDevice(contact, subscription.dialog.target));
    },
    forget(aor) {
      publications.forget(aor);
      restoration.bringAll();
      // A copy: what ends leaves the table.
      for (const subscription of [...table.all()]) {
        if (subscription.resource !== aor && subscription.watcher !== aor) continue;
        end(subscription, subscription.resource === aor ? "noresource" : "rejected");
      }
    },
    restore() {
      publications.restore();
      restoration.begin(store.load("subscriptions"));
    },
    renotify(withinMs) {
      const all = table.all();
      // Many are given more time: their watchers renew by themselves after a power cut, and must be heard.
      const spread = Math.max(1, Math.floor(withinMs), Math.ceil(((all.length + restoration.size) * 1000) / RENOTIFY_PER_SECOND));
      renotifiedBy = clock.now() + spread;
      for (const subscription of all) if (subscription.lastSentAt === 0) notifier.fullWithin(subscription, random.below(spread));
    },
    close() {
      isClosed = true;
      restoration.close();
      notifier.close();
      publications.close();
    },
  };
}
