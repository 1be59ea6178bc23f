import type { Message } from "../sip/message.ts";
import type { Target } from "./target.ts";

/** A final response that someone other than a branch gives the caller: `text` is the whole response, with the caller's Via, From, To and Call-ID. */
export interface FinalResponse {
  readonly status: number;
  readonly text: string;
}

/** How pickup, callback and a late device reach a call that rings; found from a dialog through the dialog table. */
export interface ForkControl {
  /** Rings one more target, unless the call was answered or cancelled meanwhile: then false. */
  addBranch(target: Target): boolean;
  /** Cancels all branches but one; `reason` is the value of the Reason header. */
  cancelOthers(keep: number | null, reason: string): void;
  /** The single point that decides a race: `won` when this response is the caller's answer, `late` when another was before it. */
  answerCaller(response: FinalResponse): "won" | "late";
  /** The INVITE as it came in; its bytes stay until its final answer is acknowledged. Null after that. */
  invite(): Message | null;
}
