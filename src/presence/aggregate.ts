import type { Aggregate, AggregatePerson, AggregateTuple } from "../documents/pidf-aggregate.ts";
import type { Basic } from "../documents/pidf.ts";
import { settled } from "./override-end.ts";
import { NOTE_LENGTH_MAX } from "./publication.ts";
import { isLive, type SourceReport } from "./report.ts";
import { defaultNote } from "./vocabulary.ts";

/** Tuples and persons of one document; what is older is left out. */
const PARTS_MAX = 64;
const NOTES_MAX = 8;

/** What all live reports say, side by side, the newest first, each with ids of its own (`merge: false`). The order of arrival does not matter. `basic` is the merged
 *  one, for sources that do not say. */
export function aggregateOf(reports: readonly SourceReport[], at: number, basic: Basic): Aggregate {
  const live = settled(reports).filter((report) => isLive(report, at) && !(report.source === "registration" && report.basic === "closed"));
  live.sort((a, b) => b.publishedAt - a.publishedAt || compare(b.source, a.source) || compare(a.key, b.key));
  const taken = new Set<string>();
  const idOf = (kind: "t" | "p", { source, key }: SourceReport, index: number): string => {
    let id = `${kind}${source === "publish" ? "" : `-${source}-`}${key.replace(/[^A-Za-z0-9._-]/g, "_")}${index === 0 ? "" : `-${String(index)}`}`;
    while (taken.has(id)) id += "_";
    taken.add(id);
    return id;
  };
  const tuples: AggregateTuple[] = [];
  const persons: AggregatePerson[] = [];
  const notes: string[] = [];
  for (const report of live) {
    if (tuples.length >= PARTS_MAX || persons.length >= PARTS_MAX) break;
    const { written, activities, publishedAt } = report;
    const note = report.note ?? (report.source === "publish" ? undefined : defaultNote(activities, basic));
    if (written === undefined) {
      tuples.push({ id: idOf("t", report, 0), basic: report.basic ?? (report.source === "dialog" ? "open" : basic), notes: note === undefined ? [] : [note], ...imOf(report) });
    } else {
      written.tuples.forEach((tuple, index) => {
        tuples.push({
          id: idOf("t", report, index),
          basic: tuple.basic ?? basic,
          notes: cut(tuple.notes),
          ...(tuple.contact === undefined ? {} : { contact: tuple.contact }),
          // What was read as RPID is not passed on as well.
          ...(tuple.im === undefined || report.im === undefined ? {} : { im: tuple.im }),
        });
      });
      notes.push(...cut(written.notes));
    }
    if (written !== undefined && written.persons.length > 0) {
      written.persons.forEach((person, index) => {
        persons.push({ id: idOf("p", report, index), activities: person.activities, notes: cut(person.notes), since: person.timestamp ?? publishedAt });
      });
    } else if (activities.length > 0) {
      persons.push({ id: idOf("p", report, 0), activities, notes: note === undefined ? [] : [note], since: publishedAt });
    }
  }
  if (tuples.length === 0) tuples.push({ id: "t-nothing", basic: "closed", notes: [] });
  return { tuples: tuples.slice(0, PARTS_MAX), notes: notes.slice(0, PARTS_MAX), persons: persons.slice(0, PARTS_MAX) };
}

function cut(notes: readonly string[]): readonly string[] {
  return notes.slice(0, NOTES_MAX).map((note) => note.slice(0, NOTE_LENGTH_MAX));
}

function imOf({ im }: SourceReport): { readonly im?: string } {
  return im === undefined ? {} : { im };
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
