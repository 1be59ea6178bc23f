import type { Aor } from "../base/ids.ts";
import type { Basic, ParsedPerson, ParsedPresence, ParsedTuple } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";
import type { SourceReport } from "./report.ts";
import { meaningOf } from "./vocabulary.ts";

/** A longer note is cut, so that one publication cannot fill every watcher's NOTIFY. In UTF-16 units. */
export const NOTE_LENGTH_MAX = 500;
/** More activities than this are left out. */
export const ACTIVITIES_MAX = 24;
/** Elements of contact information that are kept; RFC 4482 has six. */
const CIPID_MAX = 6;

/** Whose publication it is and how long it holds. */
export interface PublicationFacts {
  readonly presentity: Aor;
  /** The lineage of its entity tags: the same for all refreshes of one publication. */
  readonly key: string;
  /** ms since 1970. */
  readonly publishedAt: number;
  readonly until: number;
  /** Keep its tuples and persons too, for the classic aggregate (`merge: false`). */
  readonly keepsWritten?: boolean;
  /** Read the old `im:` vocabulary as RPID (`im_to_rpid`); else it is passed through as it came. */
  readonly imToRpid: boolean;
}

/** One publication as one report, however many tuples and persons it has: open if any tuple is; the activities of the newest person, else of the
 *  first tuple that has some, else what the `im:` status means; the person's note, else the document's, else a tuple's. */
export function publicationReport(parsed: ParsedPresence, facts: PublicationFacts): SourceReport {
  const tuples = parsed.tuples.toSorted((a, b) => b.priority - a.priority || (b.timestamp ?? 0) - (a.timestamp ?? 0));
  const person = speaking(parsed.persons);
  const written = [person?.activities ?? [], ...tuples.map((tuple) => tuple.activities)].find((list) => list.length > 0) ?? [];
  const im = tuples.find((tuple) => tuple.im !== undefined)?.im;
  const meaning = im === undefined || !facts.imToRpid ? null : meaningOf(im);
  const activities = written.length > 0 ? distinct(written) : meaning?.activity ? [meaning.activity] : [];
  const note = [person?.notes ?? [], parsed.notes, ...tuples.map((tuple) => tuple.notes)].flat()[0] ?? meaning?.note ?? im;
  const basic = meaning?.basic ?? basicOf(tuples);
  return {
    source: "publish",
    presentity: facts.presentity,
    key: facts.key,
    kind: "publish",
    ...(basic === undefined ? {} : { basic }),
    activities,
    ...(note === undefined ? {} : { note: note.slice(0, NOTE_LENGTH_MAX) }),
    publishedAt: facts.publishedAt,
    until: facts.until,
    ...(im === undefined || facts.imToRpid ? {} : { im: im.slice(0, NOTE_LENGTH_MAX) }),
    ...(parsed.cipid.size === 0 ? {} : { cipid: shortened(parsed.cipid) }),
    ...(facts.keepsWritten === true ? { written: parsed } : {}),
  };
}

/** What is too long for a NOTIFY is left out: an address that is cut leads nowhere. */
function shortened(cipid: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...cipid].filter(([, text]) => text.length <= NOTE_LENGTH_MAX).slice(0, CIPID_MAX));
}

function basicOf(tuples: readonly ParsedTuple[]): Basic | undefined {
  const said = tuples.flatMap((tuple) => (tuple.basic === undefined ? [] : [tuple.basic]));
  return said.includes("open") ? "open" : said[0];
}

/** The newest person; of equally new ones the first that says something. */
function speaking(persons: readonly ParsedPerson[]): ParsedPerson | undefined {
  const saysSomething = (person: ParsedPerson): number => Number(person.activities.length > 0 || person.notes.length > 0);
  return persons.toSorted((a, b) => (b.timestamp ?? 0) - (a.timestamp ?? 0) || saysSomething(b) - saysSomething(a))[0];
}

function distinct(activities: readonly Activity[]): Activity[] {
  const kept: Activity[] = [];
  for (const activity of activities) {
    if (kept.length === ACTIVITIES_MAX) break;
    if (!kept.some((other) => other.name === activity.name && other.text === activity.text)) {
      kept.push(activity.text === undefined ? activity : { ...activity, text: activity.text.slice(0, NOTE_LENGTH_MAX) });
    }
  }
  return kept;
}
