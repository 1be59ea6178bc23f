import type { Aor } from "../base/ids.ts";
import type { Rendered } from "../subscription/event-package.ts";
import type { ToldLine, ToldWatcher } from "./record-line.ts";
import { whatWasSaid } from "./what-was-said.ts";

// Hot path: two notes a NOTIFY, by reference.

/** Whom a NOTIFY went to: what of a subscription stays when it is over. */
export interface ToldWhom {
  readonly resource: Aor;
  readonly watcher: Aor | null;
  readonly pack: { readonly name: string };
  readonly dialog: { readonly remote: string };
}

/** How long an answer is waited for before a NOTIFY is written down without it. */
const ANSWER_MS = 2000;

interface Sent {
  readonly to: ToldWhom;
  readonly rendered: Rendered | null;
  readonly at: number;
  answeredAt: number | null;
  status: number | null;
}

/** NOTIFYs and their answers, until they are written down. */
export class ToldNotes {
  readonly #max: number;
  /** Those that wait for their answers, by subscription. */
  readonly #open = new Map<ToldWhom, Sent>();
  #ready: Sent[] = [];
  #missed = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** True when something can be written down now. */
  get hasNews(): boolean {
    return this.#ready.length > 0;
  }

  /** True when something has to be written down, now or later. */
  get isWaiting(): boolean {
    return this.#ready.length > 0 || this.#open.size > 0;
  }

  sent(to: ToldWhom, rendered: Rendered | null, at: number): void {
    const before = this.#open.get(to);
    if (before !== undefined) this.#ready.push(before);
    if (this.#open.size + this.#ready.length >= this.#max) {
      this.#missed++;
      this.#open.delete(to);
      return;
    }
    this.#open.set(to, { to, rendered, at, answeredAt: null, status: null });
  }

  answered(to: ToldWhom, sentAt: number, answeredAt: number, status: number): void {
    const open = this.#open.get(to);
    if (open?.at !== sentAt) {
      // It is on the disk without its answer: a second line says it.
      if (this.#ready.length < this.#max) this.#ready.push({ to, rendered: null, at: sentAt, answeredAt, status });
      return;
    }
    this.#open.delete(to);
    open.answeredAt = answeredAt;
    open.status = status;
    this.#ready.push(open);
  }

  /** What is to be written down now, those who were told the same in one line. */
  lines(now: number): readonly ToldLine[] {
    for (const [to, sent] of this.#open) {
      // They are in the order of their times.
      if (now - sent.at < ANSWER_MS) break;
      this.#open.delete(to);
      this.#ready.push(sent);
    }
    const groups = new Map<string, { readonly aor: Aor; readonly event: string; readonly what: string; readonly to: ToldWatcher[] }>();
    for (const { to, rendered, at, answeredAt, status } of this.#ready) {
      const isLate = rendered === null && answeredAt !== null && now - at >= ANSWER_MS;
      const what = isLate ? "" : whatWasSaid(rendered);
      const key = `${to.resource}\n${to.pack.name}\n${what}`;
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { aor: to.resource, event: to.pack.name, what, to: [] }));
      group.to.push({ watcher: to.watcher ?? addressOf(to.dialog.remote), sentAt: at, answeredAt, status });
    }
    this.#ready = [];
    return [...groups.values()].map((group) => ({ kind: "told", ...group }));
  }

  /** How many were left out since this was asked last. */
  takeMissed(): number {
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }
}

/** The URI of a name-addr, without its parameters. */
function addressOf(nameAddr: string): string {
  return (/<([^>]*)>/.exec(nameAddr)?.[1] ?? nameAddr).replace(/;.*/, "");
}
