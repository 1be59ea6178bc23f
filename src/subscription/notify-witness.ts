import type { Rendered } from "./event-package.ts";
import type { Subscription } from "./subscription.ts";

/** Hears of every NOTIFY, on the message path: it takes a note and works later. */
export interface NotifyWitness {
  /** One leaves; `rendered` is null for one without a body. The time is `to.lastSentAt`. */
  sent(to: Subscription, rendered: Rendered | null): void;
  /** The last one was answered, or never will be: `to.answeredAt`, `to.answerStatus`. */
  answered(to: Subscription): void;
}
