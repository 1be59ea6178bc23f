import { createReadStream, existsSync, statSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { sep } from "node:path";
import { Readable } from "node:stream";
import cookie from "@fastify/cookie";
import files from "@fastify/static";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Clock } from "../base/clock.ts";
import { UnavailableError, unreachable } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { EventSink, EventStreams } from "./event-streams.ts";
import { sessionCookie, type Denial, type Entry, type Gatekeeper } from "./gatekeeper.ts";
import { listText } from "./list-text.ts";
import type { Access, AdminReply, AdminRoute } from "./route.ts";
import { sessionLifeMs } from "./session-tickets.ts";

/** Bytes of a request's body; more is answered 413. */
export const bodyBytesMax = 64 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 1000;
/** How long a request may take to arrive whole, and an idle connection may stay. */
const REQUEST_MS_MAX = 15_000;
/** How long a connection may stay silent in both directions; an event stream has its comments. */
const SILENCE_MS_MAX = 90_000;
const PARAM_LENGTH_MAX = 512;

/** What `/healthz` says. */
export type Health = "starting" | "serving" | "stopping";

/** The HTTP server: pages, API, events, health, metrics. It knows no feature. */
export interface AdminServer {
  /** Listens; rejects with UnavailableError when the address is taken. Health is `serving` from then on, once `isReady`. */
  start(): Promise<void>;
  /** From now on health is 503; everything else is still answered. */
  stopping(): void;
  /** Ends all connections. */
  stop(): Promise<void>;
  /** `http://127.0.0.1:8080`, with the port that was really bound; before the start the one that was asked for. */
  readonly url: string;
  readonly port: number;
  /** For tests: asks without a socket. */
  readonly inject: FastifyInstance["inject"];
}

/** What an admin server is built from. */
export interface AdminServerDeps {
  readonly listen: { readonly address: string; readonly port: number };
  readonly gatekeeper: Gatekeeper;
  readonly routes: readonly AdminRoute[];
  readonly streams: EventStreams;
  /** False while what stands behind the calls has not started yet: health is `starting` until then. Default: at once. */
  readonly isReady?: () => boolean;
  /** The folder of the pages. */
  readonly pages: string;
  readonly clock: Clock;
  readonly log: Log;
}

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
}

const COOKIE = { path: "/", httpOnly: true, sameSite: "strict", maxAge: sessionLifeMs / 1000 } as const;

const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Builds the server; nothing listens before `start`. */
export async function adminServer(deps: AdminServerDeps): Promise<AdminServer> {
  const { listen, streams } = deps;
  const http = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: SILENCE_MS_MAX,
    keepAliveTimeout: REQUEST_MS_MAX,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: REQUEST_MS_MAX },
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      refuse(reply, 400, "bad_request", "this URL cannot be read");
    },
    clientErrorHandler: (_error, socket) => {
      const body = JSON.stringify({ error: "bad_request", message: "this is not HTTP, or its headers are too large or came too slowly" });
      if (socket.writable) socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`);
      else socket.destroy();
    },
  });
  http.server.maxConnections = CONNECTIONS_MAX;
  http.removeContentTypeParser("text/plain");
  http.addContentTypeParser("application/octet-stream", (_request, payload, done) => {
    done(null, payload);
  });
  const entries = new WeakMap<FastifyRequest, Entry>();
  let health: Health = "starting";
  let url = urlOf(listen.address, listen.port);

  await http.register(cookie);
  http.addHook("onRequest", (request, reply, next) => {
    reply.headers(PAGE_HEADERS);
    const found = deps.gatekeeper.check(visitOf(request));
    if ("status" in found) {
      deny(reply, found);
      return;
    }
    entries.set(request, found);
    const session = request.cookies[sessionCookie];
    const renewed = session === undefined || request.method !== "GET" || found.viewer === null ? null : deps.gatekeeper.renewed(session);
    if (renewed !== null) void reply.setCookie(sessionCookie, renewed.id, COOKIE);
    next();
  });
  http.setNotFoundHandler((_request, reply) => {
    refuse(reply, 404, "not_found", "there is no such call or page");
  });
  http.setErrorHandler((err, request, reply) => {
    failed(err, request, reply, deps.log);
  });

  http.get("/healthz", { config: { access: "open" } }, (_request, reply) => {
    const status: Health = health === "serving" && deps.isReady?.() === false ? "starting" : health;
    reply.code(status === "serving" ? 200 : 503).header("cache-control", "no-store").send({ status });
  });
  http.post("/api/session", { config: { access: "open" } }, (request, reply) => {
    const outcome = deps.gatekeeper.signIn({ token: fieldOf(request.body, "token"), user: fieldOf(request.body, "user"), password: fieldOf(request.body, "password") }, request.ip);
    if ("status" in outcome) {
      deny(reply, outcome);
      return;
    }
    const { session } = outcome;
    if (session !== null) void reply.setCookie(sessionCookie, session.id, COOKIE);
    reply.header("cache-control", "no-store").send({ expires_at: session === null ? null : new Date(session.expiresAt).toISOString() });
  });
  http.delete("/api/session", { config: { access: "person" } }, (request, reply) => {
    const session = request.cookies[sessionCookie];
    if (session !== undefined) deps.gatekeeper.signOut(session);
    streams.closeEnded();
    reply.clearCookie(sessionCookie, { path: "/" }).header("cache-control", "no-store").send({ expires_at: null });
  });
  for (const route of deps.routes) {
    http.route({
      method: route.method,
      url: route.path,
      config: { access: route.access },
      handler: async (request, reply) => {
        const entry = entries.get(request);
        const answer = await route.answer({ params: texts(request.params), query: texts(request.query), body: request.body, viewer: entry?.viewer ?? null });
        send(answer, reply, deps, entry);
        return reply;
      },
    });
  }
  if (existsSync(deps.pages)) {
    // What the build has named by its content never changes; everything else is asked for anew each time.
    const cacheOf = (path: string): string => (path.includes(`${sep}assets${sep}`) ? "public, max-age=31536000, immutable" : "no-cache");
    await http.register(files, { root: deps.pages, wildcard: false, cacheControl: false, setHeaders: (response, path) => void response.setHeader("cache-control", cacheOf(path)) });
  } else {
    http.get("/", { config: { access: "open" } }, (_request, reply) => {
      refuse(reply, 503, "no_pages", 'the pages are not built: run "npm run build", then start again');
    });
  }

  return {
    async start() {
      try {
        await http.listen({ host: listen.address, port: listen.port });
      } catch (cause) {
        throw new UnavailableError(`cannot listen on ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      const [bound] = http.addresses();
      url = urlOf(listen.address, typeof bound === "object" ? bound.port : listen.port);
      health = "serving";
    },
    stopping() {
      health = "stopping";
    },
    async stop() {
      health = "stopping";
      streams.close();
      await http.close();
    },
    get url() {
      return url;
    },
    get port() {
      return Number(new URL(url).port === "" ? 80 : new URL(url).port);
    },
    inject: http.inject.bind(http),
  };
}

function visitOf(request: FastifyRequest): Parameters<Gatekeeper["check"]>[0] {
  const { headers, socket } = request;
  return {
    access: request.routeOptions.config.access ?? (request.url.startsWith("/api") ? "token" : "open"),
    host: headers.host,
    origin: headers.origin,
    fetchSite: one(headers["sec-fetch-site"]),
    authorization: headers.authorization,
    session: request.cookies[sessionCookie],
    isForwarded: headers.forwarded !== undefined || headers["x-forwarded-for"] !== undefined || headers["x-real-ip"] !== undefined || headers.via !== undefined,
    query: record(request.query),
    address: request.ip,
    localAddress: socket.localAddress,
  };
}

function send(answer: AdminReply, reply: FastifyReply, { clock, streams }: AdminServerDeps, entry: Entry | undefined): void {
  reply.header("cache-control", "no-store");
  switch (answer.kind) {
    case "json":
      reply.code(answer.status).send(answer.body);
      return;
    case "list":
      reply.type("application/json; charset=utf-8").send(Readable.from(listText(answer.items, clock)));
      return;
    case "text":
      reply.type(answer.contentType).send(answer.text);
      return;
    case "file": {
      const bytes = createReadStream(answer.path);
      bytes.once("close", answer.onSent);
      reply.type("application/octet-stream").header("content-length", String(statSync(answer.path).size)).send(bytes);
      return;
    }
    case "events":
      if (!streams.hasRoom) {
        refuse(reply.header("retry-after", "10"), 503, "too_many_streams", "as many event streams are open as may be: close one, or try later");
        return;
      }
      reply.hijack();
      reply.raw.writeHead(200, { ...PAGE_HEADERS, "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" });
      if (entry?.viewer == null) reply.raw.end();
      else streams.open(sinkOf(reply.raw), entry.viewer, entry.isStill);
      return;
    default:
      unreachable(answer, "send");
  }
}

function sinkOf(response: ServerResponse): EventSink {
  return {
    write: (text) => response.write(text),
    onDrain: (run) => void response.on("drain", run),
    onClose: (run) => void response.once("close", run),
    close: () => void response.destroy(),
  };
}

function failed(err: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const status = err instanceof Error && "statusCode" in err && typeof err.statusCode === "number" ? err.statusCode : 500;
  if (status === 413) refuse(reply, 413, "body_too_large", `a body has at most ${String(bodyBytesMax)} bytes`);
  else if (status === 415) refuse(reply, 415, "not_json", 'a body is JSON, with "Content-Type: application/json"');
  else if (status >= 400 && status < 500) refuse(reply, status, "bad_request", "the body cannot be read as JSON");
  else {
    log.error({ err, method: request.method, path: request.routeOptions.url ?? "" }, "an HTTP call failed");
    refuse(reply, 500, "internal", "the server made a mistake; its log says more");
  }
}

function deny(reply: FastifyReply, denial: Denial): void {
  if (denial.status === 401) reply.header("www-authenticate", 'Bearer realm="lamplight"');
  if (denial.retryAfterSeconds !== undefined) reply.header("retry-after", String(denial.retryAfterSeconds));
  refuse(reply, denial.status, denial.code, denial.message);
}

function refuse(reply: FastifyReply, status: number, code: string, message: string): void {
  reply.code(status).header("cache-control", "no-store").send({ error: code, message });
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${String(port)}`;
}

function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(record(value)).flatMap(([name, each]) => (typeof each === "string" ? [[name, each]] : [])));
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function fieldOf(body: unknown, name: string): unknown {
  return record(body)[name];
}

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
