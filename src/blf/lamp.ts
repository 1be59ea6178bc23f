import { unreachable } from "../base/errors.ts";
import type { DialogView } from "../documents/dialog-info.ts";

/** What a busy lamp shows: `calling` is a user who waits for an answer. */
export type LampState = "idle" | "ringing" | "calling" | "talking" | "held";

/** Dialogs in one document at most; more would fill a NOTIFY and a phone shows one. */
export const DIALOGS_SHOWN_MAX = 10;

/** All of a user's dialogs as one lamp. What rings comes first, because it can be picked up even while the user talks; then talking, calling
 *  out, and held last, so that a held call never hides a live one. A call whose phone has not rung yet lights nothing. */
export function lampOf(dialogs: readonly DialogView[]): LampState {
  let best = 0;
  for (const dialog of dialogs) best = Math.max(best, weightOf(dialog));
  return LAMPS[best] ?? "idle";
}

/** The dialogs that a full document shows, the one that the lamp follows first: all that live, then those that ended and are still kept, so
 *  that the document after a call's end holds that call as terminated, with its call-id and tags. Empty asks for the dummy dialog.
 *  Of equal ones the given order stays. */
export function shownDialogs(dialogs: readonly DialogView[], atMost = DIALOGS_SHOWN_MAX): readonly DialogView[] {
  const order = (dialog: DialogView): number => (dialog.state === "terminated" ? -1 : weightOf(dialog));
  return dialogs.toSorted((a, b) => order(b) - order(a)).slice(0, atMost);
}

const LAMPS: readonly LampState[] = ["idle", "held", "calling", "talking", "ringing"];

/** The place of a dialog's own lamp in `LAMPS`. */
function weightOf(dialog: DialogView): number {
  switch (dialog.state) {
    case "trying":
      return dialog.direction === "initiator" ? 2 : 0;
    case "proceeding":
    case "early":
      return dialog.direction === "initiator" ? 2 : 4;
    case "confirmed":
      return dialog.onHold === true ? 1 : 3;
    case "terminated":
      return 0;
    default:
      return unreachable(dialog.state, "weightOf");
  }
}
