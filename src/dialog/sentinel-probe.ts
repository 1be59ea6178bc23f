import type { Agent, AgentDialog, Way } from "../agent/agent.ts";
import { randomHex, type Random } from "../base/random.ts";
import type { WayWithin } from "../proxy/proxy.ts";
import { Header } from "../sip/header-name.ts";
import { Message } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import type { Call } from "./call.ts";
import type { Leg } from "./leg.ts";
import type { Side } from "./side.ts";
import type { LegPath } from "./leg-path.ts";
import type { ProbeAnswer, ProbeRound } from "./sentinel-verdict.ts";

/** What a side said, and what its phone is called: by its User-Agent when it answered, else by its target. */
export type ProbeDone = (answer: ProbeAnswer, phone: string) => void;

/** Asks one side of a leg whether it still knows the call, in the name of the other; says BYE when it is over. */
export interface Prober {
  ask(call: Call, leg: Leg, side: Side, kind: ProbeRound["kind"], done: ProbeDone): void;
  /** Ends a dead call for a phone that might still hold it. */
  hangUp(call: Call, leg: Leg, side: Side): void;
}

/** What a prober needs; `wayWithin` is the proxy's. */
export interface ProberDeps {
  readonly agent: Agent;
  readonly random: Random;
  readonly domain: string;
  wayWithin(callId: string, target: string, routes: readonly string[]): WayWithin | null;
}

const OPTIONS = { method: "OPTIONS", headers: "Accept: application/sdp\r\n", hasContact: false } as const;

/** A prober over our own user agent. */
export function prober(deps: ProberDeps): Prober {
  const { agent, random, domain } = deps;

  /** The dialog as the other side would speak in it, and where that leads from here; null when it cannot be asked. */
  const lineTo = (call: Call, leg: Leg, side: Side): { readonly dialog: AgentDialog; readonly way: Way | Promise<Way>; readonly path: LegPath } | null => {
    const { path, tag } = leg;
    if (path === null || tag === null) return null;
    const { callId, fromTag, from, to } = call.start;
    const target = side === "caller" ? path.callerTarget : path.calleeTarget;
    try {
      const values = Message.of(`OPTIONS ${target} SIP/2.0\r\nRoute: ${path.routes}\r\n\r\n`).values(Header.route);
      const found = deps.wayWithin(callId, target, side === "caller" ? values : values.reverse());
      if (found === null) return null;
      const caller = `<${parseNameAddr(from).uri}>`;
      const callee = `<${parseNameAddr(to).uri}>`;
      const [local, localTag, remote, remoteTag] = side === "caller" ? [callee, tag, caller, fromTag] : [caller, fromTag, callee, tag];
      return { dialog: { callId, localTag, remoteTag, local, remote, target: found.uri, routes: found.routes, flow: null }, way: found.hop, path };
    } catch {
      // Written so that we cannot read it: its age alone will end it.
      return null;
    }
  };

  return {
    ask(call, leg, side, kind, done) {
      const line = lineTo(call, leg, side);
      const target = line?.dialog.target ?? "";
      if (line === null) {
        done("unreachable", target);
        return;
      }
      // Never higher than what was seen: the phone's own next request would be refused (RFC 3261 §12.2.2). 0 is below all that phones begin with.
      const seen = side === "caller" ? line.path.calleeCseq : line.path.callerCseq;
      const dialog = kind === "within" ? line.dialog : { ...line.dialog, callId: `${randomHex(random, 12)}@${domain}`, local: `<sip:${domain}>`, localTag: randomHex(random, 6), remoteTag: "" };
      agent.send(dialog, { ...OPTIONS, cseq: kind === "within" ? Math.max(0, seen) : 1 }, (outcome) => {
        if (outcome.kind !== "answered") {
          done(outcome.kind === "timeout" ? "silent" : "unreachable", target);
          return;
        }
        const { status, response } = outcome;
        const phone = response.header(Header.userAgent) ?? response.header(Header.server) ?? target;
        // 408, 430 and 503 are said on the way to the phone, not by it.
        done(status === 481 ? "lost" : status === 408 ? "silent" : status === 430 || status === 503 ? "unreachable" : "alive", phone);
      }, line.way);
    },

    hangUp(call, leg, side) {
      const line = lineTo(call, leg, side);
      if (line === null) return;
      const seen = side === "caller" ? line.path.calleeCseq : line.path.callerCseq;
      agent.send(line.dialog, { method: "BYE", cseq: Math.max(0, seen) + 1, headers: 'Reason: SIP;cause=408;text="The call has ended unseen"\r\n', hasContact: false }, () => undefined, line.way);
    },
  };
}
