import { hasFields } from "../base/has-fields.ts";
import { parseAor, type Aor } from "../base/ids.ts";
import type { LegPath } from "./leg-path.ts";

/** A person's part as the store keeps it. */
export interface StoredParty {
  readonly id: string;
  readonly aor: Aor;
  readonly direction: "initiator" | "recipient";
  readonly changedAt: number;
}

/** A leg as the store keeps it: `parties` are ids of `StoredParty`. */
export interface StoredLeg {
  readonly tag: string | null;
  readonly parties: readonly string[];
  readonly isHeldByCaller: boolean;
  readonly isHeldByCallee: boolean;
  /** Null in records of earlier versions, and when it is not known. */
  readonly path: Readonly<LegPath> | null;
  /** 0 when no refresh is expected. */
  readonly sessionUntilMs: number;
}

/** A confirmed call as the store keeps it, so that lamps survive a restart. */
export interface StoredCall {
  readonly callId: string;
  readonly fromTag: string;
  readonly from: string;
  readonly to: string;
  readonly callee: Aor | null;
  readonly since: number;
  readonly parties: readonly StoredParty[];
  readonly legs: readonly StoredLeg[];
}

/** Reads what the store gave back; null when it is not what we write (another version's record). */
export function readStoredCall(value: unknown): StoredCall | null {
  if (!hasFields(value)) return null;
  const { callId, fromTag, from, to, callee, since, parties, legs } = value;
  if (typeof callId !== "string" || typeof fromTag !== "string" || typeof from !== "string" || typeof to !== "string") return null;
  if (typeof since !== "number" || !Array.isArray(parties) || !Array.isArray(legs)) return null;
  const readParties = parties.map(readParty);
  const readLegs = legs.map(readLeg);
  if (!isWhole(readParties) || !isWhole(readLegs)) return null;
  return { callId, fromTag, from, to, callee: typeof callee === "string" ? parseAor(callee) : null, since, parties: readParties, legs: readLegs };
}

function readParty(value: unknown): StoredParty | null {
  if (!hasFields(value)) return null;
  const { id, aor, direction, changedAt } = value;
  const person = typeof aor === "string" ? parseAor(aor) : null;
  if (typeof id !== "string" || person === null || typeof changedAt !== "number") return null;
  return direction === "initiator" || direction === "recipient" ? { id, aor: person, direction, changedAt } : null;
}

function readLeg(value: unknown): StoredLeg | null {
  if (!hasFields(value)) return null;
  const { tag, parties, isHeldByCaller, isHeldByCallee, path, sessionUntilMs } = value;
  if ((tag !== null && typeof tag !== "string") || !Array.isArray(parties)) return null;
  return {
    tag,
    parties: parties.filter((id) => typeof id === "string"),
    isHeldByCaller: isHeldByCaller === true,
    isHeldByCallee: isHeldByCallee === true,
    path: readPath(path),
    sessionUntilMs: typeof sessionUntilMs === "number" ? sessionUntilMs : 0,
  };
}

function readPath(value: unknown): LegPath | null {
  if (!hasFields(value)) return null;
  const { callerTarget, calleeTarget, routes, callerCseq, calleeCseq } = value;
  if (typeof callerTarget !== "string" || typeof calleeTarget !== "string" || typeof routes !== "string") return null;
  return typeof callerCseq === "number" && typeof calleeCseq === "number" ? { callerTarget, calleeTarget, routes, callerCseq, calleeCseq } : null;
}

function isWhole<T>(list: readonly (T | null)[]): list is readonly T[] {
  return !list.includes(null);
}
