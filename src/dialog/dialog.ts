import type { Aor } from "../base/ids.ts";
import type { DialogView } from "../documents/dialog-info.ts";

/** One call of one person, in the view of that person's phone (RFC 4235 §4.1). Its `id` (e.g. `d4f1c09ab-2k`) is unique, valid as an XML id,
 *  and the same from `trying` to `terminated`, through a restart too. */
export interface Dialog extends DialogView {
  readonly aor: Aor;
  /** True while the person holds the other side. */
  readonly onHold: boolean;
  /** When it began, ms since 1970. */
  readonly since: number;
  /** When it came into its present state, or was last held or taken back; ms since 1970. */
  readonly changedAt: number;
}

/** True when a dialog is to be shown: before any phone of the called person has reacted there is nothing to see, and a call that reaches
 *  no phone leaves no trace on the lamp of the person whom it names. */
export function isShown(dialog: Pick<DialogView, "direction" | "state">): boolean {
  return dialog.direction === "initiator" || dialog.state !== "trying";
}
