import type { PROFILE_NAMES } from "../config/phones-schema.ts";
import { STANDARD_DIALOG_FORM } from "../documents/dialog-info.ts";
import type { PhoneProfile } from "./profile.ts";

/** A profile that we know, and the phones that it is for. */
export interface BuiltInProfile {
  /** On the User-Agent; null for the profile of all others. */
  readonly match: RegExp | null;
  /** What the phone does differently, for the page and docs/phones.md. */
  readonly why: string;
  readonly profile: PhoneProfile & { readonly name: (typeof PROFILE_NAMES)[number] };
}

/** The phone that follows the RFCs. */
export const STANDARD: PhoneProfile & { readonly name: "standard" } = {
  name: "standard",
  presence: "pidf",
  dialogs: "all",
  dialog: STANDARD_DIALOG_FORM,
  publish: "pidf",
  pickup: "replaces",
  alertInfo: "urn",
  digest: null,
  accept: "honoured",
  lists: "standard",
  gone: [],
  overload: 480,
};

/** The built-in profiles, in the order in which they are tried; the standard one comes last. */
export const BUILT_IN: readonly BuiltInProfile[] = [
  {
    match: /^snom(?:\w*\/| )(?:[1-7])\./i,
    // DEVIATION: Snom firmware before 8 is sent `<im:im>`, which no RFC has.
    why: "Snom firmware before 8 knows no RPID: it publishes and shows the old im: status.",
    profile: { ...STANDARD, name: "snom-old", presence: "im", publish: "im", pickup: "remote-target", alertInfo: "snom" },
  },
  {
    match: /^(?:mozilla\/4\.0 \(compatible; )?snom/i,
    why: "Picks up by INVITE to the remote target with Replaces; needs call-id, direction, local and remote. Repeats its body with every PUBLISH refresh.",
    profile: { ...STANDARD, name: "snom", publish: "im", pickup: "remote-target", alertInfo: "snom" },
  },
  {
    match: /^yealink/i,
    why: "Takes an empty document for an error: needs a dialog even when idle. Picks up by Replaces made of call-id and both tags.",
    profile: { ...STANDARD, name: "yealink", publish: "none", alertInfo: "yealink" },
  },
  {
    match: /^poly(?:com|edge|ccx|trio|\/|[ -]|$)/i,
    why: "Shows XPIDF; never publishes. Refuses a NOTIFY whose CSeq goes backwards; needs call-id and tags for its native pickup.",
    profile: { ...STANDARD, name: "polycom", presence: "xpidf", publish: "none", alertInfo: "polycom" },
  },
  {
    match: /^grandstream/i,
    why: "Picks up by a prefix before the extension.",
    profile: { ...STANDARD, name: "grandstream", publish: "none", pickup: "code", alertInfo: "bellcore" },
  },
  {
    match: /^(?:cisco|linksys|sipura)\/(?:spa|pap|wip)/i,
    // DEVIATION: a lamp of the SPA962 does not show every dialog, nor a caller's true state (RFC 4235 §3.7.1).
    why: "The SPA962 crashes on a document with several dialogs, and blinks for a caller as if his own phone rang.",
    profile: { ...STANDARD, name: "cisco-spa", dialogs: "one", dialog: { ...STANDARD_DIALOG_FORM, caller: "confirmed" }, publish: "none", pickup: "code", alertInfo: "bellcore" },
  },
  {
    match: /^cisco/i,
    why: "Picks up by INVITE to a pickup address.",
    profile: { ...STANDARD, name: "cisco", publish: "none", pickup: "code", alertInfo: "bellcore" },
  },
  {
    match: /^(?:aastra|mitel)/i,
    why: "Needs a dialog even when idle; picks up by a prefix before the extension.",
    profile: { ...STANDARD, name: "aastra", publish: "none", pickup: "code", alertInfo: "bellcore" },
  },
  {
    match: /\b(?:bria|eyebeam|x-lite|counterpath)/i,
    why: "Full RPID in both directions; needs a dialog even when idle.",
    profile: { ...STANDARD, name: "bria" },
  },
  {
    match: /digium|sangoma/i,
    why: "Reads its own <digium_presence> beside PIDF.",
    profile: { ...STANDARD, name: "digium", presence: "digium", publish: "none", pickup: "code" },
  },
  {
    match: /linphone|belle-sip/i,
    // DEVIATION: linphone 5.1 ignores the NOTIFY of a list whose event is not written "Presence", and finds no part whose header is not written "Content-Id", or has the angle brackets of RFC 2045 §7.
    why: "Publishes PIDF; after it quits it answers a late NOTIFY with 481, which ends the subscription. Reads lists in a form of its own.",
    profile: { ...STANDARD, name: "linphone", lists: "linphone" },
  },
  {
    match: /^(?:thomson|technicolor)/i,
    why: "Blinks for an early call of which the user is the recipient, is steady for callers and confirmed ones; picks up by a star code.",
    profile: { ...STANDARD, name: "technicolor", publish: "none", pickup: "code", alertInfo: "bellcore" },
  },
  { match: null, why: "Everything else: what the RFCs say, with a dummy dialog for idle lamps.", profile: STANDARD },
];
