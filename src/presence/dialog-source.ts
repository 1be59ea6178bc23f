import type { Cancel } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Dialog } from "../dialog/dialog.ts";
import { dialogReport } from "./dialog-report.ts";
import type { AskedSource } from "./source.ts";

/** What the source needs of the dialog table. */
export interface PersonDialogs {
  dialogsOf(aor: Aor): readonly Dialog[];
  onChange(listener: (aor: Aor) => void): Cancel;
}

/** Calls in progress as a presence source: all dialogs of a person are looked at each time, so that no order of events can leave one behind. */
export function dialogSource(table: PersonDialogs): AskedSource {
  return {
    name: "dialog",
    reportsOf: (aor) =>
      table.dialogsOf(aor).flatMap((dialog) => {
        const report = dialogReport(aor, dialog, dialog.changedAt);
        return report === null ? [] : [report];
      }),
    onChange: (listener) => table.onChange(listener),
  };
}
