import type { Basic } from "../documents/pidf.ts";
import type { SourceReport } from "./report.ts";

/** Can the person be reached, and which report decides it; null when nobody knows him. */
export interface BasicRuling {
  readonly basic: Basic;
  readonly decidedBy: SourceReport | null;
}

/** `basic_from: reachability`: open when registered, in a call, or a live publication or API state says so. The newest of his own words
 *  that says closed closes him until something newer speaks: a later call or a later registration. A refreshed registration is not newer.
 *  An override that says open or closed is his own choice and comes before what a phone publishes; only a later call opens it.
 *  `counted` are the live reports, without the calls that a setting ignores. */
export function reachability(counted: readonly SourceReport[]): BasicRuling {
  let word: SourceReport | null = null;
  let call: SourceReport | null = null;
  let registered: SourceReport | null = null;
  let silent: SourceReport | null = null;
  for (const report of counted) {
    switch (report.source) {
      case "dialog":
        call = later(call, report);
        break;
      case "registration":
        if (report.basic === "open") registered = later(registered, report);
        else silent = later(silent, report);
        break;
      case "override":
      case "publish":
      case "api":
        if (report.basic !== undefined && (word === null || isStronger(report, word))) word = report;
        break;
      case "calendar":
      case "do-not-disturb":
        break;
    }
  }
  if (word === null) {
    const open = call ?? registered;
    return open === null ? { basic: "closed", decidedBy: silent } : { basic: "open", decidedBy: open };
  }
  if (word.basic === "open") return { basic: "open", decidedBy: word };
  if (call !== null && call.publishedAt > word.publishedAt) return { basic: "open", decidedBy: call };
  if (word.source !== "override" && registered !== null && registered.publishedAt > word.publishedAt) return { basic: "open", decidedBy: registered };
  return { basic: "closed", decidedBy: word };
}

function isStronger(report: SourceReport, than: SourceReport): boolean {
  const chosen = Number(report.source === "override") - Number(than.source === "override");
  return chosen !== 0 ? chosen > 0 : later(than, report) === report;
}

/** The newer one; of two that are equally new the one with the greater source, then the lesser key, as the merge breaks its ties. */
function later(a: SourceReport | null, b: SourceReport): SourceReport {
  if (a === null || b.publishedAt !== a.publishedAt) return a === null || b.publishedAt > a.publishedAt ? b : a;
  if (a.source !== b.source) return b.source > a.source ? b : a;
  return b.key < a.key ? b : a;
}
