import type { Aor } from "../base/ids.ts";
import type { WatchedList } from "./list-watch.ts";
import type { Subscription } from "./subscription.ts";

/** Who watches lists, found by the members. Lists are shared: a second watcher of a list of sixty costs one entry. */
export class ListIndex {
  readonly #watchers = new Map<WatchedList, Set<Subscription>>();
  readonly #byMember = new Map<Aor, Set<WatchedList>>();
  readonly #byAor = new Map<Aor, WatchedList>();

  /** How many are watched. */
  get count(): number {
    return this.#watchers.size;
  }

  /** That list as it is known already, if it is the same; else the given one. */
  shared(list: WatchedList): WatchedList {
    const known = list.source.kind === "directory" ? this.#byAor.get(list.source.aor) : undefined;
    return known?.isSame(list) === true ? known : list;
  }

  add(subscription: Subscription): void {
    const of = subscription.list?.of;
    if (of === undefined) return;
    const watchers = this.#watchers.get(of);
    if (watchers !== undefined) {
      watchers.add(subscription);
      return;
    }
    this.#watchers.set(of, new Set([subscription]));
    if (of.source.kind === "directory") this.#byAor.set(of.source.aor, of);
    for (const aor of of.places.keys()) {
      const lists = this.#byMember.get(aor);
      if (lists === undefined) this.#byMember.set(aor, new Set([of]));
      else lists.add(of);
    }
  }

  remove(subscription: Subscription): void {
    const of = subscription.list?.of;
    const watchers = of === undefined ? undefined : this.#watchers.get(of);
    if (of === undefined || watchers === undefined) return;
    watchers.delete(subscription);
    if (watchers.size > 0) return;
    this.#watchers.delete(of);
    if (of.source.kind === "directory" && this.#byAor.get(of.source.aor) === of) this.#byAor.delete(of.source.aor);
    for (const aor of of.places.keys()) {
      const lists = this.#byMember.get(aor);
      lists?.delete(of);
      if (lists?.size === 0) this.#byMember.delete(aor);
    }
  }

  /** The subscriptions to lists in which that person stands, of one package. */
  *watchersOf(member: Aor, packageName: string): Generator<Subscription> {
    const lists = this.#byMember.get(member);
    if (lists === undefined) return;
    for (const list of lists) for (const subscription of this.#watchers.get(list) ?? []) if (subscription.pack.name === packageName) yield subscription;
  }

  /** True when that person stands in a list that somebody watches for that event. */
  isWatched(member: Aor, packageName: string): boolean {
    return this.#byMember.has(member) && !this.watchersOf(member, packageName).next().done;
  }

  /** All subscriptions to lists. */
  all(): readonly Subscription[] {
    return [...this.#watchers.values()].flatMap((watchers) => [...watchers]);
  }
}
