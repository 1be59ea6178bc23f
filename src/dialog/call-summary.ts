import type { Call } from "./call.ts";
import { participant, type People } from "./dialog-view.ts";

/** One call as an operator sees it. */
export interface CallSummary {
  readonly callId: string;
  readonly state: "trying" | "early" | "confirmed";
  /** URIs. */
  readonly from: string;
  readonly to: string;
  /** ms since 1970. */
  readonly since: number;
}

/** What an operator sees of a call. */
export function callSummary({ start, parties, state }: Call, people: People): CallSummary {
  const caller = parties.find((party) => party.direction === "initiator");
  const callee = parties.find((party) => party.direction === "recipient" && party.state === "confirmed")?.aor ?? start.callee;
  return {
    callId: start.callId,
    state,
    from: caller?.aor ?? participant(start.from, people).uri,
    to: callee ?? participant(start.to, people).uri,
    since: start.since,
  };
}
