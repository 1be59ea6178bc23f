import type { Aor } from "../base/ids.ts";
import { Slots } from "./slots.ts";
import type { Subscription } from "./subscription.ts";

/** All live subscriptions: by dialog in one step, by resource in as many steps as it has watchers. */
export class SubscriptionTable {
  readonly #byTag = new Map<string, Subscription>();
  readonly #byResource = new Map<Aor, Subscription[]>();
  readonly #slots = new Slots<Subscription>();

  /** How many there are. */
  get count(): number {
    return this.#byTag.size;
  }

  /** The subscription whose dialog that is, seen from us; our tag alone would name it, it is of our making. */
  find(localTag: string, callId: string, remoteTag: string): Subscription | null {
    const found = this.#byTag.get(localTag);
    return found !== undefined && found.dialog.callId === callId && found.dialog.remoteTag === remoteTag ? found : null;
  }

  /** True when a dialog of ours has that tag. */
  hasTag(localTag: string): boolean {
    return this.#byTag.has(localTag);
  }

  /** The subscriptions to a resource, of all packages. Not to be kept: later changes show in it. */
  of(resource: Aor): readonly Subscription[] {
    return this.#byResource.get(resource) ?? NONE;
  }

  /** The subscription with that slot. */
  at(slot: number): Subscription | undefined {
    return this.#slots.at(slot);
  }

  all(): readonly Subscription[] {
    return [...this.#byTag.values()];
  }

  add(subscription: Subscription): void {
    subscription.slot = this.#slots.take(subscription);
    this.#byTag.set(subscription.dialog.localTag, subscription);
    const others = this.#byResource.get(subscription.resource);
    if (others === undefined) this.#byResource.set(subscription.resource, [subscription]);
    else others.push(subscription);
  }

  /** Its timers must have been stopped. */
  remove(subscription: Subscription): void {
    this.#byTag.delete(subscription.dialog.localTag);
    this.#slots.release(subscription.slot);
    const others = this.#byResource.get(subscription.resource);
    if (others === undefined) return;
    const last = others.pop();
    if (last !== undefined && last !== subscription) {
      const at = others.indexOf(subscription);
      if (at !== -1) others[at] = last;
    }
    if (others.length === 0) this.#byResource.delete(subscription.resource);
  }
}

const NONE: readonly Subscription[] = [];
