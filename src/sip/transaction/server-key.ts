import type { KeyedHash } from "../../base/keyed-hash.ts";
import type { Message } from "../message.ts";
import { magicCookie, type Via } from "../via.ts";
import type { TwoLanes } from "../via-key.ts";

/** By what the server transaction of a request is found (RFC 3261 §17.2.3): branch and sent-by of its topmost Via, and `method`, which for an ACK or the search of what a CANCEL
 *  cancels is INVITE. An element of RFC 2543 makes no unique branch, so more of its message goes in. */
export function serverKey(into: TwoLanes, message: Message, via: Via, method: string, hash: KeyedHash): void {
  message.viaKey(into);
  let salt = 0;
  for (let at = 0; at < method.length; at++) salt = Math.imul(salt ^ method.charCodeAt(at), METHOD_PRIME);
  into.low ^= salt;
  if (via.branch.startsWith(magicCookie) && via.branch.length > magicCookie.length) return;
  hash.hash(`${via.params}|${message.requestUri}|${message.callId}|${message.cseq}|${message.fromTag}`);
  into.high ^= hash.high;
  into.low ^= hash.low;
}

const METHOD_PRIME = 16777619;
