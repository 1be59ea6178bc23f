import type { Aor } from "../base/ids.ts";
import type { Edits } from "../sip/edits.ts";
import type { Message } from "../sip/message.ts";
import type { Answer } from "../sip/response.ts";
import type { Flow } from "../sip/transport/transport.ts";
import type { SipUri } from "../sip/uri.ts";
import type { Target } from "./target.ts";
import type { Verdict } from "./verdict.ts";

/** One request on its way through the features: any method, outside a dialog or within one that we end ourselves. */
export interface Call {
  /** The request. Valid until the hook returns: a hook that waits takes a `copy`. */
  readonly message: Message;
  /** Where it came from. */
  readonly source: Flow;
  /** The request URI as it stands now (a retarget changes it). */
  readonly uri: SipUri;
  /** The person whom the request URI names, in canonical form; null when it names none of ours. */
  readonly aor: Aor | null;
  /** True when the request URI's host is ours. */
  readonly isOurs: boolean;
  /** Who sent it, once authentication has said so; null for a stranger. */
  readonly caller: Aor | null;
  /** True when the peer is trusted without challenge (authentication.trusted_networks). */
  readonly isTrusted: boolean;
  /** The Route value by which the request wants to go on, past us; null when none is left. */
  readonly nextRoute: string | null;
  /** How many times the pipeline started again for this request. */
  readonly retargets: number;
  /** The tag that our answers put on To; a dialog that we create as its end bears it. */
  readonly localTag: string;
  /** Makes the message one that outlives the hook: before an answer that is given later. */
  keep(): void;
  /** Answers the request, provisionally or finally. Works until a final answer was given, also after the hook returned. */
  reply(answer: Answer): void;
}

/** How a fork ended for its caller, when no branch answered with 2xx. */
export interface Outcome {
  /** The best final response of RFC 3261 §16.7 step 6; 408 when none came, 480 when there was nobody to ask. */
  readonly status: number;
  /** True when a branch rang. */
  readonly hasRung: boolean;
}

/** A behaviour of the server, one line in `features.ts`. Hooks answer at once, or with a promise: the pipeline is synchronous until one does;
 *  a promise has a deadline, and a CANCEL that came meanwhile wins. Features never call one another: they return verdicts. */
export interface Feature {
  readonly name: string;
  /** Features that must stand before this one in the list: checked at start. */
  readonly after: readonly string[];
  onRequest?(call: Call): Verdict | Promise<Verdict>;
  onTargets?(call: Call, targets: readonly Target[]): readonly Target[] | Promise<readonly Target[]>;
  onBranch?(call: Call, target: Target): Edits;
  onReply?(call: Call, response: Message): Edits;
  onFailure?(call: Call, outcome: Outcome): Verdict | Promise<Verdict>;
  onEnd?(call: Call, status: number): void;
}
