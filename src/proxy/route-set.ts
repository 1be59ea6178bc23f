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
  /** All Route values to go on with, when a strict router stands before or behind us; null when those of the message will do, less the first `own`. */
  readonly routes: readonly string[] | null;
}

/** Reads the routes of a request. Throws ParseError when a Route cannot be read. */
export function routeSet(message: Message, own: OwnHosts, tokens: RouteTokens): RouteSet {
  const requestUri = message.requestUri;
  if (!message.has(Header.route)) return { own: 0, point: null, next: null, uri: requestUri, routes: null };
  const routes = message.values(Header.route);
  // A strict router put our Record-Route URI into the request URI: the real one is the last Route (RFC 3261 §16.4).
  const parsed = parseSipUri(requestUri);
  const strict = parsed !== null && own.isOurs(parsed) && parsed.user !== null && uriParam(parsed, "lr") !== undefined ? pointOf(parsed, message, tokens) : null;
  let uri = requestUri;
  const isRewritten = strict !== null && routes.length > 0;
  if (isRewritten) uri = parseNameAddr(routes.pop() ?? "").uri;
  let point = strict;
  let count = 0;
  for (const value of routes) {
    const route = parseSipUri(parseNameAddr(value).uri);
    if (route === null || !own.isOurs(route)) break;
    count++;
    point = pointOf(route, message, tokens) ?? point;
  }
  const left = routes.slice(count);
  const [next] = left;
  if (next === undefined) return { own: isRewritten ? 0 : count, point, next: null, uri, routes: isRewritten ? left : null };
  const nextUri = parseNameAddr(next).uri;
  const nextRouter = parseSipUri(nextUri);
  // A strict router wants to find itself in the request URI, and the real one at the end of the routes (RFC 3261 §16.6 step 6).
  if (nextRouter !== null && uriParam(nextRouter, "lr") === undefined) return { own: 0, point, next, uri: nextUri, routes: [...left.slice(1), `<${uri}>`] };
  return { own: isRewritten ? 0 : count, point, next, uri, routes: isRewritten ? left : null };
}

function pointOf(uri: SipUri, message: Message, tokens: RouteTokens): RoutePoint | null {
  return uri.user === null ? null : tokens.read(message.callId, unescapeUser(uri.user));
}
