import type { Message } from "../sip/message.ts";
import type { Target } from "./target.ts";

/** A final response that someone other than a branch gives the caller: `text` is the whole response, with the caller's Via, From, To and Call-ID. */
export interface FinalResponse {
  readonly status: number;
  readonly text: string;
}

/** How pickup, callback and a late device reach a call that rings; found from a dialog through the dialog table. */
export interface ForkControl {
  /** Rings one more target, unless the call was answered, refused with 6xx or cancelled meanwhile: then false. */
  addBranch(target: Target): boolean;
  /** Cancels all branches but one; `reason` is the value of the Reason header. */
  cancelOthers(keep: number | null, reason: string): void;
  /** The single point that decides a race: `won` when this response is the caller's answer, `late` when another was before it. */
  answerCaller(response: FinalResponse): "won" | "late";
  /** The INVITE as it came in; null once it has its final answer. */
  invite(): Message | null;
}

/** A control that may be kept longer than its fork: it lets go of the fork when that is over, and then says so. */
export class HeldControl implements ForkControl {
  #fork: ForkControl | null;

  constructor(fork: ForkControl) {
    this.#fork = fork;
  }

  /** The fork is over. */
  release(): void {
    this.#fork = null;
  }

  addBranch(target: Target): boolean {
    return this.#fork?.addBranch(target) ?? false;
  }

  cancelOthers(keep: number | null, reason: string): void {
    this.#fork?.cancelOthers(keep, reason);
  }

  answerCaller(response: FinalResponse): "won" | "late" {
    return this.#fork?.answerCaller(response) ?? "late";
  }

  invite(): Message | null {
    return this.#fork?.invite() ?? null;
  }
}
