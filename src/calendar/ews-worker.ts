import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import type { Reading } from "./adapter.ts";
import { readAvailability } from "./ews-answer.ts";
import type { EwsNews, EwsOrder, EwsThreadData } from "./ews-messages.ts";
import { availabilityRequest } from "./ews-request.ts";
import { EwsTransport, type EwsScheme } from "./ews-transport.ts";
import { webFailure } from "./web-failure.ts";

// The thread that asks Exchange: an answer for a hundred mailboxes takes tens of milliseconds to read, which no call should wait for. What leaves it is `CalendarEntry` and plain sentences.

class EwsWorker {
  readonly #free: EwsTransport[];
  readonly #waiting: ((transport: EwsTransport) => void)[] = [];
  readonly #running = new Map<number, AbortController>();

  constructor({ access, connections }: EwsThreadData) {
    const scheme: EwsScheme = { found: null };
    const random = systemRandom();
    this.#free = Array.from({ length: connections }, () => new EwsTransport(access, scheme, systemClock, (count) => random.bytes(count)));
  }

  take(order: EwsOrder): void {
    if (order.kind === "read") void this.#read(order);
    else if (order.kind === "cancel") this.#running.get(order.id)?.abort();
    else if (order.kind === "end") parentPort?.close();
  }

  async #read({ id, mailboxes, span }: EwsOrder & { readonly kind: "read" }): Promise<void> {
    const abort = new AbortController();
    this.#running.set(id, abort);
    const transport = await this.#transport();
    let readings: ReadonlyMap<string, Reading> = new Map();
    try {
      const answer = await transport.post(availabilityRequest(mailboxes, span), abort.signal);
      const read = answer.kind === "failure" ? answer : readAvailability(answer.body, mailboxes, span);
      readings = "get" in read ? read : new Map(mailboxes.map((mailbox) => [mailbox, read]));
    } catch {
      // What an error of ours says may quote an answer.
      readings = new Map(mailboxes.map((mailbox) => [mailbox, webFailure("unreadable", "reading Exchange's answer failed")]));
    } finally {
      this.#running.delete(id);
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(transport);
      else next(transport);
      say({ kind: "read", id, readings: [...readings] });
    }
  }

  #transport(): Promise<EwsTransport> {
    const transport = this.#free.pop();
    if (transport !== undefined) return Promise.resolve(transport);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function say(news: EwsNews): void {
  parentPort?.postMessage(news);
}

function isThreadData(value: unknown): value is EwsThreadData {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "ews";
}

if (isThreadData(workerData)) {
  const worker = new EwsWorker(workerData);
  parentPort?.on("message", (order: EwsOrder) => worker.take(order));
}
