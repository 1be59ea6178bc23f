import type { Clock } from "../base/clock.ts";
import { fieldsOf, parsedJson } from "./graph-schedule.ts";
import { bodyOf, type WebClient } from "./web-client.ts";
import { retryAfterMs, webFailure, type WebFailure } from "./web-failure.ts";

/** An app of Microsoft Entra ID that may read calendars. */
export interface GraphApp {
  /** A tenant's id or one of its domains. */
  readonly tenant: string;
  readonly clientId: string;
  readonly secret: string;
  /** `https://login.microsoftonline.com`; another for national clouds and tests. */
  readonly loginUrl: string;
  /** What the token is for: `https://graph.microsoft.com/.default`. */
  readonly scope: string;
}

/** A token is renewed so long before it ends, or at half its life. */
const EARLY_MS = 300_000;

/** The access token of an app (OAuth 2.0 client credentials, RFC 6749 §4.4): asked for once for all who wait, and again before it ends. */
export class GraphToken {
  readonly #app: GraphApp;
  readonly #client: WebClient;
  readonly #clock: Clock;
  #token: { readonly value: string; readonly renewAt: number } | null = null;
  #asking: Promise<string | WebFailure> | null = null;

  constructor(app: GraphApp, client: WebClient, clock: Clock) {
    this.#app = app;
    this.#client = client;
    this.#clock = clock;
  }

  /** A token that is good for a while, or why there is none. Never throws. */
  get(): Promise<string | WebFailure> {
    if (this.#token !== null && this.#clock.now() < this.#token.renewAt) return Promise.resolve(this.#token.value);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Forgets a token that was refused. */
  refuse(value: string): void {
    if (this.#token?.value === value) this.#token = null;
  }

  async #ask(): Promise<string | WebFailure> {
    const { tenant, clientId, secret, loginUrl, scope } = this.#app;
    const url = new URL(`${loginUrl.replace(/\/$/, "")}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`);
    const body = new URLSearchParams({ client_id: clientId, client_secret: secret, scope, grant_type: "client_credentials" }).toString();
    const answer = await this.#client.request({ method: "POST", url, headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" }, body });
    if (answer.kind === "failure") return answer;
    const fields = fieldsOf(parsedJson(bodyOf(answer)));
    if (answer.status === 200) {
      const value = fields?.["access_token"];
      const seconds = Number(fields?.["expires_in"]);
      if (typeof value !== "string" || !/^[\x21-\x7e]{1,20000}$/.test(value)) return webFailure("unreadable", `${url.host} answers without a token`);
      const lifeMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 86_400) * 1000 : 600_000;
      this.#token = { value, renewAt: this.#clock.now() + Math.max(lifeMs / 2, lifeMs - EARLY_MS) };
      return value;
    }
    if (answer.status === 429 || answer.status >= 500) return webFailure("throttled", `${url.host} is busy and asks us to wait`, retryAfterMs(answer.headers.get("retry-after"), this.#clock.now()));
    if (answer.status >= 300 && answer.status < 400) return webFailure("connection", `${url.host} sends us elsewhere; that is not followed`);
    if (fields === null) return webFailure("connection", `${url.host} answers with HTTP status ${String(answer.status)} where tokens are got`);
    return webFailure("credentials", refusal(fields, url.host));
  }
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [7000215, "the client secret is wrong (write its value, not its id)"],
  [7000222, "the client secret has expired"],
  [700016, "the tenant knows no app with this client id"],
  [90002, "there is no such tenant"],
  [900023, "the tenant is neither a known id nor a domain"],
  [53003, "a Conditional Access policy forbids the app to sign in"],
]);

/** Entra's own words are not repeated: they carry ids and traces. */
function refusal(fields: ReturnType<typeof fieldsOf>, host: string): string {
  const codes: unknown = fields?.["error_codes"];
  const code: unknown = Array.isArray(codes) ? codes[0] : undefined;
  const number = typeof code === "number" && Number.isSafeInteger(code) ? code : 0;
  return REASONS.get(number) ?? `${host} does not let the app sign in${number === 0 ? "" : ` (AADSTS${String(number)})`}`;
}
