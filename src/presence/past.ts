import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import { merge, nextChange } from "./merge.ts";
import type { MergeSettings } from "./merge-settings.ts";
import { isoTime } from "./moment.ts";
import { linesOf } from "./past-lines.ts";
import { pastStates, type PastStates } from "./past-states.ts";
import type { RecordDisk, RecordSegment } from "./record-disk.ts";
import type { StateLine, ToldWatcher } from "./record-line.ts";
import { explain, presenceAnswer, type WatcherFact, type WhyAnswer } from "./why.ts";

/** Why a state was what it was then. `recorded`: how far back the record goes, and when the state that is shown came to be written down. */
export interface PastAnswer extends WhyAnswer {
  readonly recorded: { readonly from: string | null; readonly at: string | null };
}

/** What the past has to say. */
export type PastFound = { readonly kind: "found"; readonly answer: PastAnswer } | { readonly kind: "unknown"; readonly reason: string };

/** What was so, read from the record on disk. */
export interface Past {
  /** Why a person's state was what it was at `at`, ms since 1970. */
  why(aor: Aor, at: number): Promise<PastFound>;
  /** A person's states from `from` to `to`, ms since 1970. */
  states(aor: Aor, from: number, to: number): Promise<PastStates>;
}

/** What the past is read with. */
export interface PastDeps {
  readonly disk: RecordDisk;
  readonly clock: Clock;
  readonly settings: MergeSettings;
  /** Everything that was noted is on the disk then. */
  readonly written: () => Promise<void>;
  /** Whoever watches now, and what he was sent last. */
  readonly watchersOf: (aor: Aor) => readonly WatcherFact[];
}

/** The past of a server that keeps none. */
export const noPast: Past = {
  why: () => Promise.resolve({ kind: "unknown", reason: "this server keeps no record of what was so" }),
  states: () => Promise.resolve({ recordedFrom: null, states: [], isCut: false }),
};

/** The past on that disk. */
export function past(deps: PastDeps): Past {
  const { disk, watchersOf } = deps;
  return {
    async states(aor, from, to) {
      await deps.written();
      return pastStates(disk, aor, from, to);
    },
    async why(aor, at) {
      await deps.written();
      const segments = disk.segments();
      const [first] = segments;
      if (first === undefined || at < first.startMs) {
        return { kind: "unknown", reason: first === undefined ? "nothing is recorded yet" : `the record begins at ${isoTime(first.startMs) ?? ""}: nothing is known of the time before` };
      }
      const found = await search(disk, segments, aor, at);
      if (found.state === null) return { kind: "unknown", reason: `nothing was recorded of this person by then; the record begins at ${isoTime(first.startMs) ?? ""}` };
      const { state } = found;
      const settings = found.settings ?? deps.settings;
      // The same function on what was said then, at the moment when it was said: until the next line nothing changed.
      const result = merge(aor, state.reports, state.at, settings);
      const answer = explain(result, { at, settings, watchers: factsOf(found.told, watchersOf(aor), at), nextChangeAt: nextChange(state.reports, state.at) });
      return { kind: "found", answer: { ...answer, document: presenceAnswer(state.document), recorded: { from: isoTime(first.startMs), at: isoTime(state.at) } } };
    },
  };
}

interface Told extends ToldWatcher {
  readonly event: string;
  readonly what: string;
}

interface Found {
  state: StateLine | null;
  settings: MergeSettings | null;
  /** The last NOTIFY to each watcher by then. */
  readonly told: Map<string, Told>;
}

/** From the segment of that moment backwards; then forwards, for someone whose state had not changed since before the record began. */
async function search(disk: RecordDisk, segments: readonly RecordSegment[], aor: Aor, at: number): Promise<Found> {
  const found: Found = { state: null, settings: null, told: new Map() };
  const upTo = segments.findLastIndex(({ startMs }) => startMs <= at);
  // An answer to what was sent just before may stand at the beginning of the next one.
  for (let index = Math.min(upTo + 1, segments.length - 1); index >= 0; index--) await scan(disk, segments[index], aor, at, found);
  for (let index = upTo; index < segments.length && found.state === null; index++) await scan(disk, segments[index], aor, at, found, true);
  return found;
}

async function scan(disk: RecordDisk, segment: RecordSegment | undefined, aor: Aor, at: number, found: Found, isLooking = false): Promise<void> {
  if (segment === undefined) return;
  const hasState = found.state !== null;
  let settings: MergeSettings | null = null;
  for await (const line of linesOf(disk, segment.id, aor)) {
    switch (line.kind) {
      case "head":
        settings = line.settings;
        break;
      case "state":
        if (hasState) break;
        if (!isLooking && line.at <= at && (found.state === null || line.at >= found.state.at)) {
          found.state = line;
          found.settings = settings;
        }
        if (isLooking && line.at > at && found.state === null) {
          // The first word after that moment counts when it only repeats what had been so all the time.
          if (!line.isCarried) return;
          found.state = line;
          found.settings = settings;
        }
        break;
      case "told":
        if (isLooking) break;
        for (const each of line.to) noteTold(found.told, { ...each, event: line.event, what: line.what }, at);
        break;
    }
  }
}

function noteTold(told: Map<string, Told>, next: Told, at: number): void {
  if (next.sentAt > at) return;
  const key = `${next.event} ${next.watcher}`;
  const before = told.get(key);
  if (before === undefined || next.sentAt > before.sentAt) told.set(key, next);
  // A second line about one NOTIFY brings its late answer.
  else if (next.sentAt === before.sentAt) {
    told.set(key, { ...next, what: next.what === "" ? before.what : next.what, answeredAt: next.answeredAt ?? before.answeredAt, status: next.status ?? before.status });
  }
}

/** What each watcher had been told by then. Whoever watches now and was told nothing since was told that already. */
function factsOf(told: ReadonlyMap<string, Told>, now: readonly WatcherFact[], at: number): readonly WatcherFact[] {
  const facts = new Map<string, WatcherFact>();
  for (const fact of now) if (fact.sent !== null && fact.sent.at <= at) facts.set(`${fact.event} ${fact.watcher}`, fact);
  for (const [key, { watcher, event, what, sentAt, answeredAt, status }] of told) {
    const isAnswered = answeredAt !== null && answeredAt <= at;
    facts.set(key, {
      watcher,
      event,
      expiresAt: null,
      userAgent: now.find((fact) => fact.watcher === watcher && fact.event === event)?.userAgent ?? null,
      sent: { at: sentAt, what, answeredAt: isAnswered ? answeredAt : null, status: isAnswered ? status : null },
    });
  }
  return [...facts.values()];
}
