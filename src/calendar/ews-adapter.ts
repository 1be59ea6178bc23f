import { fileURLToPath } from "node:url";
import type { Clock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import type { AdapterSettings, CalendarAdapter, Reading, Span } from "./adapter.ts";
import { readAvailability } from "./ews-answer.ts";
import { availabilityRequest } from "./ews-request.ts";
import { EwsHints, HINT_TIMES, type HintTimes } from "./ews-hints.ts";
import { EwsTransport, type EwsAccess, type EwsScheme } from "./ews-transport.ts";
import { bodyOf } from "./web-client.ts";
import { webFailure } from "./web-failure.ts";

/** Mailboxes that Exchange answers for in one request (its own limit). */
const BATCH_SIZE = 100;
/** Requests at a time, a connection each: as many as a poller makes, so that none waits for another. Exchange's default policy allows 27 and more. */
const CONNECTIONS = 8;

/** The thread of notifications, as `npm run build` puts it beside the program that this runs in. */
const HINTS_WORKER = fileURLToPath(new URL("./ews-hints-worker.js", import.meta.url));

/** The adapter of a calendar of kind `ews`. */
export function ewsAdapter({ calendar, clock }: AdapterSettings): CalendarAdapter {
  const { url, username, password, authentication, ca, timeoutMs } = calendar;
  const isChosen = authentication === "basic" || authentication === "ntlm";
  const access = { url, username: username ?? "", password: password ?? "", timeoutMs, ...(isChosen ? { auth: authentication } : {}), ...(ca === null ? {} : { ca }) };
  const adapter = new EwsAdapter(access, clock);
  return calendar.hints === true ? withHints(adapter, access, clock, HINTS_WORKER, HINT_TIMES) : adapter;
}

/** The same adapter, which also listens to Exchange's notifications once it is watched (`ews-hints.ts`). `workerPath`: the program of the thread that does. */
export function withHints(adapter: CalendarAdapter, access: EwsAccess, clock: Clock, workerPath: string, times: HintTimes): CalendarAdapter {
  let hints: EwsHints | null = null;
  return {
    batchSize: adapter.batchSize,
    read: (mailboxes, span, signal) => adapter.read(mailboxes, span, signal),
    watch(onChange, mailboxes, onState) {
      hints ??= new EwsHints(mailboxes, { access, clock, random: systemRandom(), workerPath, times, onChange, onState });
    },
    async close() {
      await Promise.all([hints?.close(), adapter.close()]);
    },
  };
}

/** Exchange on premises, asked by GetUserAvailability for up to a hundred mailboxes a request. It runs in the calendars' process: an answer for a hundred mailboxes takes tens of
 *  milliseconds to read, which no call should wait for. Never met a real Exchange in our tests: a stand-in that answers as the published schema and MS-NLMP have it.
 *  ews-javascript-api is not used for it, but for hints of changes alone (`ews-hints.ts`): see `ews-request.ts` and `ews-transport.ts` for why; besides, one event without a readable time makes its reading throw for all of a batch,
 *  an answer for fewer mailboxes than were asked for is taken as it is, and loading it costs 0.7 s and 50 MB, which who wants no hints does not pay. */
export class EwsAdapter implements CalendarAdapter {
  readonly batchSize = BATCH_SIZE;
  readonly #all: readonly EwsTransport[];
  readonly #free: EwsTransport[];
  readonly #waiting: ((transport: EwsTransport) => void)[] = [];

  constructor(access: EwsAccess, clock: Clock) {
    const scheme: EwsScheme = { found: null };
    const random = systemRandom();
    this.#all = Array.from({ length: CONNECTIONS }, () => new EwsTransport(access, scheme, clock, (count) => random.bytes(count)));
    this.#free = [...this.#all];
  }

  async read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const transport = this.#free.pop() ?? (await new Promise<EwsTransport>((resolve) => this.#waiting.push(resolve)));
    try {
      const answer = signal.aborted ? webFailure("timeout", "the reading was given up") : await transport.post(availabilityRequest(mailboxes, span), signal);
      const read = answer.kind === "failure" ? answer : readAvailability(bodyOf(answer), mailboxes, span);
      return "get" in read ? read : new Map(mailboxes.map((mailbox) => [mailbox, read]));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(transport);
      else next(transport);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((transport) => transport.close()));
  }
}
