import type { Reading, Span } from "./adapter.ts";
import type { EwsAccess } from "./ews-transport.ts";

/** What the thread for Exchange is started with. */
export interface EwsThreadData {
  readonly kind: "ews";
  readonly access: EwsAccess;
  /** Requests at a time, a connection each. */
  readonly connections: number;
}

/** What it is told: to read some mailboxes, to give one reading up, or to end. */
export type EwsOrder =
  | { readonly kind: "read"; readonly id: number; readonly mailboxes: readonly string[]; readonly span: Span }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "watch"; readonly mailboxes: readonly string[] }
  | { readonly kind: "end" };

/** What it says. */
export type EwsNews =
  | { readonly kind: "read"; readonly id: number; readonly readings: readonly (readonly [string, Reading])[] }
  | { readonly kind: "changed"; readonly mailbox: string };
