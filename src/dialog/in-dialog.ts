import type { Message } from "../sip/message.ts";
import { mediaDirection, type MediaDirection } from "../sip/sdp.ts";
import type { Call } from "./call.ts";
import type { CallIndex } from "./call-index.ts";
import { otherSide } from "./side.ts";
import { notePath } from "./leg-path.ts";
import { sessionEnd } from "./session-timer.ts";

/** What messages within a dialog say about a call: who hung up, who holds, who is silent. Each returns the call that it was about, or null. */
export class InDialog {
  readonly #calls: CallIndex;
  /** Until someone describes media within a dialog, an ACK is of no interest. */
  #hasOffers = false;

  constructor(calls: CallIndex) {
    this.#calls = calls;
  }

  /** A request within a dialog. BYE ends the call for both sides at once, whatever will be answered (RFC 3261 §15.1.1). */
  request(request: Message, now: number): Call | null {
    const { method } = request;
    if (method === "ACK" && !this.#hasOffers) return null;
    const { callId } = request;
    if (this.#calls.first(callId) === null) return null;
    const fromTag = request.fromTag;
    const toTag = request.toTag;
    const found = this.#calls.findSide(callId, fromTag, toTag);
    if (found === null) return null;
    const { call, side } = found;
    const tag = side === "caller" ? toTag : fromTag;
    call.lastSeenMs = now;
    if (method === "BYE") {
      call.end(tag);
      return call;
    }
    const leg = call.leg(tag);
    leg?.heard(side, false);
    if (leg?.path != null && method !== "ACK") notePath(leg.path, side, request);
    if (method !== "ACK") leg?.asks(side, method);
    if (leg === null) return call;
    if (method === "INVITE" || method === "UPDATE") {
      this.#hasOffers = true;
      leg.media.asked(side, method, request.cseq, directionIn(request));
    } else if (method === "ACK" && leg.media.awaitsAck && leg.media.acknowledged(side, request.cseq, directionIn(request))) call.heldAnew();
    return call;
  }

  /** The final response to such a request. 481 is the phone's own word that the call is over (RFC 5057 §5.1); 408 only says that it was silent. */
  response(method: string, callId: string, response: Message, now: number): Call | null {
    if (this.#calls.first(callId) === null) return null;
    const fromTag = response.fromTag;
    const toTag = response.toTag;
    const found = this.#calls.findSide(callId, fromTag, toTag);
    if (found === null) return null;
    const { call, side } = found;
    const { status } = response;
    const answerer = otherSide(side);
    const tag = side === "caller" ? toTag : fromTag;
    const leg = call.leg(tag);
    if (leg === null) return null;
    if (status === 481 || (status === 408 && leg.isSilent())) call.end(tag);
    else if (status !== 408) {
      call.lastSeenMs = now;
      leg.heard(answerer, true);
      if (method === "INVITE" || method === "UPDATE") {
        if (status < 300) {
          leg.sessionUntilMs = sessionEnd(response, now);
          if (leg.path !== null) notePath(leg.path, answerer, response);
          if (leg.media.answered(answerer, response.cseq, directionIn(response))) call.heldAnew();
        } else leg.media.refused(answerer, response.cseq);
      }
    }
    return call;
  }

  /** No answer came to that request. */
  silence(request: Message): Call | null {
    const found = this.#calls.findSide(request.callId, request.fromTag, request.toTag);
    if (found === null) return null;
    const { call, side } = found;
    const tag = side === "caller" ? request.toTag : request.fromTag;
    const leg = call.leg(tag);
    if (leg?.isAskedBy(side, request.method) !== true) return null;
    if (leg.isSilent()) call.end(tag);
    return call;
  }
}

/** What a message's session description says of media; null when it has none. */
export function directionIn({ body }: Message): MediaDirection | null {
  return body.startsWith("v=0") ? mediaDirection(body) : null;
}
