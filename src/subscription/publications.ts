import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import { keptText } from "../base/kept-text.ts";
import type { Log } from "../base/log.ts";
import { randomHex, type Random } from "../base/random.ts";
import type { TimerId, TimerWheel } from "../base/timer-wheel.ts";
import type { Call } from "../proxy/feature.ts";
import { replyWhenKept } from "../proxy/kept-answer.ts";
import { goOn, handled, refuse, type Verdict } from "../proxy/verdict.ts";
import type { Store } from "../store/store.ts";
import type { SubscriptionCounters } from "./counters.ts";
import type { EventPackage, Publication } from "./event-package.ts";
import type { LifetimeLimits } from "./lifetime.ts";
import { publishDecision, publishFacts, type PublishDecision, type PublishFacts } from "./publish-decision.ts";
import { Slots } from "./slots.ts";
import { readStoredPublication, storedPublication } from "./stored-publication.ts";

/** What the event state compositor of RFC 3903 needs. */
export interface PublicationsDeps {
  readonly packages: ReadonlyMap<string, EventPackage>;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly log: Log;
  readonly counters: SubscriptionCounters;
  readonly mayPublish: (call: Call) => boolean;
  readonly settings: { readonly publish: LifetimeLimits; readonly publicationsPerAorMax: number; readonly publishBodyMax: number };
}

/** A live publication; `id` is its first entity tag, the same over all refreshes. */
interface Held {
  readonly id: string;
  readonly pack: EventPackage;
  publication: Publication;
  slot: number;
  timer: TimerId;
}

const ETAG_BYTES = 8;

/** All live publications, and what a PUBLISH does to them. */
export class Publications {
  readonly #deps: PublicationsDeps;
  readonly #byEtag = new Map<string, Held>();
  readonly #byResource = new Map<Aor, Held[]>();
  readonly #slots = new Slots<Held>();
  readonly #expiryKind: number;
  #isClosed = false;

  constructor(deps: PublicationsDeps) {
    this.#deps = deps;
    this.#expiryKind = deps.wheel.kind((slot) => {
      const held = this.#slots.at(slot);
      if (held !== undefined && !this.#isClosed) this.#end(held);
    });
  }

  /** How many live. */
  get count(): number {
    return this.#byEtag.size;
  }

  /** The live publications of a person, of all packages. */
  of(resource: Aor): readonly Publication[] {
    return (this.#byResource.get(resource) ?? []).map((held) => held.publication);
  }

  /** Answers a PUBLISH for a user of ours. */
  onPublish(call: Call): Verdict {
    const resource = call.aor;
    if (resource === null) return goOn;
    const { packages, settings, counters } = this.#deps;
    const facts = publishFacts(call.message);
    const decision = publishDecision(facts, {
      packages,
      mayPublish: this.#deps.mayPublish(call),
      isKnown: (etag, pack) => {
        const held = this.#byEtag.get(etag);
        return held?.publication.resource === resource && held.pack === pack;
      },
      count: this.#byResource.get(resource)?.length ?? 0,
      limits: settings.publish,
      publicationsPerAorMax: settings.publicationsPerAorMax,
      publishBodyMax: settings.publishBodyMax,
    });
    if (decision.kind === "refused") {
      counters.refused++;
      return refuse(decision.status, decision.reason, decision.headers);
    }
    if (decision.kind === "initial" || decision.kind === "modify") {
      const checked = decision.pack.checkPublication?.(facts.contentType, facts.body);
      if (checked?.kind === "refused") {
        counters.refused++;
        return refuse(checked.status, checked.reason, checked.headers);
      }
    }
    this.#act(call, resource, decision, facts);
    return handled;
  }

  /** Takes up what the store kept; what has lapsed meanwhile is dropped. Before the subscriptions are restored, so that nobody is told anew. */
  restore(): void {
    const { store, packages, clock, log } = this.#deps;
    for (const { key, value } of [...store.load("publications")]) {
      const read = readStoredPublication(value, packages);
      if (read === null || read.publication.until <= clock.now() || this.#byEtag.has(read.publication.etag)) {
        if (read === null) log.warn({ reason: key }, "a stored publication cannot be read and is dropped");
        store.delete("publications", key);
        continue;
      }
      const held: Held = { id: key, pack: read.pack, publication: read.publication, slot: 0, timer: 0 };
      this.#add(held);
      this.#tell(held);
    }
  }

  /** Ends all publications of a person. */
  forget(resource: Aor): void {
    for (const held of this.#byResource.get(resource) ?? []) this.#end(held);
  }

  /** From now on nothing lapses: the store keeps what there is. */
  close(): void {
    this.#isClosed = true;
  }

  #act(call: Call, resource: Aor, decision: Exclude<PublishDecision, { kind: "refused" }>, facts: PublishFacts): void {
    const { random, clock, counters, store } = this.#deps;
    const etag = randomHex(random, ETAG_BYTES);
    const held = decision.kind === "initial" ? undefined : this.#byEtag.get(decision.etag);
    const seconds = decision.kind === "remove" ? 0 : decision.seconds;
    const now = clock.now();
    const until = now + seconds * 1000;
    const answer = (refused?: () => void): void => {
      replyWhenKept(store, call, { status: 200, headers: `SIP-ETag: ${etag}\r\nExpires: ${seconds}\r\n` }, refused);
    };
    if (seconds === 0) {
      if (store.isImmediate) answer();
      if (held !== undefined) this.#end(held);
      if (!store.isImmediate) answer();
      return;
    }
    if (held === undefined) {
      const publication: Publication = { resource, etag, publishedAt: now, until, contentType: keptText(facts.contentType), body: keptText(facts.body), ...(facts.userAgent === "" ? {} : { userAgent: keptText(facts.userAgent) }) };
      const made: Held = { id: etag, pack: decision.pack, publication, slot: 0, timer: 0 };
      counters.published++;
      this.#add(made);
      this.#keep(made);
      answer(() => {
        if (this.#byEtag.get(etag) === made) this.#end(made);
      });
      this.#tell(made);
      return;
    }
    const before = held.publication;
    const isSame = decision.kind !== "modify" || (facts.contentType === before.contentType && (decision.pack.sameBody?.(held.id, before.body, facts.body) ?? before.body === facts.body));
    const content = isSame ? {} : { publishedAt: now, contentType: keptText(facts.contentType), body: keptText(facts.body) };
    if (isSame) counters.publicationsRefreshed++;
    else counters.published++;
    this.#turn(held, { ...before, ...content, etag, until });
    answer(() => {
      // The phone knows the old entity tag alone, and will say the new state again.
      if (this.#byEtag.get(etag) !== held) return;
      this.#turn(held, before);
      this.#tell(held);
    });
    this.#tell(held);
  }

  #turn(held: Held, publication: Publication): void {
    this.#byEtag.delete(held.publication.etag);
    held.publication = publication;
    this.#byEtag.set(publication.etag, held);
    this.#startTimer(held);
    this.#keep(held);
  }

  #add(held: Held): void {
    held.slot = this.#slots.take(held);
    this.#byEtag.set(held.publication.etag, held);
    const { resource } = held.publication;
    const others = this.#byResource.get(resource);
    if (others === undefined) this.#byResource.set(resource, [held]);
    else others.push(held);
    this.#startTimer(held);
  }

  #startTimer(held: Held): void {
    const { wheel, clock } = this.#deps;
    wheel.stop(held.timer);
    held.timer = wheel.start(this.#expiryKind, held.publication.until - clock.now(), held.slot);
  }

  #end(held: Held): void {
    const { wheel, store, counters, log } = this.#deps;
    const { resource, etag } = held.publication;
    wheel.stop(held.timer);
    this.#slots.release(held.slot);
    this.#byEtag.delete(etag);
    const others = (this.#byResource.get(resource) ?? []).filter((other) => other !== held);
    if (others.length === 0) this.#byResource.delete(resource);
    else this.#byResource.set(resource, others);
    store.delete("publications", held.id);
    counters.publicationsEnded++;
    try {
      held.pack.unpublished?.(held.id, resource);
    } catch (err) {
      log.error({ err, aor: resource, event: held.pack.name }, "the end of a publication could not be taken in");
    }
  }

  #keep(held: Held): void {
    this.#deps.store.put("publications", held.id, storedPublication(held.pack, held.publication));
  }

  #tell(held: Held): void {
    try {
      held.pack.published?.(held.id, held.publication);
    } catch (err) {
      this.#deps.log.error({ err, aor: held.publication.resource, event: held.pack.name }, "a publication could not be taken in");
    }
  }
}
