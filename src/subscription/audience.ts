import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { WatcherEntry } from "../documents/watcherinfo.ts";
import type { ChangeListener } from "./event-package.ts";
import type { EndReason, Subscription } from "./subscription.ts";
import { watcherView, type WatcherView } from "./watcher-view.ts";

/** How long one who has ended is still named, so that whoever lost a NOTIFY hears of it. */
const ENDED_SHOWN_MS = 64_000;
/** Of how many persons those who ended are kept, and how many of each: the oldest goes first. */
const ENDED_PERSONS_MAX = 5000;
const ENDED_EACH_MAX = 50;

/** What it needs of the engine. */
export interface AudienceDeps {
  readonly clock: Clock;
  readonly watchersOf: (resource: Aor, event: string) => readonly WatcherView[];
  readonly isWatched: (resource: Aor, event: string) => boolean;
  readonly changed: ChangeListener;
  /** Unicode; empty for nobody of ours. */
  readonly nameOf: (watcher: string) => string;
}

/** The name of the package that tells who watches another one (RFC 3857 §4.1). */
export function winfoName(event: string): string {
  return `${event}.winfo`;
}

/** Who watches whom, for those who are watched (RFC 3857). A watcher of a list watches each of its members. */
export class Audience {
  readonly #deps: AudienceDeps;
  readonly #ended = new Map<string, { readonly at: number; readonly entry: WatcherEntry }[]>();

  constructor(deps: AudienceDeps) {
    this.#deps = deps;
  }

  /** Somebody begins to watch, is seen another way (both null), or ends. Costs one look-up a person while nobody asks who watches him. */
  note(subscription: Subscription, reason: EndReason | null): void {
    const { list, resource, pack } = subscription;
    const winfo = winfoName(pack.name);
    for (const aor of list === null ? [resource] : list.of.places.keys()) {
      if (!this.#deps.isWatched(aor, winfo)) continue;
      if (reason !== null) this.#end(`${winfo} ${aor}`, this.#entry(watcherView(subscription, list === null ? null : aor), reason));
      this.#deps.changed(winfo, aor);
    }
  }

  /** Those who watch now, then those who ended a moment ago. */
  of(resource: Aor, event: string): readonly WatcherEntry[] {
    const live = this.#deps.watchersOf(resource, event).map((view) => this.#entry(view, null));
    const key = `${winfoName(event)} ${resource}`;
    const ended = (this.#ended.get(key) ?? []).filter(({ at }) => this.#deps.clock.now() - at < ENDED_SHOWN_MS);
    if (ended.length === 0) this.#ended.delete(key);
    return [...live, ...ended.map(({ entry }) => entry).filter(({ id }) => !live.some((one) => one.id === id))];
  }

  #entry({ id, watcher, standing, expiresAt }: WatcherView, reason: EndReason | null): WatcherEntry {
    const { clock, nameOf } = this.#deps;
    const name = nameOf(watcher);
    if (reason !== null) return { id, uri: watcher, name, status: "terminated", event: reason === "invariant" ? "noresource" : reason, expiresSeconds: null };
    const seconds = Math.max(0, Math.ceil((expiresAt - clock.now()) / 1000));
    // One who is refused within a list has no subscription to its member.
    if (standing === "block") return { id, uri: watcher, name, status: "terminated", event: "rejected", expiresSeconds: null };
    return { id, uri: watcher, name, status: standing === "pending" ? "pending" : "active", event: "subscribe", expiresSeconds: seconds };
  }

  #end(key: string, entry: WatcherEntry): void {
    const known = this.#ended.get(key) ?? [];
    this.#ended.delete(key);
    if (this.#ended.size >= ENDED_PERSONS_MAX) for (const [first] of this.#ended) if (this.#ended.delete(first)) break;
    this.#ended.set(key, [...known.slice(1 - ENDED_EACH_MAX), { at: this.#deps.clock.now(), entry }]);
  }
}
