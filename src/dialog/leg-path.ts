import { keptText } from "../base/kept-text.ts";
import { contactUri } from "../proxy/record-route.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import type { Side } from "./side.ts";

/** How both sides of a leg are reached, as its 2xx said (RFC 3261 §12.1), and the last CSeq that was seen from each. A plain value, so that it can be stored. */
export interface LegPath {
  /** Contact URIs. */
  callerTarget: string;
  calleeTarget: string;
  /** The Record-Route values as they stand in the 2xx, ours among them: the callee's route set, and reversed the caller's. */
  readonly routes: string;
  /** -1 while none was seen. */
  callerCseq: number;
  calleeCseq: number;
}

/** What is longer than this is not kept, and its leg is not asked whether it lives. */
const PATH_LENGTH_MAX = 4096;

/** The path that a 2xx opens; null when it names nobody to ask. `callerTarget` is the caller's Contact URI. */
export function legPath(callerTarget: string, success: Message): LegPath | null {
  const calleeTarget = contactUri(success);
  let routes = "";
  for (let line = success.lineOf(Header.recordRoute); line !== -1; line = success.lineOf(Header.recordRoute, line)) {
    routes += (routes === "" ? "" : ",") + success.text.slice(success.valueStart(line), success.valueEnd(line));
  }
  if (callerTarget === "" || calleeTarget === "" || routes === "" || callerTarget.length + calleeTarget.length + routes.length > PATH_LENGTH_MAX) return null;
  const text = keptText(callerTarget + calleeTarget + routes);
  const calleeAt = callerTarget.length;
  const routesAt = calleeAt + calleeTarget.length;
  return { callerTarget: text.slice(0, calleeAt), calleeTarget: text.slice(calleeAt, routesAt), routes: text.slice(routesAt), callerCseq: success.cseq, calleeCseq: -1 };
}

/** Notes a request of one side within the dialog: its CSeq, and where it is to be reached from now on when it says so (RFC 3261 §12.2.2). */
export function notePath(path: LegPath, side: Side, message: Message): void {
  const cseq = message.isRequest ? message.cseq : -1;
  if (side === "caller") path.callerCseq = Math.max(path.callerCseq, cseq);
  else path.calleeCseq = Math.max(path.calleeCseq, cseq);
  if (message.method !== "INVITE" && message.method !== "UPDATE") return;
  const target = contactUri(message);
  if (target === "" || target.length > PATH_LENGTH_MAX || target === (side === "caller" ? path.callerTarget : path.calleeTarget)) return;
  if (side === "caller") path.callerTarget = keptText(target);
  else path.calleeTarget = keptText(target);
}
