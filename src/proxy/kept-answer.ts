import type { Answer } from "../sip/response.ts";
import type { Store } from "../store/store.ts";
import type { Call } from "./feature.ts";

/** How long a phone is asked to wait when the disk did not take what it wanted to have kept. */
export const NOT_KEPT_RETRY_SECONDS = 10;

/** The answer in place of one that would promise what is not kept (RFC 3261 §21.5.4). */
const notKept: Answer = { status: 503, reason: "Store Unavailable", headers: `Retry-After: ${NOT_KEPT_RETRY_SECONDS}\r\n` };

/** Answers a request when what was put into the store for it is kept: at once where a commit is enough, else later, and with 503 when the disk stalls and the
 *  configuration asks for `durability: full`; then `refused` is called, for what must not stand when nobody was told that it does. Nothing is made for it in the first case: hot path. */
export function replyWhenKept(store: Store, call: Call, answer: Answer, refused?: () => void): void {
  if (store.isImmediate) {
    call.reply(answer);
    return;
  }
  call.keep();
  store.kept((isKept) => {
    call.reply(isKept ? answer : notKept);
    if (!isKept) refused?.();
  });
}
