import type { Message } from "../message.ts";

/** A transaction; 0 is none. Valid until the transaction ends, harmless after. */
export type TransactionId = number;

/** Whom a transaction tells what happens. A response is a view that is valid during the call only. */
export interface TransactionUser {
  /** A client's response: provisional, success (each 2xx of an INVITE), or the failure. */
  onResponse(transaction: TransactionId, response: Message): void;
  /** A client got no final answer in time; an INVITE server's final answer was never acknowledged. */
  onTimeout(transaction: TransactionId): void;
  /** A client's connection was lost before a final answer came. */
  onUnreachable(transaction: TransactionId, why: string): void;
  /** An INVITE server's request was cancelled by its sender; the CANCEL itself has been answered. */
  onCancel(transaction: TransactionId, cancel: Message): void;
}
