import type { Clock } from "../base/clock.ts";
import { randomHex, systemRandom } from "../base/random.ts";
import { digestAuthorization, digestChallenge, type DigestChallenge } from "./http-digest.ts";
import { WebClient, type WebAnswer } from "./web-client.ts";
import { retryAfterMs, webFailure, type WebFailure } from "./web-failure.ts";

/** How a CalDAV server is reached. */
export interface CaldavAccess {
  /** The server's, a principal's, a home's or a calendar's address; `{mailbox}` and `{user}` (what stands before the @) stand for the person. */
  readonly url: string;
  /** Left out: nobody signs in. */
  readonly username?: string;
  readonly password?: string;
  readonly auth?: "basic" | "digest";
  /** Certificates of authorities in PEM. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

/** A request of WebDAV. */
export interface DavRequest {
  readonly method: "PROPFIND" | "REPORT";
  readonly url: URL;
  readonly depth: "0" | "1";
  /** XML, bytes as latin1. */
  readonly body: string;
  readonly signal: AbortSignal;
}

const ANSWER_BYTES_MAX = 16 << 20;
const CONNECTIONS = 8;
const REDIRECTS_MAX = 5;

type Scheme = { readonly kind: "basic" } | { readonly kind: "digest"; readonly challenge: DigestChallenge; count: number };

/** Requests of WebDAV, signed in with Basic or Digest. The password is for the host of the configured address alone: what leads elsewhere is not followed.
 *  Plain requests and not tsdav 2.3.4: that has no bound on answers, computes no Digest, sends the password ahead unasked, and without multiget asks each REPORT twice. */
export class CaldavClient {
  readonly #access: CaldavAccess;
  readonly #clock: Clock;
  readonly #client: WebClient;
  readonly #home: URL;
  readonly #random = systemRandom();
  #scheme: Scheme | null = null;

  constructor(access: CaldavAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
    this.#home = new URL(access.url.replace(/\{\w+\}|%7B\w+%7D/g, "x"));
    this.#client = new WebClient({ clock, timeoutMs: access.timeoutMs, bytesMax: ANSWER_BYTES_MAX, connections: CONNECTIONS, ...(access.ca === undefined ? {} : { ca: access.ca }) });
  }

  /** The answer when it is a good one (2xx); else why there is none. */
  async request(request: DavRequest): Promise<(WebAnswer & { readonly url: URL }) | WebFailure> {
    let { url } = request;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      if (!this.#isOurs(url)) return webFailure("connection", `${this.#home.host} sends us on to ${url.host}, where our password does not go; write the address there into "url"`);
      const answer = await this.#signedIn({ ...request, url });
      if (answer.kind === "failure") return answer;
      if (answer.status >= 200 && answer.status < 300) return { ...answer, url };
      const location = answer.headers.get("location");
      if (![301, 302, 307, 308].includes(answer.status) || location === undefined) return this.#refusal(answer, url);
      if (!URL.canParse(location, url.href)) break;
      url = new URL(location, url.href);
    }
    return webFailure("connection", `${this.#home.host} sends us round in circles`);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** The configured host and port, or the same name by TLS where it was configured without. */
  #isOurs(url: URL): boolean {
    if (url.origin === this.#home.origin) return true;
    return this.#home.protocol === "http:" && url.protocol === "https:" && url.hostname === this.#home.hostname;
  }

  async #signedIn(request: DavRequest): Promise<WebAnswer | WebFailure> {
    const { username, auth } = this.#access;
    if (username === undefined) return this.#send(request, undefined);
    if (auth === "basic") this.#scheme ??= { kind: "basic" };
    const known = this.#scheme;
    const answer = await this.#send(request, known === null ? undefined : this.#authorization(known, request));
    if (answer.kind === "failure") return answer;
    if (answer.status !== 401) {
      // Some servers show strangers something too; as ourselves we see more.
      if (known !== null || auth === "digest" || answer.status >= 500) return answer;
      this.#scheme = { kind: "basic" };
      return this.#send(request, this.#authorization(this.#scheme, request));
    }
    if (known?.kind === "basic") return answer;
    const header = answer.headers.get("www-authenticate") ?? "";
    const challenge = digestChallenge(header);
    // A nonce that has grown old is followed by another, once.
    if (challenge !== null) this.#scheme = { kind: "digest", challenge, count: 0 };
    else if (auth !== "digest" && /(?:^|,)\s*Basic(?:\s|,|$)/i.test(header)) this.#scheme = { kind: "basic" };
    else return webFailure("credentials", `${request.url.host} lets nobody sign in with ${auth === "digest" ? "Digest" : "Digest or Basic"}`);
    return this.#send(request, this.#authorization(this.#scheme, request));
  }

  #authorization(scheme: Scheme, { method, url }: DavRequest): string {
    const { username = "", password = "" } = this.#access;
    if (scheme.kind === "basic") return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
    scheme.count++;
    return digestAuthorization(scheme.challenge, { method, target: url.pathname + url.search, username, password, count: scheme.count, clientNonce: randomHex(this.#random, 16) });
  }

  #send({ method, url, depth, body, signal }: DavRequest, authorization: string | undefined): Promise<WebAnswer | WebFailure> {
    const headers = { depth, "content-type": "application/xml; charset=utf-8", accept: "application/xml, text/calendar", "user-agent": "Lamplight", ...(authorization === undefined ? {} : { authorization }) };
    return this.#client.request({ method, url, headers, body: Buffer.from(body, "latin1").toString("utf8"), signal });
  }

  #refusal({ status, headers }: WebAnswer, url: URL): WebFailure {
    const { host } = url;
    const waitMs = retryAfterMs(headers.get("retry-after"), this.#clock.now());
    if (status === 401) return webFailure("credentials", this.#access.username === undefined ? `${host} wants a user name and a password` : `${host} does not accept the user name or password`);
    if (status === 403) return webFailure("permission", `${host} does not let this account read the calendar`);
    if (status === 404 || status === 405 || status === 410) return webFailure("not-found", `${host} has no calendar there`);
    if (status === 429 || status === 503) return webFailure("throttled", `${host} is busy and asks us to wait`, waitMs);
    if (status === 507) return webFailure("too-large", `${host} says that the answer would be too large`);
    if (status === 400 || status === 415 || status === 422 || status === 501) return webFailure("unreadable", `${host} does not understand what it is asked (HTTP status ${String(status)})`);
    return webFailure("connection", `${host} answers with HTTP status ${String(status)}`);
  }
}
