import type { Aor } from "../base/ids.ts";
import type { Rendered } from "./event-package.ts";

/** What a witness sees of a subscription. The two flags are the witness's own: it alone writes them, but for `isNoted`, which the notifier sets as it calls `sent`. */
export interface Witnessed {
  readonly resource: Aor;
  readonly watcher: Aor | null;
  readonly pack: { readonly name: string };
  readonly dialog: { readonly remote: string };
  /** The last NOTIFY: when it left, what it held, when and how it was answered (0: not yet, or never). */
  readonly lastSentAt: number;
  readonly lastSent: Rendered | null;
  readonly answeredAt: number;
  readonly answerStatus: number;
  /** The last NOTIFY was noted and is not written down yet. */
  isNoted: boolean;
  /** It was written down without its answer. */
  isLate: boolean;
}

/** Hears of every NOTIFY, on the message path: it takes a note and works later. */
export interface NotifyWitness {
  /** One has left. It is not called again while that is noted. */
  sent(to: Witnessed): void;
  /** What was noted is about to be overwritten by the next one. */
  overtaken(to: Witnessed): void;
  /** The answer has come after all to what was written down without one. */
  late(to: Witnessed): void;
}
