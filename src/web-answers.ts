import type { Lamp } from "./blf/lamps.ts";
import type { CallSummary } from "./dialog/call-summary.ts";
import type { Sentinel } from "./dialog/sentinel.ts";
import type { Dialog } from "./dialog/dialog.ts";
import type { DialogParty } from "./documents/dialog-info.ts";
import { unicodeOf } from "./documents/xml-text.ts";
import type { BindingView } from "./registrar/registrar.ts";
import type { WatcherView } from "./subscription/watcher-view.ts";

/** A person's registrations as the API lists them. Times are ISO 8601 in UTC, null when unknown; texts are Unicode. */
export interface RegistrationAnswer {
  readonly aor: string;
  readonly contacts: readonly { readonly uri: string; readonly expires_at: string | null; readonly user_agent: string; readonly transport: string; readonly received: string }[];
}

/** A call as the API lists it; `terminated` appears in an event only. */
export interface CallAnswer {
  readonly call_id: string;
  readonly state: "trying" | "early" | "confirmed" | "terminated";
  readonly from: string;
  readonly to: string;
  readonly since: string | null;
}

/** A lamp as the API lists it. */
export interface LampAnswer {
  readonly aor: string;
  readonly state: string;
  readonly since: string | null;
  readonly dialogs: readonly {
    readonly id: string;
    readonly call_id: string;
    readonly local_tag: string;
    readonly remote_tag: string;
    readonly direction: "initiator" | "recipient";
    readonly state: string;
    readonly on_hold: boolean;
    readonly since: string | null;
    readonly local: { readonly uri: string; readonly display: string };
    readonly remote: { readonly uri: string; readonly display: string };
  }[];
}

/** A subscription as the API lists it. */
export interface SubscriptionAnswer {
  readonly resource: string;
  readonly watcher: string;
  readonly event: string;
  readonly expires_at: string | null;
  readonly user_agent: string;
}

/** What the API says of a person's bindings. */
export function registrationAnswer(aor: string, bindings: readonly BindingView[]): RegistrationAnswer {
  return {
    aor,
    contacts: bindings.map(({ uri, expiresAt, userAgent, transport, received }) => ({
      uri: unicodeOf(uri),
      expires_at: isoTime(expiresAt),
      user_agent: unicodeOf(userAgent),
      transport,
      received,
    })),
  };
}

/** What the API says of a call. */
export function callAnswer({ callId, state, from, to, since }: CallSummary): CallAnswer {
  return { call_id: unicodeOf(callId), state, from: unicodeOf(from), to: unicodeOf(to), since: isoTime(since) };
}

/** What the API says of a lamp. */
export function lampAnswer({ aor, state, since, dialogs }: Lamp): LampAnswer {
  return { aor, state, since: isoTime(since), dialogs: dialogs.map(dialogAnswer) };
}

/** What the API says of a subscription. */
export function subscriptionAnswer({ resource, watcher, event, expiresAt, userAgent }: WatcherView): SubscriptionAnswer {
  return { resource, watcher: unicodeOf(watcher), event, expires_at: isoTime(expiresAt), user_agent: unicodeOf(userAgent) };
}

function dialogAnswer(dialog: Dialog): LampAnswer["dialogs"][number] {
  return {
    id: dialog.id,
    call_id: unicodeOf(dialog.callId),
    local_tag: unicodeOf(dialog.localTag),
    remote_tag: unicodeOf(dialog.remoteTag),
    direction: dialog.direction,
    state: dialog.state,
    on_hold: dialog.onHold,
    since: isoTime(dialog.changedAt),
    local: partyAnswer(dialog.local),
    remote: partyAnswer(dialog.remote),
  };
}

function partyAnswer({ uri, display }: DialogParty): { readonly uri: string; readonly display: string } {
  return { uri: unicodeOf(uri), display: unicodeOf(display ?? "") };
}

/** Null for 0 (unknown). */
function isoTime(ms: number): string | null {
  return ms > 0 && ms <= 8.64e15 ? new Date(ms).toISOString() : null;
}

/** What the API says of the sentinel: counts since the start, but for what is unexplained or doubted now. */
export function sentinelAnswer({ counts, unexplained, doubted }: Sentinel, adopted: number): Readonly<Record<string, unknown>> {
  return {
    lamps_unexplained: unexplained,
    lamps_mended: counts.mended,
    calls_doubted: doubted,
    calls_healed: { ...counts.healed },
    calls_adopted: adopted,
    phones_mistaken: counts.mistaken,
    probes: { ...counts.probes },
  };
}
