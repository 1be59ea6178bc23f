import type { Aor } from "../base/ids.ts";
import type { Message } from "../sip/message.ts";
import type { EventPackage } from "./event-package.ts";
import type { Subscription } from "./subscription.ts";

/** Subscriptions that one device may have to one event of one resource: a phone has two keys for a person at times. One more replaces the oldest:
 *  a program that subscribes anew instead of refreshing fills nobody else's table. */
export const SAME_DEVICE_MAX = 8;

/** A subscription that ends because its device subscribed anew. */
export interface Outlived {
  readonly subscription: Subscription;
  /** It has the dialog's own Call-ID and tag: the watcher has forgotten it. */
  readonly isSameDialog: boolean;
}

/** What a new SUBSCRIBE finds there of the same watcher. */
export class Rivals {
  /** True when this very request came before by another way: it was forked, and one answer is enough (RFC 3261 §8.2.2.2). */
  readonly isMerged: boolean;
  readonly #sameDialog: readonly Subscription[];
  readonly #sameWatcher: readonly Subscription[];

  /** `others`: all subscriptions to the resource. */
  constructor(others: readonly Subscription[], by: { readonly message: Message; readonly pack: EventPackage; readonly eventId: string; readonly watcher: Aor | null }) {
    const { callId, fromTag, cseq } = by.message;
    const sameDialog: Subscription[] = [];
    const sameWatcher: Subscription[] = [];
    for (const one of others) {
      if (one.pack !== by.pack || one.watcher !== by.watcher || one.eventId !== by.eventId) continue;
      (one.dialog.callId === callId && one.dialog.remoteTag === fromTag ? sameDialog : sameWatcher).push(one);
    }
    this.isMerged = sameDialog.some((one) => one.remoteCseq === cseq);
    this.#sameDialog = sameDialog;
    this.#sameWatcher = sameWatcher;
  }

  /** What the new subscription of the device with that Contact URI takes the place of. */
  outlived(target: string): readonly Outlived[] {
    const ended = this.#sameDialog.map((subscription) => ({ subscription, isSameDialog: true }));
    const device = this.#sameWatcher.filter((one) => one.dialog.target === target);
    if (device.length < SAME_DEVICE_MAX) return ended;
    const oldest = device.toSorted((a, b) => a.expiresAt - b.expiresAt).slice(0, device.length - SAME_DEVICE_MAX + 1);
    return [...ended, ...oldest.map((subscription) => ({ subscription, isSameDialog: false }))];
  }
}
