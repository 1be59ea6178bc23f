import { Worker } from "node:worker_threads";
import type { Cancel, Clock } from "../base/clock.ts";
import type { CalendarAdapter, Reading, Span } from "./adapter.ts";
import type { EwsNews, EwsOrder, EwsThreadData } from "./ews-messages.ts";
import type { EwsAccess } from "./ews-transport.ts";
import { webFailure } from "./web-failure.ts";

/** What reading Exchange needs. */
export interface EwsAdapterSettings extends EwsAccess {
  readonly clock: Clock;
  /** The bundle of `ews-worker.ts`. */
  readonly workerFile: string;
}

/** Mailboxes that Exchange answers for in one request (its own limit). */
const BATCH_SIZE = 100;
/** Requests at a time; Exchange's default policy allows 27 and more. */
const CONNECTIONS = 4;
/** A thread that has not answered so much after the last request of its should have ended is hung. */
const GRACE_MS = 5000;

interface Job {
  readonly mailboxes: readonly string[];
  readonly settle: (readings: ReadonlyMap<string, Reading>) => void;
  readonly cancelWatch: Cancel;
}

/** Exchange on premises, asked by GetUserAvailability for up to a hundred mailboxes a request, in a thread of its own. The thread is started by the first reading, and anew when it hangs or dies. */
export class EwsAdapter implements CalendarAdapter {
  readonly batchSize = BATCH_SIZE;
  readonly #settings: EwsAdapterSettings;
  readonly #jobs = new Map<number, Job>();
  #thread: Worker | null = null;
  #lastId = 0;
  #isClosed = false;

  constructor(settings: EwsAdapterSettings) {
    this.#settings = settings;
  }

  read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    if (this.#isClosed || signal.aborted) return Promise.resolve(all(mailboxes, "the reading was given up"));
    const thread = this.#started();
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const cancel = (): void => {
        this.#order(thread, { kind: "cancel", id });
      };
      // Signing in takes up to three requests, and others may be before it on each connection.
      const longestMs = this.#settings.timeoutMs * 4 * (1 + Math.ceil(this.#jobs.size / CONNECTIONS)) + GRACE_MS;
      const cancelWatch = this.#settings.clock.after(longestMs, () => {
        this.#lose(thread, "the thread that asks Exchange hung and was started anew");
      });
      this.#jobs.set(id, {
        mailboxes,
        cancelWatch,
        settle: (readings) => {
          signal.removeEventListener("abort", cancel);
          resolve(readings);
        },
      });
      signal.addEventListener("abort", cancel);
      this.#order(thread, { kind: "read", id, mailboxes, span });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const thread = this.#thread;
    if (thread === null) return;
    this.#settleAll("the reading was given up");
    this.#thread = null;
    await thread.terminate();
  }

  #started(): Worker {
    if (this.#thread !== null) return this.#thread;
    const { url, username, password, auth, ca, timeoutMs, workerFile } = this.#settings;
    const data: EwsThreadData = { kind: "ews", connections: CONNECTIONS, access: { url, username, password, timeoutMs, ...(auth === undefined ? {} : { auth }), ...(ca === undefined ? {} : { ca }) } };
    const thread = new Worker(workerFile, { workerData: data, name: "exchange" });
    thread.unref();
    thread.on("message", (news: EwsNews) => this.#take(news));
    thread.on("error", () => {
      this.#lose(thread, "the thread that asks Exchange failed and is started anew");
    });
    thread.on("exit", () => {
      this.#lose(thread, "the thread that asks Exchange ended and is started anew");
    });
    this.#thread = thread;
    return thread;
  }

  #order(thread: Worker, order: EwsOrder): void {
    thread.postMessage(order);
  }

  #take(news: EwsNews): void {
    if (news.kind !== "read") return;
    const job = this.#jobs.get(news.id);
    if (job === undefined) return;
    this.#jobs.delete(news.id);
    job.cancelWatch();
    job.settle(new Map(news.readings));
  }

  #lose(thread: Worker, why: string): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    this.#settleAll(why);
    // A thread that hangs cannot say how it ended, and nobody waits for it.
    thread.terminate().catch(() => undefined);
  }

  #settleAll(why: string): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const { mailboxes, settle, cancelWatch } of jobs) {
      cancelWatch();
      settle(all(mailboxes, why));
    }
  }
}

function all(mailboxes: readonly string[], text: string): ReadonlyMap<string, Reading> {
  return new Map(mailboxes.map((mailbox) => [mailbox, webFailure("timeout", text)]));
}
