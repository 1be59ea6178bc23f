import type { Aor } from "../base/ids.ts";
import type { Message } from "../sip/message.ts";
import type { ForkControl } from "./fork-control.ts";

/** An INVITE that is being forked, as its observers see it. One value from the first to the last report. */
export interface ObservedFork {
  /** Unique within the process. */
  readonly id: number;
  readonly callId: string;
  readonly fromTag: string;
  /** The From and To values as written. */
  readonly from: string;
  readonly to: string;
  /** The caller's Contact URI; empty when it gave none. */
  readonly contact: string;
  /** The caller when it is a user of ours. */
  readonly caller: Aor | null;
  /** Whom the caller dialled, when that is a user of ours. */
  readonly callee: Aor | null;
  readonly control: ForkControl;
}

/** Watches all calls that pass: the dialog table's port. Called synchronously, in the order of the messages; a view on a message is valid during the call only. */
export interface CallObserver {
  /** An INVITE outside a dialog is about to be sent to its first branches. */
  onInvite(fork: ObservedFork): void;
  /** A branch answered: 101-199, 2xx, or a final failure. `aor` is whose device the branch is. Also called for each further 2xx. */
  onBranchResponse(fork: ObservedFork, branch: number, aor: Aor | null, response: Message): void;
  /** A branch ended without an answer of its own (timeout, lost connection, cancelled). */
  onBranchEnd(fork: ObservedFork, branch: number): void;
  /** The caller got a final answer: 2xx from a branch, or the failure `status`; nothing rings any more. */
  onForkEnd(fork: ObservedFork, status: number): void;
  /** A request within a dialog passes (BYE, re-INVITE, UPDATE, …), before it is forwarded. */
  onDialogRequest(request: Message): void;
  /** The final response to such a request passes. */
  onDialogResponse(method: string, callId: string, response: Message): void;
  /** No response came to such a request, which is a view on it. */
  onDialogSilence(request: Message): void;
}
