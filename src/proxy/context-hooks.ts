import type { Edits } from "../sip/edits.ts";
import type { Message } from "../sip/message.ts";
import type { DialogHooks } from "./dialog-watch.ts";
import type { RequestContext } from "./request-context.ts";
import type { Target } from "./target.ts";

/** What a fork asks of the pipeline, for any request. */
export interface HookSteps {
  readonly changesReplies: boolean;
  edits(context: RequestContext, target: Target): Edits;
  replyEdits(context: RequestContext, response: Message): Edits;
  failed(context: RequestContext, status: number, hasRung: boolean): boolean;
  redirected(context: RequestContext, response: Message): readonly Target[];
  ended(context: RequestContext, status: number): void;
}

/** The same for one request. */
export class ContextHooks implements DialogHooks {
  readonly #context: RequestContext;
  readonly #steps: HookSteps;

  constructor(context: RequestContext, steps: HookSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  request(): Message | null {
    return this.#context.fork?.message() ?? null;
  }

  get changesReplies(): boolean {
    return this.#steps.changesReplies;
  }

  edits(target: Target): Edits {
    return this.#steps.edits(this.#context, target);
  }

  replyEdits(response: Message): Edits {
    return this.#steps.replyEdits(this.#context, response);
  }

  failed(status: number, hasRung: boolean): boolean {
    return this.#steps.failed(this.#context, status, hasRung);
  }

  redirected(response: Message): readonly Target[] {
    return this.#steps.redirected(this.#context, response);
  }

  ended(status: number): void {
    this.#steps.ended(this.#context, status);
  }
}
