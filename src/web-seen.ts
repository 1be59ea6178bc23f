import type { Viewer } from "./admin/route.ts";
import type { Aor } from "./base/ids.ts";
import type { Lamp } from "./blf/lamps.ts";
import type { CallSummary } from "./dialog/call-summary.ts";
import type { Dialog } from "./dialog/dialog.ts";
import type { Directory } from "./directory/directory.ts";
import { parseSipUri } from "./sip/uri.ts";
import { lampAnswer, type LampAnswer } from "./web-answers.ts";
import { viewOf, type View } from "./web-view.ts";

/** What stands where another party is not shown. */
export const HIDDEN_PARTY = { uri: "sip:anonymous@anonymous.invalid", display: "" } as const;

/** The part of the truth that a viewer may see, person by person. */
export interface Seen {
  /** `none` for nobody of ours. */
  view(viewer: Viewer, aor: Aor): View;
  /** Which version of a lamp a viewer sees: null when he is told nothing that changes. */
  lampVersion(viewer: Viewer, lamp: Lamp): string | null;
  /** That version of a lamp. */
  lampAnswer(lamp: Lamp, version: string): LampAnswer;
  /** Whether he may know who talks with whom here. */
  seesCall(viewer: Viewer, call: Pick<CallSummary, "from" | "to">): boolean;
}

/** A lamp of which nothing is said. */
export function darkLamp(aor: Aor): LampAnswer {
  return { aor, state: "idle", since: null, dialogs: [] };
}

/** By the rules of this directory. */
export function seen(directory: Pick<Directory, "user" | "aorOf">): Seen {
  const view = (viewer: Viewer, aor: Aor): View => {
    const person = directory.user(aor);
    return person === null ? "none" : viewOf(viewer, person);
  };
  const oursAt = (text: string): Aor | null => {
    const uri = parseSipUri(text);
    return uri?.user == null ? null : directory.aorOf(uri.user, uri.host);
  };
  const isPrivate = (aor: Aor): boolean => directory.user(aor)?.isPrivate === true;
  /** A page hangs on the wall: what is private is not for the holder of the token either, but for those two themselves. */
  const seesParty = (viewer: Viewer, dialog: Dialog): boolean => {
    const own = viewer.kind === "person" ? viewer.aor : null;
    const other = oursAt(dialog.remote.uri);
    if (own !== null && (own === dialog.aor || own === other)) return true;
    if (isPrivate(dialog.aor) || view(viewer, dialog.aor) !== "all") return false;
    return other === null || (!isPrivate(other) && view(viewer, other) === "all");
  };
  return {
    view,
    lampVersion: (viewer, lamp) => {
      const how = view(viewer, lamp.aor);
      return how === "none" || how === "offline" ? null : lamp.dialogs.map((dialog) => (seesParty(viewer, dialog) ? "1" : "0")).join("");
    },
    lampAnswer: (lamp, version) => {
      const answer = lampAnswer(lamp);
      return { ...answer, dialogs: answer.dialogs.map((dialog, index) => (version[index] === "1" ? dialog : { ...dialog, id: `d${String(index)}`, call_id: "", local_tag: "", remote_tag: "", remote: HIDDEN_PARTY })) };
    },
    seesCall: (viewer, { from, to }) => {
      if (viewer.kind === "administrator") return true;
      const parties = [oursAt(from), oursAt(to)];
      return parties.includes(viewer.aor) || parties.every((aor) => aor === null || (!isPrivate(aor) && view(viewer, aor) === "all"));
    },
  };
}
