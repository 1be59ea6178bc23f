import { Call, type CallHost } from "./call.ts";
import type { Party } from "./party.ts";
import type { StoredCall } from "./stored-call.ts";

/** What the store keeps of a confirmed call. */
export function storedCall({ start, parties, legs }: Call): StoredCall {
  const { callId, fromTag, from, to, since, callee } = start;
  return {
    callId,
    fromTag,
    from,
    to,
    since,
    callee,
    parties: parties.filter((party) => party.state === "confirmed").map(({ id, aor, direction, changedAt }) => ({ id, aor, direction, changedAt })),
    legs: legs.map((leg) => ({
      tag: leg.tag,
      parties: [...parties.filter((party) => party.direction === "initiator" && leg.callers.includes(party.aor)), ...leg.parties].map((party) => party.id),
      isHeldByCaller: leg.media.isHeldByCaller,
      isHeldByCallee: leg.media.isHeldByCallee,
      path: leg.path === null ? null : { ...leg.path },
      sessionUntilMs: leg.sessionUntilMs,
    })),
  };
}

/** The call that was kept so; `call.restored()` follows when its table has it. */
export function revivedCall(host: CallHost, key: string, { callId, fromTag, from, to, since, callee, parties, legs }: StoredCall): Call {
  const call = new Call(host, { key, callId, fromTag, from, to, since, callee });
  const byId = new Map<string, Party>();
  for (const { id, aor, direction, changedAt } of parties) {
    const party = call.restoreParty(id, aor, direction, changedAt);
    if (party !== null) byId.set(id, party);
  }
  for (const leg of legs) {
    const own = leg.parties.flatMap((id) => byId.get(id) ?? []);
    call.restoreLeg(leg, own);
  }
  call.isStored = true;
  return call;
}
