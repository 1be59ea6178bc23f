import { imWord } from "./im-status.ts";
import { PIDF_NAMESPACE, renderPidf, type PidfState } from "./pidf.ts";
import { renderXpidf } from "./xpidf.ts";
import { bytesOf, escapeXml } from "./xml-text.ts";

/** The forms of a presence document: PIDF with RPID; the same with the old `im:` status for Snom phones before firmware 8; the same with Digium's
 *  own status; XPIDF for Polycom. */
export type PresenceForm = "pidf" | "im" | "digium" | "xpidf";

/** Every form, the standard one first. */
export const PRESENCE_FORMS: readonly PresenceForm[] = ["pidf", "im", "digium", "xpidf"];

/** A body with its media type; bytes as latin1. */
export interface Body {
  readonly contentType: string;
  readonly body: string;
}

const PIDF = "application/pidf+xml";
const XPIDF = "application/xpidf+xml";

/** The media types that presence is written in, the preferred one first. */
export const PRESENCE_TYPES: readonly string[] = [PIDF, XPIDF];

/** The form that a watcher gets: its phone's own where its Accept header (`accept`, lower case; empty when it gave none) lets it have that, else one that it named. */
export function acceptedForm(wanted: PresenceForm, accept: readonly string[]): PresenceForm {
  if (accept.length === 0 || accept.includes(wanted === "xpidf" ? XPIDF : PIDF)) return wanted;
  return wanted === "xpidf" ? "pidf" : "xpidf";
}

/** A person's state for watchers who subscribed to `entity` and want that form. */
export function renderPresence(form: PresenceForm, state: PidfState, entity: string): Body {
  switch (form) {
    case "pidf":
      return { contentType: PIDF, body: renderPidf(state, entity) };
    case "im": {
      const note = state.note === "" ? "" : `<note>${bytesOf(escapeXml(state.note))}</note>`;
      return { contentType: PIDF, body: renderPidf({ ...state, im: state.im ?? imWord(state) }, entity, { tupleNote: note }) };
    }
    case "digium":
      return { contentType: PIDF, body: renderPidf(state, entity, { tupleId: "digium-presence", inStatus: digiumStatus(state) }) };
    case "xpidf":
      return { contentType: XPIDF, body: renderXpidf(state, entity) };
  }
}

/** DEVIATION: Digium and Sangoma phones read `<digium_presence>` in the namespace of PIDF, which its schema has no room for. It stands in the
 *  one tuple that there is, under the id that the phones look for. */
function digiumStatus(state: PidfState): string {
  const [type, subtype] = digiumType(state);
  return `<digium_presence xmlns="${PIDF_NAMESPACE}" type="${type}" subtype="${subtype}">${bytesOf(escapeXml(state.note))}</digium_presence>`;
}

function digiumType({ basic, activities, note }: PidfState): readonly [string, string] {
  const name = activities[0]?.name;
  if (basic === "closed") return ["unavailable", ""];
  switch (name) {
    case undefined:
    case "unknown":
    case "working":
      return ["available", ""];
    case "on-the-phone":
      return ["away", "on-the-phone"];
    case "busy":
      return ["dnd", note === "Do not disturb" ? "" : "busy"];
    case "meal":
      return ["away", "lunch"];
    case "vacation":
    case "holiday":
    case "travel":
    case "permanent-absence":
      return ["xa", name];
    default:
      return ["away", name === "away" ? "" : name];
  }
}
