import { keptText } from "../base/kept-text.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { parseSipUri, unescapeUser, uriParam, type SipUri } from "../sip/uri.ts";
import type { OwnHosts } from "./own-hosts.ts";
import type { RoutePoint, RouteTokens } from "./route-token.ts";

/** What a request's Route values mean to us (RFC 3261 §16.4, §16.12). */
export interface RouteSet {
  /** How many of the topmost values are ours and come off. */
  readonly own: number;
  /** Where our own last value says that the request goes; null when none of them is a Record-Route of ours for this Call-ID. */
  readonly point: RoutePoint | null;
  /** The Route value by which it goes on; null when there is none. */
  readonly next: string | null;
  /** The request URI to go on with: that of the message, but for strict routers. */
  readonly uri: string;
  /** The same URI taken apart; null when it is none that we can read. */
  readonly target: SipUri | null;
  /** All Route values to go on with, when a strict router stands before or behind us; null when those of the message will do, less the first `own`. */
  readonly routes: readonly string[] | null;
}

/** Reads the routes of a request. Throws ParseError when a Route cannot be read. */
export function routeSet(message: Message, own: OwnHosts, tokens: RouteTokens): RouteSet {
  const requestUri = message.requestUri;
  const parsed = message.uri;
  if (!message.has(Header.route)) return { own: 0, point: null, next: null, uri: requestUri, target: parsed, routes: null };
  // A strict router put our Record-Route URI into the request URI: the real one is the last Route (RFC 3261 §16.4).
  const strict = parsed !== null && parsed.user !== null && uriParam(parsed, "lr") !== undefined && own.isOurs(parsed) ? pointOf(parsed.user, message, tokens) : null;
  const single = strict === null && message.isSingle(Header.route) && message.lineOf(Header.route, message.lineOf(Header.route)) === -1 ? ownPoint(message.header(Header.route) ?? "", message, own, tokens) : null;
  if (single !== null) return { own: 1, point: single, next: null, uri: requestUri, target: parsed, routes: null };
  const routes = message.values(Header.route);
  let uri = requestUri;
  const isRewritten = strict !== null && routes.length > 0;
  if (isRewritten) uri = parseNameAddr(routes.pop() ?? "").uri;
  const target = isRewritten ? parseSipUri(uri) : parsed;
  let point = strict;
  let count = 0;
  for (const value of routes) {
    const route = parseSipUri(parseNameAddr(value).uri);
    if (route === null || !own.isOurs(route)) break;
    count++;
    point = (route.user === null ? null : pointOf(route.user, message, tokens)) ?? point;
  }
  const left = routes.slice(count);
  const [next] = left;
  if (next === undefined) return { own: isRewritten ? 0 : count, point, next: null, uri, target, routes: isRewritten ? left : null };
  const nextUri = parseNameAddr(next).uri;
  const nextRouter = parseSipUri(nextUri);
  // A strict router wants to find itself in the request URI, and the real one at the end of the routes (RFC 3261 §16.6 step 6).
  if (nextRouter !== null && uriParam(nextRouter, "lr") === undefined) return { own: 0, point, next, uri: nextUri, target: nextRouter, routes: [...left.slice(1), `<${uri}>`] };
  return { own: isRewritten ? 0 : count, point, next, uri, target, routes: isRewritten ? left : null };
}

/** What our token says in a Route just as we wrote it, `<sip:TOKEN@HOST;lr>`: nearly all are. Null for any other. */
function ownPoint(value: string, message: Message, own: OwnHosts, tokens: RouteTokens): RoutePoint | null {
  const at = value.indexOf("@");
  if (at === -1 || !value.startsWith("<sip:") || !value.endsWith(";lr>")) return null;
  const token = value.slice(SCHEME_LENGTH, at);
  const host = value.slice(at + 1, -1);
  if (host.length > HOST_LENGTH_MAX) return null;
  let uri = hosts.get(host);
  if (uri === undefined) {
    uri = parseSipUri(`sip:${host}`);
    if (hosts.size >= HOSTS_MAX) hosts.clear();
    hosts.set(keptText(host), uri);
  }
  return uri === null || uri.user !== null || !own.isOurs(uri) ? null : tokens.read(message.callId, token);
}

const SCHEME_LENGTH = 5;
/** Hosts of Record-Route URIs, read once: there are as many as we listen on, and what others make up. */
const hosts = new Map<string, SipUri | null>();
const HOSTS_MAX = 256;
const HOST_LENGTH_MAX = 100;

function pointOf(user: string, message: Message, tokens: RouteTokens): RoutePoint | null {
  return tokens.read(message.callId, unescapeUser(user));
}
