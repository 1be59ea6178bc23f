import type { IXHRApi, IXHROptions, IXHRProgress, StreamingSubscription } from "ews-javascript-api";
import type { Clock } from "../base/clock.ts";
import { UnavailableError } from "../base/errors.ts";
import { bytesOf, escapeXml, unicodeOf } from "../documents/xml-text.ts";
import type { Random } from "../base/random.ts";
import { failureOfCode } from "./ews-answer.ts";
import { EwsTransport, type EwsAccess, type EwsScheme } from "./ews-transport.ts";
import { bodyOf } from "./web-client.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";

/** What is heard of a stream of notifications. */
export type StreamWord =
  /** Exchange said something, be it only that it is there. */
  | { readonly kind: "alive" }
  /** The stream is open, for all that were not refused. */
  | { readonly kind: "watching" }
  /** Something in that mailbox's calendar is not what it was. */
  | { readonly kind: "changed"; readonly mailbox: string }
  /** That mailbox cannot be watched; the others can. */
  | { readonly kind: "refused"; readonly failure: WebFailure };

/** What a stream is made of. */
export interface StreamSettings {
  readonly access: EwsAccess;
  readonly mailboxes: readonly string[];
  /** How long Exchange keeps the connection, minutes, 1 to 30. */
  readonly minutes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly hear: (word: StreamWord) => void;
  readonly signal: AbortSignal;
}

/** Text without the end of an answer that Exchange may send at a stretch. */
const UNENDED_MAX = 1 << 20;
/** So many mailboxes that are refused before the first is taken say that none will be. */
const REFUSED_MAX = 10;
/** Time for the stream to end by itself after its minutes. */
const MARGIN_MS = 60_000;
/** Failures that are one mailbox's own, and those that never are. */
const OF_ONE: ReadonlySet<string> = new Set(["permission", "not-found", "too-large"]);
const OF_ACCOUNT: ReadonlySet<string> = new Set(["throttled", "credentials"]);

/** One streaming connection (MS-OXWSNTIF): subscribes to the calendar folder of each mailbox, as its owner, and tells of changes until the connection ends, for whatever reason: null when its time was
 *  over. Never rejects. Made anew for every connection. It asks for ids and times of events only, and hands on no more than whose calendar it is.
 *
 *  The questions and answers are made and read by ews-javascript-api 0.15.3; it runs in a thread of its own, since it throws where nobody can catch it and writes to the console. What it cannot do is done
 *  around it: addresses are escaped before it writes them as they are; it is handed one whole answer at a time, because of several at once it reads the first alone; and it never sees a password. Its own
 *  connections (@ewsjs/xhr) are not used: they reject where nobody listens, drop a private CA under NTLM and know no channel binding. Ours have all of it. */
export async function ewsStream(settings: StreamSettings): Promise<WebFailure | null> {
  const { access, clock, random, minutes, signal } = settings;
  const scheme: EwsScheme = { found: null };
  const bytes = (count: number): Uint8Array => random.bytes(count);
  const asking = new EwsTransport(access, scheme, clock, bytes);
  const streaming = new EwsTransport({ ...access, timeoutMs: minutes * 60_000 + MARGIN_MS }, scheme, clock, bytes);
  try {
    return await new Promise<WebFailure | null>((resolve) => {
      signal.addEventListener("abort", () => {
        resolve(null);
      });
      watched(settings, asking, streaming, resolve).catch((error: unknown) => {
        resolve(failureOfThrown(error));
      });
    });
  } finally {
    await Promise.allSettled([asking.close(), streaming.close()]);
  }
}

async function watched({ access, mailboxes, minutes, hear, signal }: StreamSettings, asking: EwsTransport, streaming: EwsTransport, end: (failure: WebFailure | null) => void): Promise<void> {
  const ews = await import("ews-javascript-api").catch(() => null);
  if (ews === null) {
    end(webFailure("unreadable", "ews-javascript-api, which hints need, cannot be loaded"));
    return;
  }
  const carrier = new Carrier(asking, streaming, signal, hear, end);
  const service = new ews.ExchangeService(ews.ExchangeVersion.Exchange2010_SP2);
  service.Url = new ews.Uri(access.url);
  // It wants some; they are sent nowhere.
  service.Credentials = new ews.WebCredentials("nobody", "none");
  service.XHRApi = carrier;
  const owners = new Map<string, string>();
  const subscriptions: StreamingSubscription[] = [];
  let refused = 0;
  for (const mailbox of mailboxes) {
    if (signal.aborted) return;
    carrier.anchor ??= mailbox;
    service.ImpersonatedUserId = new ews.ImpersonatedUserId(ews.ConnectingIdType.SmtpAddress, escapeXml(mailbox));
    const { EventType } = ews;
    try {
      const subscription = await service.SubscribeToStreamingNotifications([new ews.FolderId(ews.WellKnownFolderName.Calendar)], EventType.Created, EventType.Modified, EventType.Deleted, EventType.Moved, EventType.Copied);
      owners.set(subscription.Id, mailbox);
      subscriptions.push(subscription);
      hear({ kind: "alive" });
    } catch (error) {
      const failure = carrier.failure ?? failureOfThrown(error, ews.ServiceError);
      // What Exchange answers is mostly about this mailbox; what keeps it from answering is not.
      const isOfOne = OF_ONE.has(failure.failure) || (carrier.failure === null && !OF_ACCOUNT.has(failure.failure));
      if (!isOfOne || (++refused >= REFUSED_MAX && subscriptions.length === 0)) {
        end(failure);
        return;
      }
      if (subscriptions.length === 0) carrier.anchor = null;
      hear({ kind: "refused", failure });
    }
  }
  const [first] = subscriptions;
  if (first === undefined) {
    end(webFailure("permission", "Exchange lets none of the mailboxes be watched"));
    return;
  }
  service.ImpersonatedUserId = new ews.ImpersonatedUserId(ews.ConnectingIdType.SmtpAddress, escapeXml(owners.get(first.Id) ?? ""));
  const connection = new ews.StreamingSubscriptionConnection(service, subscriptions, minutes);
  connection.OnNotificationEvent.push((_, { Subscription: { Id } }) => {
    const mailbox = owners.get(Id);
    if (mailbox !== undefined) hear({ kind: "changed", mailbox });
  });
  connection.OnSubscriptionError.push((_, { Exception: error }) => {
    carrier.end(failureOfThrown(error, ews.ServiceError));
  });
  // It resolves never, whatever happens: the carrier knows of the end.
  await connection.Open();
}

/** Carries what ews-javascript-api writes, and what it is to read: signed in, bounded, and one answer at a time. */
class Carrier implements IXHRApi {
  readonly apiName = "lamplight";
  /** Whose server the requests are for. */
  anchor: string | null = null;
  /** Why the last request came to nothing. */
  failure: WebFailure | null = null;
  readonly #asking: EwsTransport;
  readonly #streaming: EwsTransport;
  readonly #signal: AbortSignal;
  readonly #hear: (word: StreamWord) => void;
  /** Ends the stream: null when its time was over. */
  readonly end: (failure: WebFailure | null) => void;
  /** What keeps all requests on the server that has the subscriptions. */
  #cookie = "";
  #isEnded = false;

  constructor(asking: EwsTransport, streaming: EwsTransport, signal: AbortSignal, hear: (word: StreamWord) => void, end: (failure: WebFailure | null) => void) {
    this.#asking = asking;
    this.#streaming = streaming;
    this.#signal = signal;
    this.#hear = hear;
    this.end = (failure) => {
      this.#isEnded = true;
      end(failure);
    };
  }

  async xhr({ data }: IXHROptions): Promise<Carried> {
    this.failure = null;
    const answer = await this.#asking.post(bytesOf(String(data)), this.#signal, this.#headers());
    if (answer.kind === "failure" || answer.status !== 200) {
      const failure = answer.kind === "failure" ? answer : failureOfFault(bodyOf(answer));
      this.failure = failure;
      throw new UnavailableError(failure.text);
    }
    this.#cookie = /(?:^|[,;\s])(X-BackEndOverrideCookie=[^;,\s]{1,1024})/i.exec(answer.headers.get("set-cookie") ?? "")?.[1] ?? this.#cookie;
    return carried(unicodeOf(bodyOf(answer)));
  }

  async xhrStream({ data }: IXHROptions, progress: (progress: IXHRProgress) => void): Promise<Carried> {
    let text = "";
    let isAny = false;
    const answer = await this.#streaming.post(bytesOf(String(data)), this.#signal, this.#headers(), (part) => {
      text += part.toString("latin1");
      for (let end = END.exec(text); end !== null; end = END.exec(text)) {
        const whole = text.slice(0, end.index + end[0].length);
        text = text.slice(whole.length);
        this.#hear({ kind: "alive" });
        progress({ type: "data", data: unicodeOf(whole).replace(/<(\/?)[\w.-]+:Envelope(?=[\s>])/g, "<$1Envelope") });
        if (!isAny && !this.#isEnded) this.#hear({ kind: "watching" });
        isAny = true;
      }
      if (text.length > UNENDED_MAX) this.end(webFailure("too-large", "Exchange sends a notification without an end"));
    });
    if (answer.kind === "failure") this.end(answer);
    else if (answer.status !== 200) this.end(failureOfFault(bodyOf(answer)));
    else this.end(isAny ? null : webFailure("unreadable", "Exchange's stream of notifications is none"));
    return carried("");
  }

  /** The library is done with the connection: it could not read what came. */
  disconnect(): void {
    this.end(webFailure("unreadable", "Exchange's notifications are not to be understood"));
  }

  #headers(): Readonly<Record<string, string>> {
    return { "x-preferserveraffinity": "true", ...(this.anchor === null ? {} : { "x-anchormailbox": this.anchor }), ...(this.#cookie === "" ? {} : { cookie: this.#cookie }) };
  }
}

const END = /<\/(?:[\w.-]+:)?Envelope\s*>/;

/** An answer in the shape that the library reads: of XMLHttpRequest's it needs no more. */
interface Carried {
  readonly status: number;
  readonly responseText: string;
  getAllResponseHeaders(): string;
  getResponseHeader(): null;
}

function carried(responseText: string): Carried {
  return { status: 200, responseText, getAllResponseHeaders: () => "", getResponseHeader: () => null };
}

function failureOfFault(body: string): WebFailure {
  return failureOfCode(/<(?:[\w.-]+:)?ResponseCode[^>]{0,200}>([A-Za-z0-9]{1,80})</.exec(body)?.[1] ?? "");
}

/** What the library threw; of its words only a code of Exchange's is looked at. */
function failureOfThrown(error: unknown, codes: Readonly<Record<number, string>> = {}): WebFailure {
  const code = typeof error === "object" && error !== null && "ErrorCode" in error && typeof error.ErrorCode === "number" ? codes[error.ErrorCode] : undefined;
  return code === undefined ? webFailure("unreadable", "Exchange's answer to a subscription is not to be understood") : failureOfCode(code);
}
