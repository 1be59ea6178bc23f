import type { Witnessed } from "../subscription/notify-witness.ts";
import type { ToldLine, ToldWatcher } from "./record-line.ts";
import { whatWasSaid } from "./what-was-said.ts";

// Hot path: a NOTIFY costs one entry of a list. What it was is read from its subscription later; only one that is overtaken within that time is copied.

/** How long an answer is waited for before a NOTIFY is written down without it. */
const ANSWER_MS = 2000;

/** A NOTIFY that another one overtook before it was written down, or whose answer came late. */
type Copy = Omit<Witnessed, "isNoted" | "isLate">;

/** NOTIFYs, until they are written down: when they are answered, or have not been for some seconds. */
export class ToldNotes {
  readonly #max: number;
  /** In the order in which they were sent, so that those who were told the same stand together. */
  #noted: Witnessed[] = [];
  #overtaken: Copy[] = [];
  #late: Copy[] = [];
  #missed = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** True when something has to be written down, now or later. */
  get isWaiting(): boolean {
    return this.#noted.length > 0 || this.#overtaken.length > 0 || this.#late.length > 0;
  }

  /** True when something can be written down at that moment. */
  hasNews(now: number): boolean {
    return this.#overtaken.length > 0 || this.#late.length > 0 || this.#noted.some((to) => isRipe(to, now));
  }

  sent(to: Witnessed): void {
    if (this.#noted.length < this.#max) this.#noted.push(to);
    else {
      this.#missed++;
      to.isNoted = false;
    }
  }

  overtaken(to: Witnessed): void {
    if (this.#overtaken.length < this.#max) this.#overtaken.push(copyOf(to));
    else this.#missed++;
  }

  late(to: Witnessed): void {
    to.isLate = false;
    if (this.#late.length < this.#max) this.#late.push(copyOf(to));
  }

  /** What is to be written down now, at most `atATime` of those that were noted; those who were told the same in one line. */
  lines(now: number, atATime: number): readonly ToldLine[] {
    const lines: ToldLine[] = [];
    addLines(lines, this.#overtaken);
    const ripe: Witnessed[] = [];
    let kept = 0;
    for (const to of this.#noted) {
      if (ripe.length < atATime && isRipe(to, now)) {
        ripe.push(to);
        to.isNoted = false;
        to.isLate = to.answeredAt === 0;
      } else this.#noted[kept++] = to;
    }
    this.#noted.length = kept;
    addLines(lines, ripe);
    for (const note of this.#late) lines.push({ kind: "told", aor: note.resource, event: note.pack.name, what: "", to: [watcherOf(note)] });
    this.#overtaken = [];
    this.#late = [];
    return lines;
  }

  /** How many were left out since this was asked last. */
  takeMissed(): number {
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }
}

function addLines(lines: ToldLine[], notes: readonly Copy[]): void {
  let last: Copy | null = null;
  let to: ToldWatcher[] = [];
  for (const note of notes) {
    if (last === null || last.lastSent !== note.lastSent || last.resource !== note.resource || last.pack !== note.pack) {
      to = [];
      lines.push({ kind: "told", aor: note.resource, event: note.pack.name, what: whatWasSaid(note.lastSent), to });
      last = note;
    }
    to.push(watcherOf(note));
  }
}

function copyOf({ resource, watcher, pack, dialog, lastSentAt, lastSent, answeredAt, answerStatus }: Witnessed): Copy {
  return { resource, watcher, pack, dialog, lastSentAt, lastSent, answeredAt, answerStatus };
}

function isRipe(to: Witnessed, now: number): boolean {
  return to.answeredAt !== 0 || now - to.lastSentAt >= ANSWER_MS;
}

function watcherOf({ watcher, dialog, lastSentAt, answeredAt, answerStatus }: Copy): ToldWatcher {
  const isAnswered = answeredAt !== 0;
  return { watcher: watcher ?? addressOf(dialog.remote), sentAt: lastSentAt, answeredAt: isAnswered ? answeredAt : null, status: isAnswered ? answerStatus : null };
}

/** The URI of a name-addr, without its parameters. */
function addressOf(nameAddr: string): string {
  return (/<([^>]*)>/.exec(nameAddr)?.[1] ?? nameAddr).replace(/;.*/, "");
}
