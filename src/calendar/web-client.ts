import { Agent, buildConnector, type Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import { failureOfError, webFailure, type WebFailure } from "./web-failure.ts";

/** How servers are reached. */
export interface WebClientSettings {
  readonly clock: Clock;
  /** Certificates of authorities in PEM that are trusted besides none other; left out: those of the system. */
  readonly ca?: string;
  /** ms for a whole request, from the first try to connect to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Bytes of the largest answer, unpacked. */
  readonly bytesMax: number;
  /** Connections to one server at a time. */
  readonly connections: number;
}

/** A request with everything that it carries; nothing is added but what HTTP itself needs. */
export interface WebRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Takes the parts of an answer of status 200 as they come; its body is then empty, and of any length. */
  readonly onPart?: (part: Buffer) => void;
}

/** An answer, whatever its status. */
export interface WebAnswer {
  readonly kind: "answer";
  readonly status: number;
  /** By name in lower case; several of a name joined by a comma (RFC 9110 §5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /** The bytes of its body, as they came. */
  readonly parts: readonly Buffer[];
}

/** The body of an answer, or its first `bytesMax` bytes, as latin1: one character a byte. */
export function bodyOf({ parts }: WebAnswer, bytesMax = Number.MAX_SAFE_INTEGER): string {
  const body = Buffer.concat(parts);
  return body.toString("latin1", 0, Math.min(body.length, bytesMax));
}

/** Requests over HTTP(S) with bounds on time and size. It follows no redirect: who sends credentials decides where to. */
export class WebClient {
  readonly #settings: WebClientSettings;
  readonly #agent: Agent;
  /** Certificate of each server that was met last, by host and port. */
  readonly #certificates = new Map<string, Buffer>();

  constructor(settings: WebClientSettings) {
    this.#settings = settings;
    const connect = buildConnector({ timeout: settings.timeoutMs, ...(settings.ca === undefined ? {} : { ca: settings.ca }) });
    this.#agent = new Agent({
      connections: settings.connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      headersTimeout: settings.timeoutMs,
      bodyTimeout: settings.timeoutMs,
      connect: (options, callback) => {
        connect(options, (...result) => {
          const [, socket] = result;
          // Without a connection there is no socket, whatever undici's types say.
          if (typeof socket === "object" && socket !== null && "getPeerCertificate" in socket) {
            const certificate = socket.getPeerCertificate();
            if (Buffer.isBuffer(certificate.raw)) this.#certificates.set(`${options.hostname}:${options.port || "443"}`, certificate.raw);
          }
          callback(...result);
        });
      },
    });
  }

  /** Sends one request. Never throws. */
  async request(request: WebRequest): Promise<WebAnswer | WebFailure> {
    const { clock, timeoutMs } = this.#settings;
    const ended = new AbortController();
    let isLate = false;
    const stop = (): void => {
      ended.abort();
    };
    const cancel = clock.after(timeoutMs, () => {
      isLate = true;
      stop();
    });
    request.signal?.addEventListener("abort", stop);
    if (request.signal?.aborted === true) stop();
    try {
      const response = await this.#agent.request({
        origin: request.url.origin,
        path: request.url.pathname + request.url.search,
        method: request.method,
        headers: { "accept-encoding": "identity", ...request.headers },
        signal: ended.signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return await this.#answer(response, request);
    } catch (error) {
      if (isLate) return webFailure("timeout", `${request.url.host} did not answer within ${String(Math.round(timeoutMs / 1000))} s`);
      if (request.signal?.aborted === true) return webFailure("timeout", `the request to ${request.url.host} was given up`);
      return failureOfError(error, request.url.host);
    } finally {
      cancel();
      request.signal?.removeEventListener("abort", stop);
    }
  }

  /** The certificate (DER) that a server showed last; undefined without TLS. */
  certificateOf(url: URL): Buffer | undefined {
    return this.#certificates.get(`${url.hostname}:${url.port || "443"}`);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #answer(response: Dispatcher.ResponseData, { url: { host }, onPart }: WebRequest): Promise<WebAnswer | WebFailure> {
    const { bytesMax } = this.#settings;
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of response.body) {
      if (!Buffer.isBuffer(part)) continue;
      if (onPart !== undefined && response.statusCode === 200) {
        onPart(part);
        continue;
      }
      size += part.length;
      // Leaving the loop ends the connection.
      if (size > bytesMax) return webFailure("too-large", `${host} answers with more than ${String(bytesMax >> 10)} KB`);
      parts.push(part);
    }
    const headers = new Map<string, string>();
    for (const [name, value] of Object.entries(response.headers)) if (value !== undefined) headers.set(name.toLowerCase(), typeof value === "string" ? value : value.join(", "));
    return { kind: "answer", status: response.statusCode, headers, parts };
  }
}
