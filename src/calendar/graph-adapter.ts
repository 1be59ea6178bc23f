import type { Clock } from "../base/clock.ts";
import type { AdapterSettings, CalendarAdapter, Reading, Span } from "./adapter.ts";
import { fieldsOf, parsedJson, readSchedules, scheduleRequest } from "./graph-schedule.ts";
import { GraphToken } from "./graph-token.ts";
import { WebClient, bodyOf, type WebAnswer } from "./web-client.ts";
import { retryAfterMs, webFailure, type WebFailure } from "./web-failure.ts";

/** How Exchange Online is reached. */
export interface GraphSettings {
  readonly clock: Clock;
  /** A tenant's id or one of its domains. */
  readonly tenant: string;
  readonly clientId: string;
  readonly secret: string;
  /** Left out: `https://login.microsoftonline.com`. */
  readonly loginUrl?: string;
  /** Left out: `https://graph.microsoft.com`. */
  readonly graphUrl?: string;
  /** Certificates of authorities in PEM: for a proxy on the way. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

/** Schedules of one request (Graph's own limit). */
const BATCH_SIZE = 20;
/** Requests at a time; Graph allows an app four for one mailbox, and all of ours are asked of one. */
const CONNECTIONS = 4;
const ANSWER_BYTES_MAX = 8 << 20;
/** Mailboxes of a batch that are tried as the one in whose name is asked. */
const ASKERS_MAX = 3;
/** How long is waited when Graph says only that it is busy. */
const BUSY_MS = 10_000;

/** The adapter of a calendar of kind `graph`. */
export function graphAdapter({ calendar, clock }: AdapterSettings): CalendarAdapter {
  const { url, loginUrl, tenant, clientId, secret, ca, timeoutMs } = calendar;
  const addresses = { ...(url === "" ? {} : { graphUrl: url }), ...(loginUrl === "" ? {} : { loginUrl }) };
  return new GraphAdapter({ clock, tenant: tenant ?? "", clientId: clientId ?? "", secret: secret ?? "", timeoutMs, ...addresses, ...(ca === null ? {} : { ca }) });
}

/** Exchange Online through Microsoft Graph (getSchedule), as an app with the permission Calendars.Read. Never met a real tenant in our tests: a stand-in that speaks the documented protocol. */
export class GraphAdapter implements CalendarAdapter {
  readonly batchSize = BATCH_SIZE;
  readonly #clock: Clock;
  readonly #base: URL;
  readonly #client: WebClient;
  readonly #token: GraphToken;
  /** A mailbox in whose name asking worked: getSchedule is asked of one, about others. */
  #asker: string | null = null;
  /** Nothing is sent before, because Graph said so. */
  #waitUntil = 0;

  constructor(settings: GraphSettings) {
    const { clock, tenant, clientId, secret, ca, timeoutMs, loginUrl = "https://login.microsoftonline.com", graphUrl = "https://graph.microsoft.com" } = settings;
    this.#clock = clock;
    this.#base = new URL(graphUrl);
    this.#client = new WebClient({ clock, timeoutMs, bytesMax: ANSWER_BYTES_MAX, connections: CONNECTIONS, ...(ca === undefined ? {} : { ca }) });
    this.#token = new GraphToken({ tenant, clientId, secret, loginUrl, scope: `${this.#base.origin}/.default` }, this.#client, clock);
  }

  async read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const result = await this.#read(mailboxes, span, signal);
    return "get" in result ? result : new Map(mailboxes.map((mailbox) => [mailbox, result]));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #read(mailboxes: readonly string[], span: Span, signal: AbortSignal): Promise<ReadonlyMap<string, Reading> | WebFailure> {
    if (mailboxes.length === 0) return new Map();
    const body = scheduleRequest(mailboxes, span);
    const askers = [...new Set([...(this.#asker === null ? [] : [this.#asker]), ...mailboxes])].slice(0, ASKERS_MAX);
    let last: WebFailure = webFailure("not-found", "Microsoft Graph knows no such mailbox");
    for (const asker of askers) {
      const answer = await this.#post(asker, body, signal);
      if (answer.kind === "answer") {
        this.#asker = asker;
        return readSchedules(bodyOf(answer), mailboxes, span);
      }
      last = answer;
      // Only this one mailbox may be gone, or out of the app's reach.
      if (answer.failure !== "not-found" && answer.failure !== "permission") break;
      if (this.#asker === asker) this.#asker = null;
    }
    return last;
  }

  async #post(asker: string, body: string, signal: AbortSignal): Promise<WebAnswer | WebFailure> {
    const url = new URL(`/v1.0/users/${encodeURIComponent(asker)}/calendar/getSchedule`, this.#base);
    for (let isSecond = false; ; isSecond = true) {
      const waitMs = this.#waitUntil - this.#clock.now();
      if (waitMs > 0) return webFailure("throttled", "Microsoft Graph is busy and asks us to wait", waitMs);
      const token = await this.#token.get();
      if (typeof token !== "string") return token;
      const answer = await this.#client.request({
        method: "POST",
        url,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json", prefer: 'outlook.timezone="UTC"' },
        body,
        signal,
      });
      if (answer.kind === "failure") return answer;
      if (answer.status !== 401 || isSecond) return this.#judged(answer);
      // A token may end before its time, as when the app's permissions were changed.
      this.#token.refuse(token);
    }
  }

  #judged(answer: WebAnswer): WebAnswer | WebFailure {
    const { status, headers } = answer;
    const { host } = this.#base;
    if (status === 200) return answer;
    if (status === 429 || status === 503 || status === 504) {
      const waitMs = retryAfterMs(headers.get("retry-after"), this.#clock.now()) ?? BUSY_MS;
      this.#waitUntil = Math.max(this.#waitUntil, this.#clock.now() + waitMs);
      return webFailure("throttled", "Microsoft Graph is busy and asks us to wait", waitMs);
    }
    const error = fieldsOf(fieldsOf(parsedJson(bodyOf(answer)))?.["error"]);
    const written = error?.["code"];
    const code = typeof written === "string" && /^[A-Za-z0-9_.]{1,80}$/.test(written) ? ` (${written})` : "";
    if (status === 401) return webFailure("credentials", `Microsoft Graph does not accept the app's token${code}`);
    if (status === 403) return webFailure("permission", `the app may not read this calendar${code}: it needs the application permission Calendars.Read with an administrator's consent, and no access policy against it`);
    if (status === 404) return webFailure("not-found", `Microsoft Graph knows no such mailbox${code}`);
    if (status >= 300 && status < 400) return webFailure("connection", `${host} sends us elsewhere; that is not followed`);
    return webFailure(status >= 500 ? "connection" : "unreadable", `${host} answers with HTTP status ${String(status)}${code}`);
  }
}
