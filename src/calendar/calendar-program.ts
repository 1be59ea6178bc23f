import { readdirSync } from "node:fs";
import { getPriority, platform, setPriority } from "node:os";
import { systemClock } from "../base/clock.ts";
import type { CalendarAdapter, Reading } from "./adapter.ts";
import { openAdapter } from "./adapters.ts";
import type { CalendarAnswer, CalendarOrder } from "./calendar-process.ts";
import { KnownReadings } from "./known-readings.ts";

// The process in which calendars are fetched and read, so that nobody's call waits for them.

/** Where cores are few it gives way to the one that calls pass through, with all its threads: on Linux each has a priority of its own. */
const NICENESS = 10;
if (platform() === "linux") {
  const priority = Math.min(19, getPriority() + NICENESS);
  for (const thread of readdirSync("/proc/self/task")) setPriority(Number(thread), priority);
}

// Who stops the server means the server, and it ends this process then; one that is gone without a word takes it along.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => {
  process.exit(0);
});

interface Opened {
  readonly adapter: Promise<CalendarAdapter>;
  readonly known: KnownReadings;
}

const adapters = new Map<number, Opened>();
const running = new Map<number, AbortController>();

function answer(message: CalendarAnswer): void {
  process.send?.(message);
}

async function obey(order: CalendarOrder): Promise<void> {
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

process.on("message", (order: CalendarOrder) => {
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
