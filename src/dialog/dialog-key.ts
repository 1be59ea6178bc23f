import type { Party } from "./party.ts";

/** How a dialog is named by who wants to reach its fork: by its id, or as a Replaces header does (RFC 3891 §6.1; some phones give no tags). */
export type DialogKey = { readonly id: string } | { readonly callId: string; readonly localTag?: string; readonly remoteTag?: string };

/** True when that is the name of a person's part in a call. */
export function isNamed(party: Party, dialog: DialogKey): boolean {
  if ("id" in dialog) return party.id === dialog.id;
  const { start } = party;
  const isInitiator = party.direction === "initiator";
  const localTag = isInitiator ? start.fromTag : party.tag;
  const remoteTag = isInitiator ? party.tag : start.fromTag;
  return start.callId === dialog.callId && (dialog.localTag ?? localTag) === localTag && (dialog.remoteTag ?? remoteTag) === remoteTag;
}
