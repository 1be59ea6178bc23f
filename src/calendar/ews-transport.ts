import type { Clock } from "../base/clock.ts";
import { ParseError } from "../base/errors.ts";
import { unicodeOf } from "../documents/xml-text.ts";
import { ntlmAccount, ntlmAuthenticate, ntlmNegotiate, parseNtlmChallenge } from "./ntlm-message.ts";
import { WebClient, bodyOf, type WebAnswer } from "./web-client.ts";
import { retryAfterMs, webFailure, type WebFailure } from "./web-failure.ts";

/** How an Exchange server is reached. */
export interface EwsAccess {
  /** `https://mail.example.test/EWS/Exchange.asmx`. */
  readonly url: string;
  /** `CORP\svc` or `svc@example.test`. */
  readonly username: string;
  readonly password: string;
  /** Left out: what the server offers, NTLM before Basic. */
  readonly auth?: "basic" | "ntlm";
  /** Certificates of authorities in PEM. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

/** The largest answer: a hundred mailboxes with full days are about 1 MB. */
const ANSWER_BYTES_MAX = 16 << 20;

/** Where the way to sign in is remembered, once a server has said it. */
export interface EwsScheme {
  found: { readonly kind: "basic" } | { readonly kind: "ntlm"; readonly word: "NTLM" | "Negotiate" } | null;
}

/** One connection to Exchange: a request at a time, signed in with Basic or NTLM. NTLM proves a connection and not a request, hence one each.
 *  The password goes to the host of `url` alone: no redirect is followed. NTLM is our own: that of @ewsjs/xhr 3.1.3 drops a private CA, has no bound on answers and no channel binding,
 *  without which Exchange 2019 CU14 and later refuse it (Extended Protection). */
export class EwsTransport {
  readonly #access: EwsAccess;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #random: (count: number) => Uint8Array;
  readonly #scheme: EwsScheme;
  readonly #client: WebClient;

  constructor(access: EwsAccess, scheme: EwsScheme, clock: Clock, random: (count: number) => Uint8Array) {
    this.#access = access;
    this.#url = new URL(access.url);
    this.#clock = clock;
    this.#random = random;
    this.#scheme = scheme;
    this.#client = new WebClient({ clock, timeoutMs: access.timeoutMs, bytesMax: ANSWER_BYTES_MAX, connections: 1, ...(access.ca === undefined ? {} : { ca: access.ca }) });
  }

  /** Sends a SOAP request (bytes as latin1); the answer is one with a SOAP envelope in it, be it a fault. `onPart` takes the parts of an
   *  answer of status 200 as they come, for answers that go on for as long as the transport's timeout lets them. Never throws. */
  async post(soap: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}, onPart?: (part: Buffer) => void): Promise<WebAnswer | WebFailure> {
    const scheme = this.#scheme.found ?? (await this.#findScheme(signal));
    if (scheme.kind === "failure") return scheme;
    let answer: WebAnswer | WebFailure;
    if (scheme.kind === "basic") answer = await this.#send(soap, `Basic ${Buffer.from(`${this.#access.username}:${this.#access.password}`, "utf8").toString("base64")}`, signal, headers, onPart);
    else {
      answer = await this.#withNtlm(soap, scheme.word, signal, headers, onPart);
      // The connection may have been closed between challenge and answer: what is 401 twice is no accident.
      if (answer.kind === "answer" && answer.status === 401 && answer.headers.get("connection")?.toLowerCase() === "close") answer = await this.#withNtlm(soap, scheme.word, signal, headers, onPart);
    }
    // Of what was handed on part by part there is nothing left to judge.
    return answer.kind === "failure" || (onPart !== undefined && answer.status === 200) ? answer : this.#judged(answer, scheme.kind);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #findScheme(signal: AbortSignal): Promise<NonNullable<EwsScheme["found"]> | WebFailure> {
    if (this.#access.auth === "basic") return (this.#scheme.found = { kind: "basic" });
    if (this.#access.auth === "ntlm") return (this.#scheme.found = { kind: "ntlm", word: "NTLM" });
    const answer = await this.#send("", undefined, signal, {});
    if (answer.kind === "failure") return answer;
    if (answer.status !== 401) {
      const judged = this.#judged(answer, "basic");
      return judged.kind === "failure" ? judged : webFailure("unreadable", `${this.#url.host} asks for no password: this is no Exchange web service`);
    }
    const offered = answer.headers.get("www-authenticate") ?? "";
    const offers = (word: string): boolean => new RegExp(`(?:^|,)\\s*${word}(?:\\s|,|$)`, "i").test(offered);
    if (offers("NTLM")) return (this.#scheme.found = { kind: "ntlm", word: "NTLM" });
    if (offers("Negotiate")) return (this.#scheme.found = { kind: "ntlm", word: "Negotiate" });
    if (offers("Basic")) return (this.#scheme.found = { kind: "basic" });
    return webFailure("credentials", `${this.#url.host} lets nobody sign in with NTLM or Basic; switch one of them on for the EWS directory`);
  }

  async #withNtlm(soap: string, word: string, signal: AbortSignal, headers: Readonly<Record<string, string>>, onPart: ((part: Buffer) => void) | undefined): Promise<WebAnswer | WebFailure> {
    const offer = await this.#send("", `${word} ${ntlmNegotiate().toString("base64")}`, signal, headers);
    if (offer.kind === "failure" || offer.status !== 401) return offer;
    const token = new RegExp(`(?:^|,)\\s*${word}\\s+([A-Za-z0-9+/=]{1,8192})`, "i").exec(offer.headers.get("www-authenticate") ?? "")?.[1];
    if (token === undefined) return offer;
    const certificate = this.#client.certificateOf(this.#url);
    let answer: Buffer;
    try {
      answer = ntlmAuthenticate(ntlmAccount(this.#access.username, this.#access.password), parseNtlmChallenge(Buffer.from(token, "base64")), {
        clientChallenge: Buffer.from(this.#random(8)),
        now: this.#clock.now(),
        host: this.#url.hostname,
        ...(certificate === undefined ? {} : { certificate }),
      });
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      return webFailure("credentials", `${this.#url.host} offers an NTLM that is too old or broken; NTLMv2 is needed`);
    }
    return this.#send(soap, `${word} ${answer.toString("base64")}`, signal, headers, onPart);
  }

  #send(soap: string, authorization: string | undefined, signal: AbortSignal, headers: Readonly<Record<string, string>>, onPart?: (part: Buffer) => void): Promise<WebAnswer | WebFailure> {
    return this.#client.request({
      method: "POST",
      url: this.#url,
      headers: { "content-type": "text/xml; charset=utf-8", accept: "text/xml", "user-agent": "Lamplight", ...headers, ...(authorization === undefined ? {} : { authorization }) },
      body: unicodeOf(soap),
      signal,
      ...(onPart === undefined ? {} : { onPart }),
    });
  }

  #judged(answer: WebAnswer, scheme: "basic" | "ntlm"): WebAnswer | WebFailure {
    const { status, headers } = answer;
    const { host } = this.#url;
    if (status === 401) {
      const why = scheme === "ntlm" ? "; or something on the way opens the TLS connection, which Extended Protection forbids" : "";
      // What it offers may have been changed by an administrator.
      if (this.#access.auth === undefined) this.#scheme.found = null;
      return webFailure("credentials", `${host} does not accept the user name or password of the service account${why}`);
    }
    if (status >= 300 && status < 400) return webFailure("connection", `${host} sends us elsewhere${placeOf(headers.get("location"), this.#url)}; write the address of the EWS service itself`);
    if (status === 403) return webFailure("permission", `${host} does not let the service account use EWS`);
    if (status === 404 || status === 405) return webFailure("not-found", `${host} has no EWS service at ${this.#url.pathname}`);
    // Exchange sends SOAP faults with 500, and those that say "wait" with 500 or 503.
    if (/<(?:[\w-]+:)?Envelope[\s>]/.test(bodyOf(answer, 4096))) return answer;
    if (status === 429 || status === 503) return webFailure("throttled", `${host} is busy and asks us to wait`, retryAfterMs(headers.get("retry-after"), this.#clock.now()));
    if (status !== 200) return webFailure("connection", `${host} answers with HTTP status ${String(status)}`);
    return webFailure("unreadable", `what answers at ${host} is no Exchange web service`);
  }
}

/** ` to mail.example.test`, when that is another place: never more of a URL than its host. */
function placeOf(location: string | undefined, base: URL): string {
  const url = location === undefined || !URL.canParse(location, base.href) ? null : new URL(location, base.href);
  return url === null || url.host === base.host ? "" : ` to ${url.host}`;
}
