import { Worker } from "node:worker_threads";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { WatchState } from "./adapter.ts";
import type { EwsAccess } from "./ews-transport.ts";
import type { StreamWord } from "./ews-stream.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";

/** What the thread is told. */
export type HintOrder =
  | { readonly kind: "open"; readonly stream: number; readonly access: EwsAccess; readonly mailboxes: readonly string[]; readonly minutes: number }
  | { readonly kind: "close"; readonly stream: number };

/** What the thread answers. */
export type HintAnswer =
  | { readonly kind: "word"; readonly stream: number; readonly word: StreamWord | { readonly kind: "ended"; readonly failure: WebFailure | null } }
  /** It heard that a stream is to be closed. */
  | { readonly kind: "heard" };

/** Times of hints, ms. */
export interface HintTimes {
  /** How long Exchange keeps a connection, minutes, 1 to 30. */
  readonly minutes: number;
  /** A stream that says nothing for so long is dead: Exchange sends a sign of life every 45 s. */
  readonly silentMs: number;
  /** After the first failure; each doubles it, up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** A mailbox is hinted at once in this time at most. */
  readonly apartMs: number;
  /** A thread that does not hear within this time hangs, and is ended. */
  readonly deafMs: number;
}

/** Those of a server. */
export const HINT_TIMES: HintTimes = { minutes: 30, silentMs: 120_000, retryMs: 5000, retryMaxMs: 900_000, apartMs: 10_000, deafMs: 10_000 };

/** What hints need. */
export interface HintDeps {
  readonly access: EwsAccess;
  readonly clock: Clock;
  readonly random: Random;
  /** The program of the thread, as `npm run build` makes it. */
  readonly workerPath: string;
  readonly times: HintTimes;
  /** A mailbox may have changed: poll it sooner. */
  readonly onChange: (mailbox: string) => void;
  /** How it goes, whenever a connection opens or fails. */
  readonly onState: (state: WatchState) => void;
}

/** Mailboxes on one connection: what Exchange takes. */
const MAILBOXES_MAX = 200;
/** Connections at a time; whoever is beyond is only polled. Exchange lets an account have 10 by default. */
const STREAMS_MAX = 10;
/** Memory of the thread, MB. */
const MEMORY_MAX_MB = 256;
/** A connection that ends sooner than this after it was opened counts as failed. */
const SHORT_MS = 30_000;
/** Time beyond its minutes that a connection gets to end. */
const MARGIN_MS = 60_000;
/** Addresses that may stand in a header; others are only polled. */
const ADDRESS = /^[\x21-\x7e]{1,254}@[\x21-\x7e]{1,254}$/;

interface Group {
  readonly mailboxes: readonly string[];
  /** Its connection; each is another. 0: none. */
  stream: number;
  failures: number;
  openedAt: number;
  /** Ends it when it is silent, or opens it when its time has come. */
  cancel: Cancel | null;
  /** Ends it when it is too old. */
  cancelLife: Cancel | null;
}

/** Hints from Exchange that a calendar changed: streaming notifications of each mailbox, on connections that are watched over here and made anew whenever one ends, is silent or fails. Nothing depends on
 *  them: polls go on as without, a hint only brings the next one forward. They are listened to in a thread of their own, which is ended and begun again when it hangs or dies. */
export class EwsHints {
  readonly #deps: HintDeps;
  readonly #groups: readonly Group[];
  /** When each mailbox may be hinted at again, and what waits for that. */
  readonly #hinted = new Map<string, { until: number; cancel: Cancel | null }>();
  #worker: Worker | null = null;
  #cancelDeaf: Cancel | null = null;
  #streams = 0;
  #isClosed = false;

  constructor(mailboxes: readonly string[], deps: HintDeps) {
    this.#deps = deps;
    const possible = mailboxes.filter((mailbox) => ADDRESS.test(mailbox));
    const watched = possible.slice(0, MAILBOXES_MAX * STREAMS_MAX);
    if (possible.length < mailboxes.length) deps.onState({ kind: "partly", ...reasonOf(webFailure("not-found", "the addresses of some mailboxes have characters that no notification is asked for with")) });
    if (watched.length < possible.length) deps.onState({ kind: "partly", ...reasonOf(webFailure("too-large", `more than ${String(MAILBOXES_MAX * STREAMS_MAX)} mailboxes: those beyond are only polled`)) });
    const groups: Group[] = [];
    for (let from = 0; from < watched.length; from += MAILBOXES_MAX) groups.push({ mailboxes: watched.slice(from, from + MAILBOXES_MAX), stream: 0, failures: 0, openedAt: 0, cancel: null, cancelLife: null });
    this.#groups = groups;
    for (const group of groups) this.#open(group);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const group of this.#groups) rest(group);
    for (const { cancel } of this.#hinted.values()) cancel?.();
    await this.#endThread();
  }

  #open(group: Group): void {
    if (this.#isClosed) return;
    const { access, clock, times } = this.#deps;
    rest(group);
    group.stream = ++this.#streams;
    group.openedAt = clock.now();
    this.#attend(group);
    group.cancelLife = clock.after(times.minutes * 60_000 + MARGIN_MS + times.silentMs, () => {
      this.#drop(group, webFailure("timeout", "Exchange does not end a connection whose time is over"));
    });
    this.#running().postMessage({ kind: "open", stream: group.stream, access, mailboxes: group.mailboxes, minutes: times.minutes } satisfies HintOrder);
  }

  /** Something was heard: from now on it may be silent for so long. */
  #attend(group: Group): void {
    group.cancel?.();
    group.cancel = this.#deps.clock.after(this.#deps.times.silentMs, () => {
      this.#drop(group, webFailure("timeout", "Exchange's notifications are silent, without a sign of life"));
    });
  }

  /** Throws a connection away and opens another later. */
  #drop(group: Group, failure: WebFailure): void {
    this.#worker?.postMessage({ kind: "close", stream: group.stream } satisfies HintOrder);
    this.#cancelDeaf ??= this.#deps.clock.after(this.#deps.times.deafMs, () => {
      this.#cancelDeaf = null;
      this.#lost(webFailure("timeout", "the thread that listens to Exchange did not answer"));
    });
    this.#failed(group, failure);
  }

  #failed(group: Group, failure: WebFailure): void {
    const { clock, random, times, onState } = this.#deps;
    rest(group);
    group.failures++;
    const wait = Math.max(failure.retryAfterMs ?? 0, Math.min(times.retryMs * 2 ** Math.min(group.failures - 1, 16), times.retryMaxMs));
    group.cancel = clock.after(wait + random.below(Math.max(1, Math.ceil(wait / 2))), () => {
      this.#open(group);
    });
    onState({ kind: "failed", ...reasonOf(failure) });
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    // What the library writes to the console is thrown away: it may quote what was sent.
    const worker = new Worker(this.#deps.workerPath, { name: "ews-hints", stdout: true, stderr: true, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB } });
    worker.stdout.resume();
    worker.stderr.resume();
    worker.unref();
    this.#worker = worker;
    worker.on("message", (answer: HintAnswer) => {
      if (this.#worker === worker) this.#hear(answer);
    });
    const lost = (): void => {
      if (this.#worker === worker) this.#lost(webFailure("unreadable", "the thread that listens to Exchange ended"));
    };
    worker.on("error", lost);
    worker.on("exit", lost);
    return worker;
  }

  /** The thread is gone, or is sent away: all connections went with it. */
  #lost(failure: WebFailure): void {
    this.#endThread().catch(() => undefined);
    for (const group of this.#groups) if (group.stream !== 0) this.#failed(group, failure);
  }

  async #endThread(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#cancelDeaf?.();
    this.#cancelDeaf = null;
    await worker?.terminate();
  }

  #hear(answer: HintAnswer): void {
    this.#cancelDeaf?.();
    this.#cancelDeaf = null;
    if (answer.kind === "heard") return;
    const { stream, word } = answer;
    const group = this.#groups.find((one) => one.stream === stream);
    if (group === undefined) return;
    const { clock, onState } = this.#deps;
    switch (word.kind) {
      case "alive":
        this.#attend(group);
        // What lives for long enough is well again.
        if (clock.now() - group.openedAt >= SHORT_MS) group.failures = 0;
        return;
      case "watching":
        onState({ kind: "watching" });
        return;
      case "changed":
        this.#hint(word.mailbox);
        return;
      case "refused":
        onState({ kind: "partly", ...reasonOf(word.failure) });
        return;
      case "ended":
        this.#ended(group, word.failure);
    }
  }

  #ended(group: Group, failure: WebFailure | null): void {
    const { clock } = this.#deps;
    if (failure !== null) this.#failed(group, failure);
    else if (clock.now() - group.openedAt < SHORT_MS) this.#failed(group, webFailure("connection", "Exchange ends the connection of notifications at once"));
    else {
      group.failures = 0;
      this.#open(group);
    }
  }

  /** Tells of a change, at once or when the mailbox's time has come. */
  #hint(mailbox: string): void {
    const { clock, times, onChange } = this.#deps;
    const now = clock.now();
    const known = this.#hinted.get(mailbox) ?? { until: 0, cancel: null };
    this.#hinted.set(mailbox, known);
    if (known.cancel !== null) return;
    if (now >= known.until) {
      known.until = now + times.apartMs;
      onChange(mailbox);
      return;
    }
    known.cancel = clock.after(known.until - now, () => {
      known.cancel = null;
      known.until = clock.now() + times.apartMs;
      onChange(mailbox);
    });
  }
}

function reasonOf({ failure, text }: WebFailure): Pick<WebFailure, "failure" | "text"> {
  return { failure, text };
}

/** It has no connection any more, and nothing waits. */
function rest(group: Group): void {
  group.stream = 0;
  group.cancel?.();
  group.cancel = null;
  group.cancelLife?.();
  group.cancelLife = null;
}
