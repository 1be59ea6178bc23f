import { ConfigError, ParseError } from "../base/errors.ts";
import type { Clock } from "../base/clock.ts";
import type { Aor } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import { noEdits, type Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Message } from "../sip/message.ts";
import type { Flow } from "../sip/transport/transport.ts";
import { formatSipUri, parseSipUri, uriHost, uriParam, type SipUri } from "../sip/uri.ts";
import type { Feature } from "./feature.ts";
import { ContextHooks, type HookSteps } from "./context-hooks.ts";
import { watchedHooks } from "./dialog-watch.ts";
import type { ForkDeps } from "./fork-request.ts";
import { mergeEdits } from "./branch.ts";
import { Fork } from "./fork.ts";
import type { Location } from "./location.ts";
import { loopHash } from "./loop.ts";
import type { OwnHosts } from "./own-hosts.ts";
import { contactUri } from "./record-route.ts";
import { plainTarget, type Target } from "./target.ts";
import type { RequestContext } from "./request-context.ts";
import { goOn, type Verdict } from "./verdict.ts";

/** Where the people are, as the pipeline asks it. */
export interface People {
  /** The AoR that a URI of ours means; null for nobody of ours. */
  aorOf(user: string, host: string): Aor | null;
}

/** Decides what becomes of a request outside a dialog: each feature in its order, then the location service, then the fork. */
export interface Pipeline {
  run(context: RequestContext): void;
  /** The AoR that a URI names, GRUUs included. */
  identify(uri: SipUri): Aor | null;
}

const RETARGETS_MAX = 5;
const REDIRECTS_MAX = 5;
const FEATURE_DEADLINE_MS = 10_000;
/** Methods whose requests create a dialog through us: they are Record-Routed (RFC 3261 §16.6 step 4, RFC 6665, RFC 3515). */
const DIALOG_FORMING = new Set(["INVITE", "SUBSCRIBE", "REFER"]);

/** Checks that every feature stands after those that it names. Throws ConfigError (ours to mend: the list in features.ts). */
export function checkOrder(features: readonly Feature[]): void {
  const mistakes = features.flatMap((feature, at) =>
    feature.after.filter((name) => !features.slice(0, at).some((earlier) => earlier.name === name)).map((name) => `feature ${feature.name} must stand after ${name}`),
  );
  if (mistakes.length > 0) throw new ConfigError(mistakes);
}

/** `features` in the order in which they are asked. */
export function pipeline(deps: {
  readonly features: readonly Feature[];
  readonly fork: ForkDeps;
  readonly location: Location;
  readonly people: People;
  readonly own: OwnHosts;
  readonly clock: Clock;
  readonly log: Log;
}): Pipeline {
  const { features, location, people, own, log } = deps;
  checkOrder(features);
  const askers = features.filter((feature) => feature.onRequest !== undefined);
  const targeters = features.filter((feature) => feature.onTargets !== undefined);
  const editors = features.filter((feature) => feature.onBranch !== undefined);
  const repliers = features.filter((feature) => feature.onReply !== undefined);
  const rescuers = features.filter((feature) => feature.onFailure !== undefined);
  const enders = features.filter((feature) => feature.onEnd !== undefined);

  const identify = (uri: SipUri): Aor | null => (uri.user === null ? null : people.aorOf(uri.user, uri.host));

  /** Runs `then` with what a hook gave: at once, or when its promise resolves and the caller has not cancelled meanwhile. */
  const settle = <T>(context: RequestContext, given: T | Promise<T>, then: (value: T) => void): void => {
    if (!(given instanceof Promise)) {
      then(given);
      return;
    }
    const fork = forkOf(context);
    context.trying();
    context.keep();
    let isOver = false;
    const finish = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      stop();
      // A CANCEL that came meanwhile has been answered.
      if (!fork.isDone) guarded(context, act);
    };
    const stop = deps.clock.after(FEATURE_DEADLINE_MS, () => {
      finish(() => {
        log.error({ callId: context.message.callId }, "a feature did not answer in time");
        fork.answer(500);
      });
    });
    given.then(
      (value) => {
        finish(() => {
          then(value);
        });
      },
      (err: unknown) => {
        finish(() => {
          throw err;
        });
      },
    );
  };

  const guarded = (context: RequestContext, act: () => void): void => {
    try {
      act();
    } catch (err) {
      if (!(err instanceof ParseError)) log.error({ err, callId: context.message.callId, method: context.message.method }, "a request failed by our own mistake");
      refuse(context, err instanceof ParseError ? err.status : 500);
    }
  };

  const refuse = (context: RequestContext, status: number, reason?: string, headers?: string): void => {
    if (context.fork !== null) context.fork.answer(status, reason, headers);
    else {
      context.reply({ status, ...(reason === undefined ? {} : { reason }), ...(headers === undefined ? {} : { headers }) });
      for (const feature of enders) feature.onEnd?.(context, status);
    }
  };

  /** The edits of all features that have a say; one that fails changes nothing. */
  const gather = (context: RequestContext, some: readonly Feature[], edits: (feature: Feature) => Edits | undefined): Edits => {
    let all: Edits = noEdits;
    for (const feature of some) {
      try {
        all = mergeEdits(all, edits(feature) ?? noEdits);
      } catch (err) {
        log.error({ err, callId: context.message.callId, reason: feature.name }, "a feature failed");
      }
    }
    return all;
  };

  const steps: HookSteps = {
    changesReplies: repliers.length > 0,
    edits: (context, target) => {
      if (editors.length === 0) return noEdits;
      context.restore();
      return gather(context, editors, (feature) => feature.onBranch?.(context, target));
    },
    replyEdits: (context, response) => (repliers.length === 0 ? noEdits : gather(context, repliers, (feature) => feature.onReply?.(context, response))),
    failed: (context, status, hasRung) => {
      if (rescuers.length === 0) return false;
      context.restore();
      askFailure(context, 0, { status, hasRung });
      return true;
    },
    redirected: (context, response) => redirects(context, response),
    ended: (context, status) => {
      for (const feature of enders) feature.onEnd?.(context, status);
    },
  };

  const askFailure = (context: RequestContext, at: number, outcome: { status: number; hasRung: boolean }): void => {
    const feature = rescuers[at];
    if (feature === undefined) {
      refuse(context, outcome.status);
      return;
    }
    settle(context, feature.onFailure?.(context, outcome) ?? goOn, (verdict) => {
      if (verdict.kind === "continue") askFailure(context, at + 1, outcome);
      else act(context, verdict, askers.length);
    });
  };

  /** A redirection is followed only to people of ours: a phone that forwards to 103 (RFC 3261 §16.7 step 4); elsewhere it is the caller's to follow. */
  const redirects = (context: RequestContext, response: Message): readonly Target[] => {
    const targets: Target[] = [];
    for (const value of response.values(Header.contact).slice(0, REDIRECTS_MAX)) {
      const uri = uriIn(value);
      const aor = uri === null || !own.isOurs(uri) ? null : identify(uri);
      if (aor === null || aor === context.aor || context.retargets >= RETARGETS_MAX) return [];
      targets.push(...devicesOf(aor));
    }
    if (targets.length > 0) context.retargets++;
    return targets;
  };

  const forkOf = (context: RequestContext): Fork => {
    if (context.fork !== null) return context.fork;
    const { message, caller, source } = context;
    const { method, callId } = message;
    const hooks = new ContextHooks(context, steps);
    context.fork = new Fork(
      deps.fork,
      {
        transaction: context.transaction,
        method,
        source,
        routesOff: context.routesOff,
        loop: loopHash(message),
        isDialogForming: DIALOG_FORMING.has(method) && !context.isWithinDialog,
        caller,
        // By the UDP way that its Contact names the device is found again as it is; behind NAT and of a connection another one may have to be found.
        callerDevice: caller === null || isWhereItSays(message, source) ? "" : location.deviceOf(caller, source, contactUri(message)),
        isCallerKnown: caller !== null || context.isTrusted,
        callee: context.aor,
        rewritten: context.rewritten,
        toTag: () => context.localTag,
      },
      context.isWithinDialog ? watchedHooks(hooks, deps.fork.observer, method, callId) : hooks,
    );
    // The hooks that come last find the message gone from its transaction.
    if (repliers.length > 0 || enders.length > 0) context.keep();
    return context.fork;
  };

  const ask = (context: RequestContext, at: number): void => {
    for (let next = at; next < askers.length; next++) {
      const verdict: Verdict | Promise<Verdict> = askers[next]?.onRequest?.(context) ?? goOn;
      if (verdict instanceof Promise) {
        settle(context, verdict, (value) => {
          act(context, value, next + 1);
        });
        return;
      }
      if (verdict.kind !== "continue") {
        act(context, verdict, next + 1);
        return;
      }
    }
    act(context, goOn, askers.length);
  };

  const act = (context: RequestContext, verdict: Verdict, next: number): void => {
    switch (verdict.kind) {
      case "continue":
        if (next < askers.length) ask(context, next);
        else route(context);
        return;
      case "handled":
        return;
      case "reply":
        refuse(context, verdict.status, verdict.reason, verdict.headers);
        return;
      case "retarget": {
        const uri = parseSipUri(verdict.to);
        if (uri === null || ++context.retargets > RETARGETS_MAX) {
          refuse(context, uri === null ? 500 : 483);
          return;
        }
        context.uri = uri;
        context.isOurs = own.isOurs(uri);
        context.aor = context.isOurs ? identify(uri) : null;
        ask(context, 0);
        return;
      }
      case "route":
        dispatch(context, verdict.targets);
    }
  };

  /** Nobody has decided: the location service for ours, the URI itself for a destination elsewhere that one of ours asks for. */
  const route = (context: RequestContext): void => {
    const { uri, aor } = context;
    if (context.nextRoute !== null || !context.isOurs) {
      // A retarget is the wish of a feature of ours, whoever calls.
      if (context.caller === null && !context.isTrusted && context.retargets === 0) refuse(context, 403, "Forbidden: no relaying for strangers");
      else dispatch(context, [context.nextRoute === null ? plainTarget(formatSipUri(uri)) : { ...plainTarget(formatSipUri(uri)), next: context.nextRoute }]);
      return;
    }
    const temporary = aor === null && uri.user !== null && uriParam(uri, "gr") !== undefined ? location.tempGruuTarget(uri.user) : null;
    if (temporary !== null) {
      dispatch(context, [temporary]);
      return;
    }
    if (aor === null) {
      refuse(context, uri.user === null ? 405 : 404, undefined, uri.user === null ? ALLOW : undefined);
      return;
    }
    const gr = uriParam(uri, "gr");
    if (gr !== undefined) {
      const target = location.gruuTarget(aor, gr);
      if (target === null) refuse(context, 480);
      else dispatch(context, [target]);
      return;
    }
    const devices = devicesOf(aor);
    if (targeters.length === 0) dispatch(context, devices);
    else {
      settle(context, askTargets(context, devices), (targets) => {
        dispatch(context, targets);
      });
    }
  };

  /** A person's devices; where one registered the address of another person of ours, that person's. */
  const devicesOf = (aor: Aor, visited: readonly Aor[] = []): readonly Target[] => {
    const found = location.targets(aor);
    if (found.length === 1 && found[0]?.flow !== undefined) return found;
    if (visited.length >= RETARGETS_MAX) return found;
    const others = found.map((target) => (target.flow === undefined && target.routes.length === 0 ? personAt(target.uri) : null));
    if (others.every((other) => other === null || other === aor || visited.includes(other))) return found;
    const seen = [...visited, aor];
    return found.flatMap((target, at) => {
      const other = others[at] ?? null;
      return other === null || seen.includes(other) ? [target] : devicesOf(other, seen).map((device) => ({ ...device, q: target.q }));
    });
  };

  const personAt = (text: string): Aor | null => {
    const uri = parseSipUri(text);
    return uri !== null && own.isOurs(uri) && uriParam(uri, "gr") === undefined ? identify(uri) : null;
  };

  const askTargets = (context: RequestContext, found: readonly Target[]): readonly Target[] | Promise<readonly Target[]> => {
    let targets: readonly Target[] | Promise<readonly Target[]> = found;
    for (const feature of targeters) {
      const change = (now: readonly Target[]): readonly Target[] | Promise<readonly Target[]> => feature.onTargets?.(context, now) ?? now;
      targets = targets instanceof Promise ? targets.then(change) : change(targets);
    }
    return targets;
  };

  const dispatch = (context: RequestContext, targets: readonly Target[]): void => {
    context.trying();
    if (context.isWithinDialog && !context.wasWatched) {
      context.wasWatched = true;
      deps.fork.observer.onDialogRequest(context.message);
    }
    forkOf(context).addTargets(targets, context.rewritten ?? context.message);
  };

  return {
    identify,
    run: (context) => {
      guarded(context, () => {
        ask(context, 0);
      });
    },
  };
}

/** True of a UDP sender whose address and port stand in its request; where that is not so, the Contact may still name them. */
function isWhereItSays({ text }: Message, source: Flow): boolean {
  return source.connection === 0 && text.includes(`@${uriHost(source.remoteAddress)}:${source.remotePort}`);
}

/** What we answer ourselves, as an Allow header line. */
export const ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE, REFER, INFO, UPDATE, PRACK\r\n";

/** The URI of a Contact value; null when it cannot be read. */
function uriIn(value: string): SipUri | null {
  try {
    return parseSipUri(parseNameAddr(value).uri);
  } catch (err) {
    if (err instanceof ParseError) return null;
    throw err;
  }
}
