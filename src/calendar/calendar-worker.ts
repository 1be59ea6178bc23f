import { getPriority, platform, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import type { CalendarAdapter, Reading } from "./adapter.ts";
import { openAdapter } from "./adapters.ts";
import type { ThreadAnswer, ThreadOrder } from "./calendar-thread.ts";
import { KnownReadings } from "./known-readings.ts";

// The thread in which calendars are fetched and read, so that nobody's call waits for them.

/** On Linux a priority is a thread's own: where cores are few, this one gives way to the one that calls pass through. */
const NICENESS = 10;
if (platform() === "linux") setPriority(Math.min(19, getPriority() + NICENESS));

interface Opened {
  readonly adapter: Promise<CalendarAdapter>;
  readonly known: KnownReadings;
}

const adapters = new Map<number, Opened>();
const running = new Map<number, AbortController>();

function answer(message: ThreadAnswer): void {
  parentPort?.postMessage(message);
}

async function obey(order: ThreadOrder): Promise<void> {
  switch (order.kind) {
    case "open": {
      const adapter = openAdapter({ ...order.settings, clock: systemClock });
      adapters.set(order.adapter, { adapter, known: new KnownReadings() });
      const opened = await adapter;
      answer({ kind: "opened", adapter: order.adapter, batchSize: opened.batchSize, watches: "watch" in opened });
      return;
    }
    case "watch":
      (await adapters.get(order.adapter)?.adapter)?.watch?.(
        (mailbox) => {
          answer({ kind: "changed", adapter: order.adapter, ...(mailbox === undefined ? {} : { mailbox }) });
        },
        order.mailboxes,
        (state) => {
          answer({ kind: "watch", adapter: order.adapter, state });
        },
      );
      return;
    case "read": {
      const ended = new AbortController();
      running.set(order.call, ended);
      const opened = adapters.get(order.adapter);
      const adapter = await opened?.adapter;
      const readings: ReadonlyMap<string, Reading> = (await adapter?.read(order.mailboxes, order.span, ended.signal)) ?? new Map();
      running.delete(order.call);
      answer({ kind: "readings", adapter: order.adapter, call: order.call, ...(opened?.known.news(readings) ?? { readings, same: [] }) });
      return;
    }
    case "abort":
      running.get(order.call)?.abort();
      answer({ kind: "alive" });
      return;
    case "close":
      await (await adapters.get(order.adapter)?.adapter)?.close();
      adapters.delete(order.adapter);
      answer({ kind: "closed", adapter: order.adapter });
  }
}

parentPort?.on("message", (order: ThreadOrder) => {
  obey(order).catch((err: unknown) => {
    // Only the kind of error is told: its text may quote what was read.
    const name = err instanceof Error ? err.name : "Error";
    if (order.kind === "read") {
      running.delete(order.call);
      answer({ kind: "readings", adapter: order.adapter, call: order.call, same: [], readings: new Map(order.mailboxes.map((mailbox) => [mailbox, { kind: "failure", failure: "unreadable", text: `reading failed by our own mistake (${name})` }])) });
    } else if (order.kind === "open") answer({ kind: "refused", adapter: order.adapter, name });
    else if (order.kind === "close") answer({ kind: "closed", adapter: order.adapter });
  });
});
