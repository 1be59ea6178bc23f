// What the server says, as the pages read it. The shapes are those of `GET /api/…` and of the events.

/** A person's state. */
export interface Presence {
  readonly aor: string;
  readonly basic: string;
  readonly activities: readonly string[];
  readonly note: string;
  readonly since: string | null;
  readonly source: string;
}

/** A state with what comes next, and which sources are silent. */
export interface Tile extends Presence {
  readonly next: { readonly at: string | null; readonly basic: string; readonly activities: readonly string[]; readonly note: string } | null;
  readonly silent: readonly { readonly source: string; readonly reason: string }[];
}

/** One side of a call. */
export interface Party {
  readonly uri: string;
  readonly display: string;
}

/** One call of a person. */
export interface Dialog {
  readonly id: string;
  readonly direction: "initiator" | "recipient";
  readonly state: string;
  readonly on_hold: boolean;
  readonly since: string | null;
  readonly remote: Party;
}

/** A person's lamp. */
export interface Lamp {
  readonly aor: string;
  readonly state: string;
  readonly since: string | null;
  readonly dialogs: readonly Dialog[];
}

/** A person's registered contacts. */
export interface Registration {
  readonly aor: string;
  readonly contacts: readonly { readonly uri: string; readonly expires_at: string | null; readonly user_agent: string; readonly transport: string; readonly received: string }[];
}

/** A call that passes. */
export interface Call {
  readonly call_id: string;
  readonly state: string;
  readonly from: string;
  readonly to: string;
  readonly since: string | null;
}

/** A subscription. */
export interface Subscription {
  readonly resource: string;
  readonly watcher: string;
  readonly event: string;
  readonly expires_at: string | null;
  readonly user_agent: string;
}

/** Somebody of the directory. */
export interface PersonFact {
  readonly aor: string;
  readonly id: string;
  readonly name: string;
  readonly numbers?: readonly string[];
  readonly groups?: readonly string[];
  readonly site?: string;
}

/** Who is signed in. */
export interface Session {
  readonly viewer: "administrator" | "person" | null;
  readonly aor: string | null;
  readonly name: string | null;
  readonly domain: string | null;
}

/** What a stream begins with. */
export interface Snapshot {
  readonly at: string;
  readonly domain: string;
  readonly people: readonly PersonFact[];
  readonly people_count: number;
  readonly presence: readonly Tile[];
  readonly lamps: readonly (Lamp | null)[];
  readonly registrations: readonly Registration[];
}

/** One source's statement in a `why`. */
export interface Input {
  readonly source: string;
  readonly kind: string;
  readonly key: string;
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly note: string | null;
  readonly since: string | null;
  readonly from: string | null;
  readonly until: string | null;
  readonly rank: number | null;
  readonly won: boolean;
  readonly reason: string;
}

/** Why a person's state is what it is. */
export interface Why {
  readonly aor: string;
  readonly at: string | null;
  readonly document: Presence;
  readonly inputs: readonly Input[];
  readonly watchers: readonly { readonly watcher: string; readonly event: string; readonly user_agent: string | null; readonly sent: { readonly at: string | null; readonly what: string; readonly status: number | null } | null }[];
  readonly next_change_at: string | null;
}

/** A person's day. */
export interface History {
  readonly from: string;
  readonly to: string;
  readonly now: string;
  readonly recorded_from: string | null;
  readonly states: readonly (Omit<Presence, "aor" | "since"> & { readonly from: string; readonly until: string; readonly planned: boolean })[];
}

/** What a phone would be sent. */
export interface PhonePreview {
  readonly profile: string;
  readonly why: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly pickup: { readonly form: string; readonly request: readonly string[] };
  readonly alert_info: { readonly form: string; readonly values: Readonly<Record<string, readonly string[]>> };
  readonly documents: readonly (Readonly<Record<"presence" | "dialog" | "message-summary" | "as-feature-event", { readonly content_type: string; readonly body: string }>> & { readonly state: string })[];
}

/** The phones that are registered, and the profiles. */
export interface PhoneList {
  readonly profiles: readonly { readonly name: string; readonly match: string | null; readonly why: string }[];
  readonly states: readonly string[];
  readonly registered: readonly { readonly aor: string; readonly contact: string; readonly user_agent: string; readonly profile: string }[];
}

/** The last hour of the server's health. */
export interface Health {
  readonly step_seconds: number;
  readonly at: readonly number[];
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}
