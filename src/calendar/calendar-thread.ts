import { Worker } from "node:worker_threads";
import { UnavailableError } from "../base/errors.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { AdapterSettings, CalendarAdapter, Reading, Span, WatchState } from "./adapter.ts";
import { KnownReadings } from "./known-readings.ts";

/** What the thread is told. */
export type ThreadOrder =
  | { readonly kind: "open"; readonly adapter: number; readonly settings: Omit<AdapterSettings, "clock"> }
  | { readonly kind: "watch"; readonly adapter: number; readonly mailboxes: readonly string[] }
  | { readonly kind: "read"; readonly adapter: number; readonly call: number; readonly mailboxes: readonly string[]; readonly span: Span }
  | { readonly kind: "abort"; readonly call: number }
  | { readonly kind: "close"; readonly adapter: number };

/** What the thread answers. */
export type ThreadAnswer =
  | { readonly kind: "opened"; readonly adapter: number; readonly batchSize: number; readonly watches: boolean }
  | { readonly kind: "refused"; readonly adapter: number; readonly name: string }
  /** `same`: mailboxes that say what they said last. */
  | { readonly kind: "readings"; readonly adapter: number; readonly call: number; readonly readings: ReadonlyMap<string, Reading>; readonly same: readonly string[] }
  | { readonly kind: "changed"; readonly adapter: number; readonly mailbox?: string }
  | { readonly kind: "watch"; readonly adapter: number; readonly state: WatchState }
  /** It heard that a call is to be given up. */
  | { readonly kind: "alive" }
  | { readonly kind: "closed"; readonly adapter: number };

/** Makes adapters that live in a thread of their own. */
export interface CalendarThread {
  /** Starts the thread if none runs. Rejects with UnavailableError when the adapter cannot be made. */
  open(settings: Omit<AdapterSettings, "clock">): Promise<CalendarAdapter>;
  /** Ends the thread, whatever it does. */
  close(): Promise<void>;
}

interface ThreadDeps {
  readonly workerPath: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Memory that the thread may take, MB: a calendar that takes more ends the thread, never the server. */
const MEMORY_MAX_MB = 512;
/** A thread that does not hear within this time that a call is given up hangs, and is ended. */
const DEAF_MS = 10_000;
/** So is one in which so many calls that were given up go on all the same. */
const DEAF_CALLS_MAX = 4;

/** A thread that runs the program at `workerPath`; nothing is started before the first `open`. After it died, the next read starts another. */
export function calendarThread(deps: ThreadDeps): CalendarThread {
  return new Thread(deps);
}

interface Proxy {
  readonly settings: Omit<AdapterSettings, "clock">;
  readonly opened: Promise<{ readonly batchSize: number; readonly watches: boolean }>;
  readonly settle: { resolve(opened: { readonly batchSize: number; readonly watches: boolean }): void; reject(err: unknown): void };
  watch: { readonly mailboxes: readonly string[]; readonly onChange: (mailbox?: string) => void; readonly onState: (state: WatchState) => void } | null;
  onClosed: (() => void) | null;
  readonly known: KnownReadings;
}

class Thread implements CalendarThread {
  readonly #deps: ThreadDeps;
  readonly #proxies = new Map<number, Proxy>();
  readonly #calls = new Map<number, { readonly done: (readings: ReadonlyMap<string, Reading>) => void; isGivenUp: boolean }>();
  #worker: Worker | null = null;
  /** Runs while it is not known that the thread hears. */
  #cancelDeaf: Cancel | null = null;
  #numbers = 0;
  #isClosed = false;

  constructor(deps: ThreadDeps) {
    this.#deps = deps;
  }

  async open(settings: Omit<AdapterSettings, "clock">): Promise<CalendarAdapter> {
    const number = ++this.#numbers;
    const settle: Proxy["settle"] = { resolve: () => undefined, reject: () => undefined };
    const opened = new Promise<{ readonly batchSize: number; readonly watches: boolean }>((resolve, reject) => {
      settle.resolve = resolve;
      settle.reject = reject;
    });
    const proxy: Proxy = { settings, opened, settle, watch: null, onClosed: null, known: new KnownReadings() };
    this.#proxies.set(number, proxy);
    // A thread that starts opens all that there is.
    if (this.#worker === null) this.#running();
    else this.#tell({ kind: "open", adapter: number, settings });
    const { batchSize, watches } = await opened.catch((err: unknown) => {
      this.#proxies.delete(number);
      throw err;
    });
    return {
      batchSize,
      read: (mailboxes, span, signal) => this.#read(number, mailboxes, span, signal),
      ...(watches
        ? {
            watch: (onChange: (mailbox?: string) => void, mailboxes: readonly string[], onState: (state: WatchState) => void) => {
              proxy.watch = { mailboxes, onChange, onState };
              this.#tell({ kind: "watch", adapter: number, mailboxes });
            },
          }
        : {}),
      close: () => this.#close(number, proxy),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end("the server is stopping");
  }

  #read(adapter: number, mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    if (this.#isClosed) return Promise.resolve(new Map());
    const number = ++this.#numbers;
    return new Promise((resolve) => {
      const giveUp = (): void => {
        call.isGivenUp = true;
        this.#worker?.postMessage({ kind: "abort", call: number } satisfies ThreadOrder);
        if ([...this.#calls.values()].filter(({ isGivenUp }) => isGivenUp).length >= DEAF_CALLS_MAX) this.#replace();
        else this.#cancelDeaf ??= this.#deps.clock.after(DEAF_MS, () => {
          this.#replace();
        });
      };
      const call = {
        done: (readings: ReadonlyMap<string, Reading>): void => {
          signal.removeEventListener("abort", giveUp);
          this.#calls.delete(number);
          resolve(readings);
        },
        isGivenUp: false,
      };
      this.#calls.set(number, call);
      signal.addEventListener("abort", giveUp);
      this.#tell({ kind: "read", adapter, call: number, mailboxes, span });
    });
  }

  #close(number: number, proxy: Proxy): Promise<void> {
    this.#proxies.delete(number);
    if (this.#worker === null) return Promise.resolve();
    return new Promise((resolve) => {
      proxy.onClosed = resolve;
      this.#proxies.set(number, proxy);
      this.#tell({ kind: "close", adapter: number });
    });
  }

  /** Ends a thread that is busy with something that does not end; the next order starts another. */
  #replace(): void {
    this.#deps.log.warn({ count: this.#calls.size }, "the calendar thread does not answer: another is started");
    this.#end("the thread that reads calendars did not answer").catch(() => undefined);
  }

  async #end(why: string): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#cancelDeaf?.();
    this.#cancelDeaf = null;
    this.#giveUpCalls(why);
    await worker?.terminate();
  }

  #tell(order: ThreadOrder): void {
    if (!this.#isClosed) this.#running().postMessage(order);
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#deps.workerPath, { name: "calendar", resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB } });
    this.#worker = worker;
    worker.unref();
    worker.on("message", (answer: ThreadAnswer) => {
      if (this.#worker === worker) this.#hear(answer);
    });
    const lost = (err: unknown): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#cancelDeaf?.();
      this.#cancelDeaf = null;
      this.#deps.log.warn({ reason: err instanceof Error && "code" in err ? String(err.code) : "it ended" }, "the calendar thread is lost: the next poll starts another");
      for (const { settle } of this.#proxies.values()) settle.reject(new UnavailableError("the calendar thread ended"));
      this.#giveUpCalls("the thread that reads calendars ended");
    };
    worker.on("error", lost);
    worker.on("exit", lost);
    // After a loss the adapters are made anew, with their settings.
    for (const [adapter, { settings, watch }] of this.#proxies) {
      worker.postMessage({ kind: "open", adapter, settings } satisfies ThreadOrder);
      if (watch !== null) worker.postMessage({ kind: "watch", adapter, mailboxes: watch.mailboxes } satisfies ThreadOrder);
    }
    return worker;
  }

  #hear(answer: ThreadAnswer): void {
    switch (answer.kind) {
      case "opened":
        this.#proxies.get(answer.adapter)?.settle.resolve(answer);
        return;
      case "refused":
        this.#proxies.get(answer.adapter)?.settle.reject(new UnavailableError(`the calendar's adapter cannot be made (${answer.name})`));
        return;
      case "readings":
        this.#hearReadings(answer);
        return;
      case "alive":
        this.#cancelDeaf?.();
        this.#cancelDeaf = null;
        return;
      case "changed":
        this.#proxies.get(answer.adapter)?.watch?.onChange(answer.mailbox);
        return;
      case "watch":
        this.#proxies.get(answer.adapter)?.watch?.onState(answer.state);
        return;
      case "closed":
        this.#proxies.get(answer.adapter)?.onClosed?.();
        this.#proxies.delete(answer.adapter);
    }
  }

  /** What comes for a call that nobody waits for any more is kept all the same: the thread counts it as known. */
  #hearReadings({ adapter, call, readings, same }: ThreadAnswer & { readonly kind: "readings" }): void {
    const whole = this.#proxies.get(adapter)?.known.whole({ readings, same }) ?? readings;
    this.#calls.get(call)?.done(whole);
  }

  /** Who waits is told that it failed: a mailbox that is missing from an answer counts so. */
  #giveUpCalls(why: string): void {
    for (const { done } of [...this.#calls.values()]) done(new Map([["", { kind: "failure", failure: "timeout", text: why }]]));
    for (const { onClosed } of this.#proxies.values()) onClosed?.();
  }
}
