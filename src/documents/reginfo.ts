import { escapeSipText, escapeUri } from "./xml-text.ts";

/** Why a contact is as it is (RFC 3680 §5.2.2). */
export type ContactEvent = "registered" | "created" | "refreshed" | "shortened" | "expired" | "deactivated" | "probation" | "unregistered" | "rejected";

/** One registered contact, or one that has just ended. Texts are bytes as latin1. */
export interface RegContact {
  /** Unique among the AoR's, and stable as long as it is registered. */
  readonly id: string;
  readonly state: "active" | "terminated";
  readonly event: ContactEvent;
  readonly uri: string;
  readonly q: number;
  readonly callId: string;
  readonly cseq: number;
  /** Seconds until it lapses; 0 for one that has ended. */
  readonly expiresSeconds: number;
  /** The instance URN; empty when it gave none. */
  readonly instance: string;
  /** GRUUs (RFC 5628 §5); empty when it has none, or the watcher may not know. */
  readonly publicGruu: string;
  readonly temporaryGruu: string;
}

/** The media type of a registration document. */
export const REGINFO_TYPE = "application/reginfo+xml";

/** A full document around its version number: `head + version + tail` (bytes as latin1). An AoR that never registered is in state `init`. */
export function renderReginfoParts(aor: string, contacts: readonly RegContact[]): { readonly head: string; readonly tail: string } {
  const state = contacts.some((contact) => contact.state === "active") ? "active" : contacts.length === 0 ? "init" : "terminated";
  const inside = contacts.map(contactElement).join("");
  return {
    head: `<?xml version="1.0" encoding="UTF-8"?>\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="`,
    tail:
      `" state="full">\n <registration aor="${escapeUri(aor)}" id="r1" state="${state}"` +
      (inside === "" ? "/>\n" : `>\n${inside} </registration>\n`) +
      `</reginfo>\n`,
  };
}

function contactElement(contact: RegContact): string {
  const { id, state, event, uri, q, callId, cseq, expiresSeconds, instance, publicGruu, temporaryGruu } = contact;
  const expires = state === "active" ? ` expires="${expiresSeconds}"` : "";
  return (
    `  <contact id="${escapeSipText(id)}" state="${state}" event="${event}"${expires}${q === 1 ? "" : ` q="${q}"`} callid="${escapeSipText(callId)}" cseq="${cseq}">\n` +
    `   <uri>${escapeUri(uri)}</uri>\n` +
    (instance === "" ? "" : `   <unknown-param name="+sip.instance">${escapeSipText(`"<${instance}>"`)}</unknown-param>\n`) +
    (publicGruu === "" ? "" : `   <gr:pub-gruu uri="${escapeUri(publicGruu)}"/>\n`) +
    (temporaryGruu === "" ? "" : `   <gr:temp-gruu uri="${escapeUri(temporaryGruu)}" first-cseq="${cseq}"/>\n`) +
    "  </contact>\n"
  );
}
