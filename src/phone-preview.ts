import type { Aor } from "./base/ids.ts";
import { aorOf } from "./base/ids.ts";
import { lampBody } from "./blf/dialog-package.ts";
import type { Dialog } from "./dialog/dialog.ts";
import { renderFeatureEvents } from "./documents/feature-event.ts";
import { renderMessageSummary, type MessageSummary } from "./documents/message-summary.ts";
import type { PidfState } from "./documents/pidf.ts";
import { renderPresence } from "./documents/presence-body.ts";
import type { Activity, ActivityName } from "./documents/rpid.ts";
import { alertInfo, RING_KINDS } from "./phones/alert-info.ts";
import type { PhoneProfile } from "./phones/profile.ts";

/** The states of which a phone's documents can be seen. */
export const PREVIEW_STATES = ["available", "ringing", "calling", "on-the-phone", "hold", "call-waiting", "ended", "away", "busy", "do-not-disturb", "meeting", "vacation", "offline", "messages"] as const;

/** One of them: `ringing`. */
export type PreviewState = (typeof PREVIEW_STATES)[number];

/** The state of that name; null when there is none. */
export function previewState(text: string): PreviewState | null {
  return PREVIEW_STATES.find((one) => one === text) ?? null;
}

/** One body as a phone is sent it. Bytes as latin1. */
export interface PreviewBody {
  readonly contentType: string;
  readonly body: string;
}

/** What a phone of that profile is sent for one state of an example person, by event. */
export interface Preview {
  readonly state: PreviewState;
  readonly presence: PreviewBody;
  readonly dialog: PreviewBody;
  readonly messageSummary: PreviewBody;
  readonly featureEvent: PreviewBody;
}

/** Example people: 101 is watched, 102 and 103 talk with him. Times are fixed, so that the same question has the same answer. */
const SINCE = Date.UTC(2026, 10, 20, 14, 3, 7);
const MEETING = { from: Date.UTC(2026, 10, 20, 14), until: Date.UTC(2026, 10, 20, 15) };

/** The documents that a phone of that profile would be sent, rendered by what writes the real ones. */
export function preview(profile: PhoneProfile, domain: string, state: PreviewState): Preview {
  const aor = aorOf("101", domain);
  const presence = renderPresence(profile.presence, presenceOf(state), aor);
  const { contentType, head, tail } = lampBody(profile, aor, dialogsOf(state, aor, domain));
  const features = renderFeatureEvents("101", [{ kind: "do-not-disturb", isOn: state === "do-not-disturb" }]);
  return {
    state,
    presence,
    dialog: { contentType, body: `${head}1${tail}` },
    messageSummary: { contentType: "application/simple-message-summary", body: renderMessageSummary(state === "messages" ? WAITING : NOTHING_WAITING, aor) },
    featureEvent: features,
  };
}

/** How a phone of that profile takes a call from 102 that rings at 101: what its key sends, by the document of state `ringing`. */
export function pickupPreview({ pickup }: PhoneProfile, domain: string): readonly string[] {
  const replaces = "Replaces: a84b4c76e66710@192.0.2.102;to-tag=caller-tag;from-tag=callee-tag;early-only";
  switch (pickup) {
    case "replaces":
    case "remote-target":
      return [`INVITE sip:102@${domain} SIP/2.0`, replaces];
    case "code":
      return [`INVITE sip:**101@${domain} SIP/2.0`];
  }
}

/** The Alert-Info headers of that profile, by kind of call. */
export function alertInfoPreview({ alertInfo: form }: PhoneProfile): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(RING_KINDS.map((kind) => [kind, alertInfo(form, kind)]));
}

const NO_MESSAGES: MessageSummary["counts"] = new Map([["voice-message", { fresh: 0, old: 0, urgentFresh: 0, urgentOld: 0 }]]);
const NOTHING_WAITING: MessageSummary = { isWaiting: false, account: "", counts: NO_MESSAGES };
const WAITING: MessageSummary = { isWaiting: true, account: "", counts: new Map([["voice-message", { fresh: 2, old: 8, urgentFresh: 0, urgentOld: 1 }]]) };

function presenceOf(state: PreviewState): PidfState {
  const say = (note: string, name: ActivityName | null, more: Partial<Activity> = {}): PidfState => ({ basic: "open", note, activities: name === null ? [] : [{ name, ...more }], since: SINCE });
  switch (state) {
    case "available":
    case "ended":
    case "messages":
      return say("Available", null);
    case "ringing":
    case "calling":
      return say("Ringing", "on-the-phone");
    case "on-the-phone":
    case "call-waiting":
      return say("On the phone", "on-the-phone");
    case "hold":
      return say("On hold", "on-the-phone");
    case "away":
      return say("Away", "away");
    case "busy":
      return say("Busy", "busy");
    case "do-not-disturb":
      return say("Do not disturb", "busy");
    case "meeting":
      return say("In a meeting", "meeting", MEETING);
    case "vacation":
      return say("Out of office", "vacation");
    case "offline":
      return { ...say("Offline", null), basic: "closed" };
  }
}

function dialogsOf(state: PreviewState, aor: Aor, domain: string): readonly Dialog[] {
  const first: Dialog = {
    id: "d1",
    aor,
    callId: "a84b4c76e66710@192.0.2.102",
    localTag: "callee-tag",
    remoteTag: "caller-tag",
    direction: "recipient",
    state: "early",
    local: { uri: aor, display: "Bob Brown" },
    remote: { uri: `sip:102@${domain}`, display: "Alice Adams" },
    onHold: false,
    since: SINCE,
    changedAt: SINCE,
  };
  switch (state) {
    case "ringing":
      return [first];
    case "calling":
      return [{ ...first, direction: "initiator", localTag: "caller-tag", remoteTag: "callee-tag" }];
    case "on-the-phone":
      return [{ ...first, state: "confirmed" }];
    case "hold":
      return [{ ...first, state: "confirmed", onHold: true }];
    case "call-waiting":
      return [{ ...first, state: "confirmed" }, { ...first, id: "d2", callId: "c7e1f0@192.0.2.103", localTag: "callee-2", remoteTag: "caller-2", remote: { uri: `sip:103@${domain}`, display: "Carol Clark" } }];
    case "ended":
      return [{ ...first, state: "terminated" }];
    case "available":
    case "away":
    case "busy":
    case "do-not-disturb":
    case "meeting":
    case "vacation":
    case "offline":
    case "messages":
      return [];
  }
}
