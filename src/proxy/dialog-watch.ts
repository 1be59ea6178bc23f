import { Message } from "../sip/message.ts";
import type { CallObserver } from "./call-observer.ts";
import type { ForkHooks } from "./fork.ts";

/** The same hooks for a request within a dialog, which also tell the observer how it was answered, by whomever. */
export function watchedHooks(hooks: ForkHooks, observer: CallObserver, method: string, callId: string): ForkHooks {
  return {
    ...hooks,
    replyEdits(response) {
      if (response.status >= 200) observer.onDialogResponse(method, callId, response);
      return hooks.replyEdits(response);
    },
    failed(status, hasRung) {
      // Of another method than INVITE a time-out is told to nobody else (RFC 4320 §4.2).
      if (status === 408 && method !== "INVITE") observer.onDialogResponse(method, callId, null);
      return hooks.failed(status, hasRung);
    },
    answered(text) {
      observer.onDialogResponse(method, callId, Message.of(text));
    },
  };
}
