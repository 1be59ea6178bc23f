import type { Aor } from "../base/ids.ts";
import type { DialogView } from "../documents/dialog-info.ts";
import type { Activity } from "../documents/rpid.ts";
import type { SourceReport } from "./report.ts";

const ON_THE_PHONE: readonly Activity[] = [{ name: "on-the-phone" }];

/** What a call says about one of its ends: null before a called phone rings and after the end. `since` is when the dialog reached its state,
 *  ms since 1970. Several dialogs make several reports; the merge prefers confirmed to early (a lamp does the opposite). */
export function dialogReport(presentity: Aor, dialog: DialogView, since: number): SourceReport | null {
  const report = { source: "dialog", presentity, key: dialog.id, activities: ON_THE_PHONE, publishedAt: since } as const;
  if (dialog.state === "terminated" || (dialog.state === "trying" && dialog.direction === "recipient")) return null;
  if (dialog.state === "confirmed") {
    return dialog.onHold === true ? { ...report, kind: "confirmed", note: "On hold", onHold: true } : { ...report, kind: "confirmed", note: "On the phone" };
  }
  // Who waits for an answer is on the phone already: nothing rings at his desk.
  return { ...report, kind: "early", note: dialog.direction === "initiator" ? "On the phone" : "Ringing" };
}
