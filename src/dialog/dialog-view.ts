import type { Aor } from "../base/ids.ts";
import type { DialogParty } from "../documents/dialog-info.ts";
import { bytesOf } from "../documents/xml-text.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { formatSipUri, parseSipUri } from "../sip/uri.ts";
import type { Dialog } from "./dialog.ts";
import type { Party } from "./party.ts";

/** Who is who, as dialogs name people. */
export interface People {
  /** The AoR that a URI means, when it is one of ours. */
  identify(uri: string): Aor | null;
  /** The person's name, Unicode text; empty when there is none. */
  nameOf(aor: Aor): string;
}

/** The longest display name or URI that a dialog shows; what is longer is cut. In bytes. */
export const shownLengthMax = 256;

/** What watchers see (bytes as latin1) of a person's part in a call. */
export function dialogView(party: Party, people: People): Dialog {
  const { start, id, aor, direction, state, onHold, since, changedAt, tag, peer } = party;
  const isInitiator = direction === "initiator";
  const other = isInitiator ? (peer ?? start.callee) : null;
  return {
    id,
    aor,
    callId: start.callId,
    localTag: isInitiator ? start.fromTag : tag,
    remoteTag: isInitiator ? tag : start.fromTag,
    direction,
    state,
    local: { uri: aor, display: nameOf(aor, people) },
    remote: other === null ? participant(isInitiator ? start.to : start.from, people) : { uri: other, display: nameOf(other, people) },
    onHold,
    since,
    changedAt,
  };
}

/** The party that a From or To value names: a person of ours by his AoR and name, anyone else as he calls himself, without the
 *  parameters of his URI. A caller who hides his name stays hidden: only what the message says is used. */
export function participant(value: string, people: People): DialogParty {
  const { display, uri } = addressOf(value);
  const aor = people.identify(uri);
  const shown = clipped(display);
  if (aor !== null) return { uri: aor, display: nameOf(aor, people) || shown };
  const parsed = parseSipUri(uri);
  const plain = parsed === null || parsed.scheme === "other" ? uri : formatSipUri({ ...parsed, password: null, params: "", headers: "" });
  return { uri: clipped(plain), display: shown };
}

function addressOf(value: string): { readonly display: string; readonly uri: string } {
  try {
    return parseNameAddr(value);
  } catch {
    // A From that cannot be read has passed the proxy's checks leniently: whatever stands there is shown.
    return { display: "", uri: value.replace(/[<>"\s].*$/s, "") || "sip:unknown@invalid" };
  }
}

function nameOf(aor: Aor, people: People): string {
  return bytesOf(people.nameOf(aor));
}

function clipped(text: string): string {
  return text.length <= shownLengthMax ? text : text.slice(0, shownLengthMax);
}
