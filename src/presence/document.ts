import type { Aor } from "../base/ids.ts";
import type { Aggregate } from "../documents/pidf-aggregate.ts";
import type { PidfState } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";
import type { ReportKind, SourceName } from "./report.ts";

/** The one honest state of a person: the merged result that phones, pages and routing see. XML is a rendering of it. */
export interface PresenceDocument extends PidfState {
  readonly aor: Aor;
  /** The source that won, and what kind of statement it made. */
  readonly source: SourceName;
  readonly kind: ReportKind;
  /** What all sources say side by side; only with `merge: false`, and then it is what watchers get. */
  readonly aggregate?: Aggregate;
}

/** Whether two documents say the same to a watcher: only a difference is worth a NOTIFY. Source and time do not count, since a call that
 *  follows another at once, or a calendar that agrees with the phone, changes nothing that anyone sees. */
export function sameDocument(a: PresenceDocument, b: PresenceDocument): boolean {
  return a.aor === b.aor && a.basic === b.basic && a.note === b.note && a.im === b.im && sameActivities(a.activities, b.activities) && sameCipid(a.cipid, b.cipid) && sameAggregate(a.aggregate, b.aggregate);
}

/** The next document, with the time of the one before it when it says the same, so that its rendering is the same to the byte. */
export function succeeding(previous: PresenceDocument | null, next: PresenceDocument): PresenceDocument {
  return previous !== null && previous.since !== next.since && sameDocument(previous, next) ? { ...next, since: previous.since } : next;
}

function sameAggregate(a: Aggregate | undefined, b: Aggregate | undefined): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function sameCipid(a: PresenceDocument["cipid"], b: PresenceDocument["cipid"]): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.size === b.size && [...a].every(([name, text]) => b.get(name) === text);
}

function sameActivities(a: readonly Activity[], b: readonly Activity[]): boolean {
  return a === b || (a.length === b.length && a.every((activity, index) => sameActivity(activity, b[index])));
}

function sameActivity(a: Activity, b: Activity | undefined): boolean {
  return b !== undefined && a.name === b.name && a.from === b.from && a.until === b.until && a.text === b.text;
}
