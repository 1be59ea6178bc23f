import type { Aor } from "../base/ids.ts";
import type { PresenceDocument } from "./document.ts";
import { linesOf } from "./past-lines.ts";
import type { RecordDisk } from "./record-disk.ts";

/** States of one stretch of time at most; a longer story is told from its end backwards. */
export const PAST_STATES_MAX = 2000;

/** A state and when it began, ms since 1970. */
export interface PastState {
  readonly at: number;
  readonly document: PresenceDocument;
}

/** A person's states one after another, each until the next begins. */
export interface PastStates {
  /** How far back the record goes, ms since 1970; null when nothing is recorded. */
  readonly recordedFrom: number | null;
  /** The first may have begun before the stretch that was asked for. */
  readonly states: readonly PastState[];
  /** True when earlier states of the stretch were left out. */
  readonly isCut: boolean;
}

/** What the record says of a person's states from `from` to `to`, ms since 1970. */
export async function pastStates(disk: RecordDisk, aor: Aor, from: number, to: number): Promise<PastStates> {
  const segments = disk.segments();
  const recordedFrom = segments[0]?.startMs ?? null;
  const found: PastState[] = [];
  let before: PastState | null = null;
  const last = segments.findLastIndex(({ startMs }) => startMs <= to);
  // Backwards until one segment tells what was so when the stretch began. A line may stand in the segment after the one of its time.
  for (let index = Math.min(last + 1, segments.length - 1); index >= 0; index--) {
    const segment = segments[index];
    if (segment === undefined || (before !== null && segment.startMs <= from)) break;
    for await (const line of linesOf(disk, segment.id, aor)) {
      if (line.kind !== "state") continue;
      if (line.at > to) {
        // Its first word of a later time may only repeat what had been so all along.
        if (line.isCarried && segment.startMs <= to && found.length === 0 && before === null) before = { at: line.document.since > 0 ? Math.min(line.document.since, to) : from, document: line.document };
        continue;
      }
      const state = { at: line.at, document: line.document };
      if (line.at > from) found.push(state);
      else if (before === null || line.at >= before.at) before = state;
    }
  }
  found.sort((a, b) => a.at - b.at);
  const all = before === null ? found : [before, ...found];
  const told = all.filter((state, index) => index === 0 || !isSame(all[index - 1]?.document, state.document));
  return { recordedFrom, states: told.slice(-PAST_STATES_MAX), isCut: told.length > PAST_STATES_MAX };
}

function isSame(a: PresenceDocument | undefined, b: PresenceDocument): boolean {
  return a !== undefined && a.basic === b.basic && a.note === b.note && a.source === b.source && a.activities.length === b.activities.length && a.activities.every(({ name }, index) => name === b.activities[index]?.name);
}
