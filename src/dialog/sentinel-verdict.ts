/** What one side said to a probe. `lost`: 481, it knows of no such call (RFC 5057 §5.1). `alive`: any other answer: a phone that refuses OPTIONS, or its
 *  CSeq, is there all the same. `silent`: it was asked and did not answer. `unreachable`: it could not be asked (its connection is gone). */
export type ProbeAnswer = "lost" | "alive" | "silent" | "unreachable";

/** What both sides said. `within`: to an OPTIONS inside the dialog; `outside`: to one that belongs to no dialog, which a phone that is silent to
 *  the first is asked before its silence counts. */
export interface ProbeRound {
  readonly kind: "within" | "outside";
  readonly caller: ProbeAnswer;
  readonly callee: ProbeAnswer;
}

/** What earlier rounds have left open. */
export interface Doubt {
  /** A side has said 481 in the round before this. */
  readonly wasLost: boolean;
  /** Since when neither side has answered, ms since 1970; 0: one did. */
  readonly muteSinceMs: number;
}

/** Nothing is open. */
export const noDoubt: Doubt = { wasLost: false, muteSinceMs: 0 };

/** Why a call counts as over. */
export type DeathReason = "lost" | "silent" | "unreachable" | "session";

/** What a round proves. `again`: ask once more, at once; `wait`: when the call's turn comes again. */
export type SentinelVerdict =
  | { readonly kind: "alive" }
  | { readonly kind: "again"; readonly round: ProbeRound["kind"]; readonly doubt: Doubt }
  | { readonly kind: "wait"; readonly doubt: Doubt }
  | { readonly kind: "dead"; readonly reason: DeathReason };

/** When a round began and ended, and how long two phones must be out of reach: one that has lost its connection comes back within minutes (RFC 5626 §4.5). */
export interface RoundTimes {
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly unreachableMs: number;
}

/** Only 481, or silence of both sides, proves that a call is over; 481 is asked for twice, since an answer may cross with something that goes on in the
 *  call. Where a session timer has run out unrefreshed (RFC 4028 §10) the silence of one side is enough. */
export function sentinelVerdict(round: ProbeRound, doubt: Doubt, hasSessionLapsed: boolean, times: RoundTimes): SentinelVerdict {
  const { caller, callee, kind } = round;
  if (kind === "within" && (caller === "lost" || callee === "lost")) {
    return doubt.wasLost ? { kind: "dead", reason: "lost" } : { kind: "again", round: "within", doubt: { ...doubt, wasLost: true } };
  }
  const mute = [caller, callee].filter((answer) => answer === "silent" || answer === "unreachable");
  if (mute.length === 0 || (mute.length === 1 && !hasSessionLapsed)) return { kind: "alive" };
  const muteSinceMs = doubt.muteSinceMs === 0 ? times.beganAtMs : doubt.muteSinceMs;
  if (kind === "within") return { kind: "again", round: "outside", doubt: { wasLost: false, muteSinceMs } };
  if (hasSessionLapsed) return { kind: "dead", reason: "session" };
  if (!mute.includes("unreachable")) return { kind: "dead", reason: "silent" };
  return times.endedAtMs - muteSinceMs >= times.unreachableMs ? { kind: "dead", reason: "unreachable" } : { kind: "wait", doubt: { wasLost: false, muteSinceMs } };
}
