import type { Cancel, Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { NotifyWitness, Witnessed } from "../subscription/notify-witness.ts";
import type { PresenceDocument } from "./document.ts";
import type { MergeSettings } from "./merge-settings.ts";
import type { PresenceWitness } from "./presence-service.ts";
import type { RecordDisk } from "./record-disk.ts";
import { headText, stateText, toldText } from "./record-line.ts";
import type { SourceReport } from "./report.ts";
import { ToldNotes } from "./told-notes.ts";

// Hot path: what happens is noted by reference; it becomes text a moment later, off the message path, so much at a time.

/** How long notes are gathered before they are written. */
const GATHER_MS = 50;
/** States that become text at one time: more wait for the next. */
const STATES_AT_A_TIME = 200;
/** Persons whom nobody watches, looked at at one time. */
const LOOKS_AT_A_TIME = 50;
/** NOTIFYs that become text at one time. */
const TOLD_AT_A_TIME = 1000;
/** How often `written` looks whether more has come: a busy server never comes to rest. */
const ROUNDS_MAX = 200;
/** Notes that wait; the server is far too busy for its past then, and what is left out is counted. */
const NOTES_MAX = 50_000;
/** Characters that wait for the disk. */
const TEXT_MAX = 8 * 1024 * 1024;

/** Segments are told apart modulo this. */
const SEGMENT_IDS = 2 ** 20;

/** What the recorder needs of the presence service once it runs. */
export interface Recorded {
  readonly settings: MergeSettings;
  glance(aor: Aor): PresenceDocument;
  reportsOf(aor: Aor): readonly SourceReport[];
}

/** Keeps what was so when, and who was told, on disk: what `why` answers for a past moment. */
export interface Recorder extends PresenceWitness, NotifyWitness {
  /** Everything noted is on the disk then, or lost. */
  written(): Promise<void>;
  /** What could not be kept since the start. */
  readonly missed: number;
  /** Writes what is noted and takes nothing more. */
  close(): Promise<void>;
}

interface StateNote {
  readonly aor: Aor;
  readonly at: number;
  readonly reports: readonly SourceReport[];
  readonly document: PresenceDocument;
  readonly isCarried: boolean;
}

/** A recorder on that disk. `presence` is asked later, when persons whom nobody watches are looked at. */
export function recorder(deps: { readonly disk: RecordDisk; readonly clock: Clock; readonly log: Log; readonly presence: () => Recorded }): Recorder {
  return new DiskRecorder(deps);
}

class DiskRecorder implements Recorder {
  readonly #deps: Parameters<typeof recorder>[0];
  #states: StateNote[] = [];
  readonly #touched = new Set<Aor>();
  /** Whose last state is in the segment that goes next: it is written down again. */
  readonly #carried = new Set<Aor>();
  readonly #told: ToldNotes;
  /** A hash of the last state that was written of each person, and the segment it is in: one number, since there may be very many persons. */
  readonly #last = new Map<Aor, number>();
  #text: string[] = [];
  #textLength = 0;
  /** The oldest moment that the text speaks of. */
  #textSince = Infinity;
  #timer: Cancel | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isFailing = false;
  #isClosed = false;
  #isLooking = false;
  #segment = 0;
  missed = 0;

  constructor(deps: Parameters<typeof recorder>[0]) {
    this.#deps = deps;
    this.#told = new ToldNotes(NOTES_MAX);
    this.#segment = deps.disk.segments().at(-1)?.id ?? 0;
  }

  made(aor: Aor, at: number, reports: readonly SourceReport[], document: PresenceDocument): void {
    if (this.#isClosed || this.#isLooking) return;
    if (this.#states.length >= NOTES_MAX) {
      this.missed++;
      return;
    }
    this.#states.push({ aor, at, reports, document, isCarried: false });
    this.#wake();
  }

  touched(aor: Aor): void {
    if (this.#isClosed) return;
    this.#touched.add(aor);
    this.#wake();
  }

  sent(to: Witnessed): void {
    if (this.#isClosed) return;
    this.#told.sent(to);
    this.#wake();
  }

  overtaken(to: Witnessed): void {
    this.#told.overtaken(to);
  }

  late(to: Witnessed): void {
    if (this.#isClosed) return;
    this.#told.late(to);
    this.#wake();
  }

  async written(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX && !this.#isFailing && (this.#states.length > 0 || this.#touched.size > 0 || this.#carried.size > 0 || this.#told.hasNews(this.#deps.clock.now()) || this.#textLength > 0 || this.#isWriting); round++) {
      this.#gather();
      await this.#writing;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#touched.clear();
    this.#carried.clear();
    this.#isFailing = false;
    await this.written();
    this.#isClosed = true;
    this.#timer?.();
    this.#timer = null;
    await this.#deps.disk.close();
  }

  #wake(): void {
    this.#timer ??= this.#deps.clock.after(GATHER_MS, () => {
      this.#timer = null;
      this.#isFailing = false;
      this.#gather();
      if (this.#states.length > 0 || this.#touched.size > 0 || this.#carried.size > 0 || this.#told.isWaiting || this.#textLength > 0) this.#wake();
    });
  }

  /** Makes text of notes, not too many at a time, and hands it to the disk. */
  #gather(): void {
    const now = this.#deps.clock.now();
    const states = this.#states.splice(0, STATES_AT_A_TIME);
    for (const note of states) this.#writeState(note);
    if (this.#states.length === 0) this.#look(now);
    for (const line of this.#told.lines(now, TOLD_AT_A_TIME)) this.#push(toldText(line), line.to[0]?.sentAt ?? now);
    this.missed += this.#told.takeMissed();
    this.#drain();
  }

  /** Those whom nobody watches, if they have changed, and those who have not changed for long: their state is made now. */
  #look(now: number): void {
    const presence = this.#deps.presence();
    let looks = 0;
    this.#isLooking = true;
    try {
      for (const [waiting, isCarried] of [[this.#carried, true], [this.#touched, false]] as const) {
        for (const aor of waiting) {
          if (looks++ === LOOKS_AT_A_TIME) return;
          waiting.delete(aor);
          const document = presence.glance(aor);
          this.#writeState({ aor, at: now, reports: presence.reportsOf(aor), document, isCarried });
        }
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #writeState(note: StateNote): void {
    const hash = hashOf(note.document, note.reports);
    const last = this.#last.get(note.aor);
    if (last !== undefined && Math.floor(last / SEGMENT_IDS) === hash && !note.isCarried) return;
    this.#last.set(note.aor, hash * SEGMENT_IDS + (this.#segment % SEGMENT_IDS));
    this.#push(stateText({ kind: "state", ...note }), note.at);
  }

  #push(line: string, at: number): void {
    if (this.#textLength + line.length > TEXT_MAX) {
      this.missed++;
      return;
    }
    this.#text.push(line);
    this.#textLength += line.length;
    this.#textSince = Math.min(this.#textSince, at);
  }

  #drain(): void {
    if (this.#isWriting || this.#textLength === 0) return;
    const { disk, clock, presence, log } = this.#deps;
    const lines = this.#text;
    this.#text = [];
    const since = Math.min(this.#textSince, clock.now());
    this.#textLength = 0;
    this.#textSince = Infinity;
    this.#isWriting = true;
    this.#writing = disk.append(lines.join(""), since, () => headText(presence().settings, clock.now())).then(
      () => {
        this.#isWriting = false;
        this.#carry();
        if (!this.#isClosed) this.#drain();
      },
      (err: unknown) => {
        // UnavailableError: the past is not worth a call; what is new is tried again later.
        this.#isWriting = false;
        this.missed += lines.length;
        if (!this.#isFailing) log.warn({ err, count: this.missed }, "what was so when could not be written down");
        this.#isFailing = true;
      },
    );
  }

  /** A new segment has begun: whoever has not changed since the one that goes next is written down again before it goes. */
  #carry(): void {
    const { disk } = this.#deps;
    const segments = disk.segments();
    const current = segments.at(-1)?.id ?? 0;
    if (current === this.#segment) return;
    this.#segment = current;
    const oldest = segments[0]?.id ?? 0;
    if (!disk.isFull || oldest === current) return;
    for (const [aor, last] of this.#last) if (last % SEGMENT_IDS <= oldest % SEGMENT_IDS) this.#carried.add(aor);
    if (this.#carried.size > 0) this.#wake();
  }
}

/** A number that differs when the document or what was said differs; how long a publication lives is no difference: a refresh is not news. */
function hashOf(document: PresenceDocument, reports: readonly SourceReport[]): number {
  let text = `${document.basic} ${document.note} ${String(document.since)}`;
  for (const { source, key, kind, basic, note, activities, publishedAt, from, until, silence, onHold } of reports) {
    text += `\n${source} ${key} ${kind} ${basic ?? ""} ${note ?? ""} ${String(publishedAt)} ${String(from ?? "")} ${source === "publish" ? "" : String(until ?? "")} ${silence ?? ""} ${onHold === true ? "held" : ""}`;
    for (const activity of activities) text += ` ${activity.name}`;
  }
  let hash = 0xdeadbeef;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 2654435761);
  return (hash ^ (hash >>> 15)) >>> 0;
}
