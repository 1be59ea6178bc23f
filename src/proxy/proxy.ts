import { background } from "../base/background.ts";
import type { KeyedHash } from "../base/keyed-hash.ts";
import { Splice, noEdits, spliceOffTop, type Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { TransactionCore, TransactionLayer } from "../sip/transaction/layer.ts";
import type { TransactionId, TransactionUser } from "../sip/transaction/user.ts";
import type { Flow, Transports } from "../sip/transport/transport.ts";
import { parseSipUri, uriParam, type SipUri } from "../sip/uri.ts";
import { magicCookie, type Via } from "../sip/via.ts";
import { watchedHooks, type DialogHooks } from "./dialog-watch.ts";
import type { ForkDeps, ForkRequest } from "./fork-request.ts";
import { Fork } from "./fork.ts";
import { forwardedRequest, forwardedResponse } from "./forward.ts";
import { isLoop, loopHash } from "./loop.ts";
import type { Location } from "./location.ts";
import type { NextHop } from "./next-hop.ts";
import type { OwnHosts } from "./own-hosts.ts";
import type { Pipeline } from "./pipeline.ts";
import { RequestContext } from "./request-context.ts";
import { routeSet, type RouteSet } from "./route-set.ts";
import type { RoutePoint, RouteTokens } from "./route-token.ts";
import { plainTarget, type Target } from "./target.ts";
import { refusalOf, unknownProxyRequire } from "./validation.ts";

/** Where a request within a dialog goes: its request URI and Route values from us on, and the way. */
export interface WayWithin {
  readonly uri: string;
  readonly routes: readonly string[];
  readonly hop: NextHop | Promise<NextHop>;
}

/** The proxy core, which also knows where a request of our own within a dialog would go. */
export interface Proxy extends TransactionCore {
  /** The way to the side with that remote target; `routes` is the whole route set of the other side, which it speaks for. Null when we are not in it. */
  wayWithin(callId: string, target: string, routes: readonly string[]): WayWithin | null;
}

/** The proxy core (RFC 3261 §16): what came in is checked, then goes by its route set when it belongs to a dialog that we
 *  Record-Routed, else through the pipeline. */
export function proxy(deps: {
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly pipeline: Pipeline;
  readonly fork: ForkDeps;
  readonly location: Location;
  readonly own: OwnHosts;
  readonly tokens: RouteTokens;
  readonly hash: KeyedHash;
}): Proxy {
  const { layer, pipeline, own, location } = deps;

  /** The device that a URI of ours means: a phone may give its GRUU as Contact (RFC 5627 §4.4), and then requests within the dialog bear that. Null for a URI that is not ours. */
  const ownTarget = (uri: SipUri | null): Target | "gone" | null => {
    if (uri === null || uri.user === null || !own.isOurs(uri)) return null;
    const gr = uriParam(uri, "gr");
    const aor = pipeline.identify(uri);
    const found = aor === null ? location.tempGruuTarget(uri.user) : gr === undefined ? location.targets(aor)[0] : location.gruuTarget(aor, gr);
    return found ?? "gone";
  };

  /** Where a request within a dialog goes: by the next Route, by what our own Route says, or by the request URI. */
  const legOf = (routes: RouteSet, point: RoutePoint): { readonly target: Target; readonly hop: NextHop | Promise<NextHop> } => {
    const { hops } = deps.fork;
    const device = routes.next === null ? ownTarget(routes.target) : null;
    if (device === null) return { target: plainTarget(routes.uri), hop: hops.ofPoint(point, routes.next, routes.target) };
    if (device === "gone") return { target: plainTarget(routes.uri), hop: { kind: "none", status: 480, why: "the device is not registered" } };
    return { target: device, hop: point.kind === "plain" ? hops.ofTarget(device) : hops.ofPoint(point, null, parseSipUri(device.uri)) };
  };

  /** What our own Route says, for a request within the dialog that it was written for; null when there is none, or when its sender may not use it. */
  const pointOf = (message: Message, flow: Flow, { point }: RouteSet): RoutePoint | null => {
    if (point === null || !message.hasToTag) return null;
    if (point.kind !== "outward" || (point.address === flow.remoteAddress && point.port === flow.remotePort)) return point;
    return point.aor !== null && location.deviceOf(point.aor, flow, "") !== "" ? point : null;
  };

  const inDialog = (message: Message, flow: Flow, transaction: TransactionId, routes: RouteSet, point: RoutePoint): void => {
    const { observer } = deps.fork;
    const { method, callId } = message;
    if (method === "INVITE") layer.reply(transaction, message, { status: 100 }, "");
    observer.onDialogRequest(message);
    const rewritten = strictlyRewritten(message, routes);
    const hooks = new InDialogHooks(point.kind === "connection");
    const request: ForkRequest = {
      transaction,
      method,
      source: flow,
      routesOff: routes.own,
      loop: loopHash(message),
      isDialogForming: false,
      caller: null,
      callerDevice: "",
      isCallerKnown: true,
      callee: null,
      rewritten,
      toTag: noTag,
    };
    const fork = new Fork(deps.fork, request, watchedHooks(hooks, observer, method, callId));
    hooks.fork = fork;
    const { target, hop } = legOf(routes, point);
    fork.startAt(target, hop, rewritten ?? message);
  };

  return {
    onRequest(message, _via, flow, transaction) {
      const refusal = refusalOf(message, flow.protocol);
      if (refusal !== null) {
        layer.reply(transaction, message, refusal, layer.token());
        return;
      }
      const routes = routeSet(message, own, deps.tokens);
      const parsed = routes.target;
      if (parsed === null) {
        layer.reply(transaction, message, { status: 400 }, layer.token());
        return;
      }
      const isOurs = own.isOurs(parsed);
      // A request for us alone may come with its last hop (RFC 3261 §16.3 step 3).
      if (message.maxForwards === 0 && !(isOurs && parsed.user === null && routes.next === null)) {
        layer.reply(transaction, message, { status: 483 }, layer.token());
        return;
      }
      const answer = isLoop(message, layer.serverId) ? { status: 482 } : unknownProxyRequire(message);
      if (answer !== null) {
        layer.reply(transaction, message, answer, layer.token());
        return;
      }
      const point = pointOf(message, flow, routes);
      if (point !== null) {
        inDialog(message, flow, transaction, routes, point);
        return;
      }
      const rewritten = strictlyRewritten(message, routes);
      const aor = isOurs ? pipeline.identify(parsed) : null;
      const parts = { message, source: flow, uri: parsed, aor, isOurs, transaction, routesOff: routes.own, nextRoute: routes.next, rewritten };
      pipeline.run(new RequestContext(layer, parts));
    },

    onAck(message: Message, via: Via, flow: Flow) {
      // The ACK of a 2xx: by the route set alone, without a transaction (RFC 3261 §16.11). One without a route of ours was for an answer of our own.
      if (refusalOf(message, flow.protocol) !== null || message.maxForwards === 0) return;
      const routes = routeSet(message, own, deps.tokens);
      const point = pointOf(message, flow, routes);
      if (point === null) return;
      deps.fork.observer.onDialogRequest(message);
      deps.hash.hash(`${via.branch}|${message.callId}|${message.cseq}`);
      const branch = `${magicCookie}${layer.serverId}.s${(deps.hash.low >>> 0).toString(36)}${(deps.hash.high >>> 0).toString(36)}`;
      const view = strictlyRewritten(message, routes) ?? message;
      const { target, hop } = legOf(routes, point);
      const how = { uri: target.uri, routesOff: routes.own, routes: target.routes, recordRoute: "", branch, realm: deps.fork.realm, edits: noEdits };
      const send = (hop: NextHop, from: Message): void => {
        const [first] = hop.kind === "hops" ? hop.hops : [];
        const out = hop.kind === "flow" ? hop.flow : first === undefined ? null : deps.transports.open(first);
        if (out !== null) out.send(forwardedRequest(from, flow, out, how));
      };
      if (!(hop instanceof Promise)) {
        send(hop, view);
        return;
      }
      const kept = view.copy();
      const later = hop.then((found) => {
        send(found, kept);
      });
      background(later, deps.fork.log, "an ACK could not be forwarded");
    },

    wayWithin(callId, uri, all) {
      // What stands before us was on the way to us.
      const first = all.findIndex((value) => {
        const route = parseSipUri(parseNameAddr(value).uri);
        return route !== null && own.isOurs(route);
      });
      if (first === -1) return null;
      const request = Message.of(`OPTIONS ${uri} SIP/2.0\r\nRoute: ${all.slice(first).join(", ")}\r\nCall-ID: ${callId}\r\n\r\n`);
      const routes = routeSet(request, own, deps.tokens);
      // A strict router wants another text; where one stands, nothing is asked.
      if (routes.point === null || routes.routes !== null) return null;
      const { target, hop } = legOf(routes, routes.point);
      return { uri: target.uri, routes: [...target.routes, ...request.values(Header.route).slice(routes.own)], hop };
    },
  };
}

/** The caller's To has a tag already. */
function noTag(): string {
  return "";
}

/** A request within a dialog goes one way only, unchanged. */
class InDialogHooks implements DialogHooks {
  readonly changesReplies = false;
  fork: Fork | null = null;
  readonly #isByConnection: boolean;

  constructor(isByConnection: boolean) {
    this.#isByConnection = isByConnection;
  }

  request(): Message | null {
    return this.fork?.message() ?? null;
  }

  edits(): Edits {
    return noEdits;
  }

  replyEdits(): Edits {
    return noEdits;
  }

  failed(status: number): boolean {
    // The phone's connection is gone and its Contact cannot be reached: it must register again first (RFC 5626 §11.5).
    if (status !== 430 && (status !== 503 || !this.#isByConnection)) return false;
    this.fork?.answer(430);
    return true;
  }

  redirected(): readonly Target[] {
    return [];
  }

  ended(): void {
    /* nobody asked to be told */
  }
}

/** Forwards the further 2xx of an INVITE whose fork is over: its branch is tied to the caller's transaction (RFC 6026 §7.2). */
export function lateSuccess(layer: () => TransactionLayer): TransactionUser {
  return {
    onResponse(transaction, response) {
      const { table } = layer();
      const caller = table.tied(transaction);
      if (caller !== 0 && response.status < 300 && response.hasLowerVia) layer().respond(caller, response.status, forwardedResponse(response));
    },
    onTimeout: () => undefined,
    onUnreachable: () => undefined,
    onCancel: () => undefined,
  };
}

const splice = new Splice();

/** The request as it would be had the strict router before us not touched it, or as the one behind us wants it; null when there is neither
 *  (RFC 3261 §16.4, §16.6 step 6). */
function strictlyRewritten(message: Message, routes: RouteSet): Message | null {
  if (routes.routes === null) return null;
  splice.begin(message.text).replace(message.uriStart, message.uriEnd, routes.uri);
  const first = message.lineStart(message.lineOf(Header.route));
  spliceOffTop(splice, message, Header.route, Number.POSITIVE_INFINITY);
  splice.replace(first, first, routes.routes.map((value) => `Route: ${value}\r\n`).join(""));
  return Message.of(splice.end());
}
