import { readdirSync, readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { JournalChanges } from "./journal-changes.ts";
import { SEGMENTS_MIN } from "./journal-layout.ts";
import { readJournal } from "./journal-reader.ts";
import { STORE_FORMAT } from "./record-codec.ts";
import type { Change, StoreFile, StoreMark } from "./store-file.ts";
import type { StoreSurvey } from "./store-survey.ts";
import type { VersionClock } from "./version-clock.ts";

/** From where a store goes on. */
export interface Start {
  readonly mark: StoreMark;
  /** The largest generation of a segment that was ever used. */
  readonly generation: number;
  /** What the journal held beyond the file as it was surveyed. */
  readonly changes: readonly Change[];
}

/** Stores of an earlier format had no journal, and no mark of how much of it they hold. */
const FORMAT_WITH_MARK = 2;

/** Brings a store's file up to date with its journal; after that the journal holds nothing that matters. `newName`: of a store that has no name yet. Throws UnavailableError at damage. */
export function recover(deps: { readonly folder: string; readonly log: Log; readonly newName: string }, file: StoreFile, survey: StoreSurvey, versions: VersionClock): Start {
  const { folder, log } = deps;
  const format = file.format();
  const old = file.mark();
  if (old === null && format !== null && format >= FORMAT_WITH_MARK) throw new UnavailableError("its mark is missing");
  let mark = old ?? { name: deps.newName, applied: 0, version: 0 };
  versions.observe(mark.version);
  if (survey.damaged !== null) throw new UnavailableError(`the record ${survey.damaged} is damaged`);
  versions.observe(survey.version);
  file.remove(survey.oldMarks);
  const names = readdirSync(folder).filter((name) => /^journal-\d+$/.test(name));
  const found = readJournal(
    names.map((name) => readFileSync(join(folder, name))),
    mark.name,
    mark.applied,
  );
  if (found.isDamaged) throw new UnavailableError("its journal, the files journal-*, is damaged or belongs to another state of the store");
  versions.observe(found.lastVersion);
  const changes = new JournalChanges();
  for (const { segment, records, node } of found.stretches) {
    for (const { offset } of records) changes.note(segment, offset);
    changes.settle(segment, node);
  }
  mark = { ...mark, applied: found.lastSequence, version: Math.max(mark.version, found.lastVersion) };
  if (format !== STORE_FORMAT) file.begin(mark);
  file.apply(changes.values(), mark);
  if (changes.size > 0) log.info({ path: folder, count: changes.size }, "store brought up to date from its journal");
  for (const name of names) if (Number(name.slice("journal-".length)) > SEGMENTS_MIN) unlinkSync(join(folder, name));
  return { mark, generation: found.lastGeneration, changes: changes.values() };
}
