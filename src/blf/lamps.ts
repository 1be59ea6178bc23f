import type { Aor } from "../base/ids.ts";
import { isShown, type Dialog } from "../dialog/dialog.ts";
import { lampOf, type LampState } from "./lamp.ts";

/** What lamps need of the dialog table. */
export interface LampDialogs {
  dialogsOf(aor: Aor): readonly Dialog[];
  /** Another number whenever `dialogsOf` may have changed. */
  revision(aor: Aor): number;
  lastEndedAt(aor: Aor): number;
}

/** One person's lamp as an operator sees it. */
export interface Lamp {
  readonly aor: Aor;
  readonly state: LampState;
  /** When it came into that state, ms since 1970; 0 when that is not known (idle since before this program began). */
  readonly since: number;
  /** The calls behind it, without those that ended. */
  readonly dialogs: readonly Dialog[];
}

/** The lamps of the given people, in their order. */
export function lamps(table: LampDialogs, people: readonly Aor[]): readonly Lamp[] {
  return people.map((aor) => {
    const dialogs = table.dialogsOf(aor).filter((dialog) => isShown(dialog) && dialog.state !== "terminated");
    const state = lampOf(dialogs);
    const behind = dialogs.filter((dialog) => lampOf([dialog]) === state);
    return { aor, state, since: behind.length === 0 ? table.lastEndedAt(aor) : Math.min(...behind.map((dialog) => dialog.changedAt)), dialogs };
  });
}
