import { fork, type ChildProcess } from "node:child_process";
import { UnavailableError } from "../base/errors.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { AdapterSettings, CalendarAdapter, Reading, Span, WatchState } from "./adapter.ts";
import { KnownReadings } from "./known-readings.ts";

/** What the process is told. */
export type CalendarOrder =
  | { readonly kind: "open"; readonly adapter: number; readonly settings: Omit<AdapterSettings, "clock"> }
  | { readonly kind: "watch"; readonly adapter: number; readonly mailboxes: readonly string[] }
  | { readonly kind: "read"; readonly adapter: number; readonly call: number; readonly mailboxes: readonly string[]; readonly span: Span }
  | { readonly kind: "abort"; readonly call: number }
  | { readonly kind: "close"; readonly adapter: number };

/** What it answers. */
export type CalendarAnswer =
  | { readonly kind: "opened"; readonly adapter: number; readonly batchSize: number; readonly watches: boolean }
  | { readonly kind: "refused"; readonly adapter: number; readonly name: string }
  /** `same`: mailboxes that say what they said last. */
  | { readonly kind: "readings"; readonly adapter: number; readonly call: number; readonly readings: ReadonlyMap<string, Reading>; readonly same: readonly string[] }
  | { readonly kind: "changed"; readonly adapter: number; readonly mailbox?: string }
  | { readonly kind: "watch"; readonly adapter: number; readonly state: WatchState }
  /** It heard that a call is to be given up. */
  | { readonly kind: "alive" }
  | { readonly kind: "closed"; readonly adapter: number };

/** Makes adapters that live in a process of their own. A thread would be less: threads of one process wait for each other's locks, and where the one that reads
 *  calendars gives way, the one that calls pass through waits for it (measured on one core: 150 ms). */
export interface CalendarProcess {
  /** Starts the process if none runs. Rejects with UnavailableError when the adapter cannot be made. */
  open(settings: Omit<AdapterSettings, "clock">): Promise<CalendarAdapter>;
  /** Ends the process, whatever it does. */
  close(): Promise<void>;
}

interface ProcessDeps {
  readonly programPath: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Memory that its objects may take, MB: a calendar that takes more ends the process, never the server. */
const MEMORY_MAX_MB = 512;
/** Its collector stops it for as long as it likes, and needs no threads that would take a core from calls. */
const NODE_SWITCHES = [`--max-old-space-size=${String(MEMORY_MAX_MB)}`, "--single-threaded-gc"];
/** A process that does not hear within this time that a call is given up hangs, and is ended. */
const DEAF_MS = 10_000;
/** So is one in which so many calls go on for this long after they were given up. */
const STUCK_MAX = 4;
const STUCK_MS = 10_000;

/** A process that runs the program at `programPath`; nothing is started before the first `open`. After it died, the next read starts another. */
export function calendarProcess(deps: ProcessDeps): CalendarProcess {
  return new Running(deps);
}

interface Proxy {
  readonly settings: Omit<AdapterSettings, "clock">;
  readonly opened: Promise<{ readonly batchSize: number; readonly watches: boolean }>;
  readonly settle: { resolve(opened: { readonly batchSize: number; readonly watches: boolean }): void; reject(err: unknown): void };
  watch: { readonly mailboxes: readonly string[]; readonly onChange: (mailbox?: string) => void; readonly onState: (state: WatchState) => void } | null;
  onClosed: (() => void) | null;
  readonly known: KnownReadings;
}

class Running implements CalendarProcess {
  readonly #deps: ProcessDeps;
  readonly #proxies = new Map<number, Proxy>();
  readonly #calls = new Map<number, { readonly done: (readings: ReadonlyMap<string, Reading>) => void; isStuck: boolean }>();
  #child: ChildProcess | null = null;
  /** Runs while it is not known that the process hears. */
  #cancelDeaf: Cancel | null = null;
  #numbers = 0;
  #isClosed = false;

  constructor(deps: ProcessDeps) {
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
    // A process that starts opens all that there is.
    if (this.#child === null) this.#running();
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
      let cancelStuck: Cancel = () => undefined;
      const giveUp = (): void => {
        if (this.#child !== null) tell(this.#child, { kind: "abort", call: number });
        this.#cancelDeaf ??= this.#deps.clock.after(DEAF_MS, () => {
          this.#replace();
        });
        cancelStuck = this.#deps.clock.after(STUCK_MS, () => {
          call.isStuck = true;
          if ([...this.#calls.values()].filter(({ isStuck }) => isStuck).length >= STUCK_MAX) this.#replace();
        });
      };
      const call = {
        done: (readings: ReadonlyMap<string, Reading>): void => {
          cancelStuck();
          signal.removeEventListener("abort", giveUp);
          this.#calls.delete(number);
          resolve(readings);
        },
        isStuck: false,
      };
      this.#calls.set(number, call);
      signal.addEventListener("abort", giveUp);
      this.#tell({ kind: "read", adapter, call: number, mailboxes, span });
    });
  }

  #close(number: number, proxy: Proxy): Promise<void> {
    this.#proxies.delete(number);
    if (this.#child === null) return Promise.resolve();
    return new Promise((resolve) => {
      // Whether it says so or ends before.
      proxy.onClosed = () => {
        this.#proxies.delete(number);
        resolve();
      };
      this.#proxies.set(number, proxy);
      this.#tell({ kind: "close", adapter: number });
    });
  }

  /** Ends a process that is busy with something that does not end; the next order starts another. */
  #replace(): void {
    this.#deps.log.warn({ count: this.#calls.size }, "the calendar process does not answer: another is started");
    this.#end("the process that reads calendars did not answer").catch(() => undefined);
  }

  async #end(why: string): Promise<void> {
    const child = this.#child;
    this.#forget(why);
    if (child === null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // False of one that has ended already.
    if (child.kill("SIGKILL")) await ended;
  }

  /** There is none any more, and who waits for it is told. */
  #forget(why: string): void {
    this.#child = null;
    this.#cancelDeaf?.();
    this.#cancelDeaf = null;
    this.#giveUpCalls(why);
  }

  #tell(order: CalendarOrder): void {
    if (!this.#isClosed) tell(this.#running(), order);
  }

  #running(): ChildProcess {
    if (this.#child !== null) return this.#child;
    // What it might print of a calendar when it dies is for nobody.
    const child = fork(this.#deps.programPath, [], { execArgv: NODE_SWITCHES, serialization: "advanced", stdio: ["ignore", "ignore", "ignore", "ipc"] });
    this.#child = child;
    child.on("message", (answer: CalendarAnswer) => {
      if (this.#child === child) this.#hear(answer);
    });
    const lost = (reason: string): void => {
      if (this.#child !== child) return;
      this.#deps.log.warn({ reason }, "the calendar process is lost: the next poll starts another");
      for (const { settle } of this.#proxies.values()) settle.reject(new UnavailableError("the calendar process ended"));
      this.#forget("the process that reads calendars ended");
    };
    child.on("error", (err) => {
      lost("code" in err ? String(err.code) : err.name);
    });
    child.on("exit", (code, signal) => {
      lost(signal ?? `exit code ${String(code)}`);
    });
    // After a loss the adapters are made anew, with their settings.
    for (const [adapter, { settings, watch }] of this.#proxies) {
      tell(child, { kind: "open", adapter, settings });
      if (watch !== null) tell(child, { kind: "watch", adapter, mailboxes: watch.mailboxes });
    }
    return child;
  }

  #hear(answer: CalendarAnswer): void {
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
    }
  }

  /** What comes for a call that was given up is kept all the same: the process counts it as known. */
  #hearReadings({ adapter, call, readings, same }: CalendarAnswer & { readonly kind: "readings" }): void {
    const whole = this.#proxies.get(adapter)?.known.whole({ readings, same }) ?? readings;
    this.#calls.get(call)?.done(whole);
  }

  /** Who waits is told that it failed: a mailbox that is missing from an answer counts so. */
  #giveUpCalls(why: string): void {
    for (const { done } of [...this.#calls.values()]) done(new Map([["", { kind: "failure", failure: "timeout", text: why }]]));
    for (const { onClosed } of this.#proxies.values()) onClosed?.();
  }
}

/** One that has ended hears nothing: its exit says so. */
function tell(child: ChildProcess, order: CalendarOrder): void {
  child.send(order, () => undefined);
}
