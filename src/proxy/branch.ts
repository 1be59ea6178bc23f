import type { Flow, Hop } from "../sip/transport/transport.ts";
import type { TransactionId } from "../sip/transaction/table.ts";
import type { TimerId } from "../base/timer-wheel.ts";
import type { Target } from "./target.ts";

/** One outgoing request of a fork (RFC 3261 §16.6), mutable while the fork lives. */
export interface ForkBranch {
  /** From 0, in the order in which branches were begun. */
  readonly number: number;
  readonly target: Target;
  /** 0 until sent, and again once over. */
  transaction: TransactionId;
  state: "locating" | "calling" | "ringing" | "answered" | "failed";
  /** Addresses that have not been tried yet. */
  hops: readonly Hop[];
  flow: Flow | null;
  /** True once it shall be cancelled: done as soon as a provisional answer allows it. */
  isCancelled: boolean;
  cancelHeaders: string;
  hasRung: boolean;
  /** True when we ended it for ringing too long: its 487 then means "no answer". */
  hasExpired: boolean;
  /** Timer C, or the target's own ringing time; 0 when none runs. */
  timer: TimerId;
}

/** True while a branch may still answer. */
export function isPending(branch: ForkBranch): boolean {
  return branch.state === "locating" || branch.state === "calling" || branch.state === "ringing";
}
