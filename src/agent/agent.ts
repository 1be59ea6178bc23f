import type { Message } from "../sip/message.ts";
import type { Flow, Hop } from "../sip/transport/transport.ts";

/** What a peer can be reached by: an open way, or addresses to try in order. */
export type Way = { readonly kind: "flow"; readonly flow: Flow } | { readonly kind: "hops"; readonly hops: readonly Hop[] } | { readonly kind: "none"; readonly why: string };

/** A dialog of which we are one end (RFC 3261 §12): what NOTIFY needs. A plain value, so that it can be stored. */
export interface AgentDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** The From value of our requests without the tag: name-addr. */
  readonly local: string;
  /** The To value of our requests without the tag. */
  readonly remote: string;
  /** The peer's Contact URI: our request URI. A target refresh gives a new value. */
  readonly target: string;
  /** Route values, in the order in which we write them. */
  readonly routes: readonly string[];
  /** The way that the peer's request came by; tried first while it is open. Never stored. */
  readonly flow: Flow | null;
}

/** One request of ours. Header lines are whole, each with its line end. */
export interface AgentRequest {
  readonly method: string;
  readonly cseq: number;
  readonly headers: string;
  /** False: without a Contact of ours (a dialog of others must not learn of us). */
  readonly hasContact?: false;
  readonly contentType?: string;
  /** Bytes as latin1. */
  readonly body?: string;
}

/** What became of a request: the final response, or why there was none. */
export type AgentOutcome =
  | { readonly kind: "answered"; readonly status: number; readonly response: Message }
  | { readonly kind: "timeout" }
  | { readonly kind: "unreachable"; readonly why: string };

/** Our own user agent: every request that we originate goes through it. */
export interface Agent {
  /** The dialog that a request creates with us as its UAS (RFC 3261 §12.1.1); `localTag` is the tag of our answer. Throws ParseError when it lacks a Contact or has a Record-Route that cannot be read. */
  dialogOf(request: Message, source: Flow, localTag: string): AgentDialog;
  /** The dialog after a request of the peer within it: target and flow renewed (RFC 3261 §12.2.2). */
  refreshed(dialog: AgentDialog, request: Message, source: Flow): AgentDialog;
  /** The Contact value (`<sip:…>`) by which a peer reaches us on that flow. */
  contact(source: Flow): string;
  /** Sends a request within a dialog; `done` is called once, never before `send` returns. The response is a view that is valid during `done` only.
   *  `way`: where it goes, when the caller knows better than the dialog's routes, flow and target. */
  send(dialog: AgentDialog, request: AgentRequest, done: (outcome: AgentOutcome) => void, way?: Way | Promise<Way>): void;
}
