import type { Edits } from "../sip/edits.ts";
import { Message } from "../sip/message.ts";
import type { CallObserver } from "./call-observer.ts";
import type { ForkHooks } from "./fork.ts";
import type { Target } from "./target.ts";

/** Hooks that know their request. */
export interface DialogHooks extends ForkHooks {
  /** The request, while it has no final answer; null after. */
  request(): Message | null;
}

/** The same hooks for a request within a dialog, which also tell the observer how it was answered, by whomever. */
export function watchedHooks(hooks: DialogHooks, observer: CallObserver, method: string, callId: string): ForkHooks {
  return new WatchedHooks(hooks, observer, method, callId);
}

class WatchedHooks implements ForkHooks {
  readonly #hooks: DialogHooks;
  readonly #observer: CallObserver;
  readonly #method: string;
  readonly #callId: string;

  constructor(hooks: DialogHooks, observer: CallObserver, method: string, callId: string) {
    this.#hooks = hooks;
    this.#observer = observer;
    this.#method = method;
    this.#callId = callId;
  }

  get changesReplies(): boolean {
    return this.#hooks.changesReplies;
  }

  edits(target: Target): Edits {
    return this.#hooks.edits(target);
  }

  replyEdits(response: Message): Edits {
    if (response.status >= 200) this.#observer.onDialogResponse(this.#method, this.#callId, response);
    return this.#hooks.replyEdits(response);
  }

  failed(status: number, hasRung: boolean): boolean {
    // Of another method than INVITE a time-out is told to nobody else (RFC 4320 §4.2).
    if (status === 408 && this.#method !== "INVITE") {
      const request = this.#hooks.request();
      if (request !== null) this.#observer.onDialogSilence(request);
    }
    return this.#hooks.failed(status, hasRung);
  }

  redirected(response: Message): readonly Target[] {
    return this.#hooks.redirected(response);
  }

  answered(text: string): void {
    this.#observer.onDialogResponse(this.#method, this.#callId, Message.of(text));
    this.#hooks.answered?.(text);
  }

  ended(status: number): void {
    this.#hooks.ended(status);
  }
}
