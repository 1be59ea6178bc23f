import { json, refusal, type AdminReply, type AdminRequest, type AdminRoute } from "./admin/route.ts";
import type { Aor } from "./base/ids.ts";
import { MESSAGE_CLASSES, MESSAGE_COUNT_MAX, type MessageClass, type MessageCounts, type MessageSummary } from "./documents/message-summary.ts";
import { unicodeOf } from "./documents/xml-text.ts";
import { isCount } from "./mailbox/mailbox-table.ts";
import { alertInfoPreview, pickupPreview, preview, PREVIEW_STATES, previewState, type PreviewBody } from "./phone-preview.ts";
import { BUILT_IN } from "./phones/built-in.ts";
import type { Match } from "./phones/phone-table.ts";
import type { Server } from "./server.ts";

/** What the calls about phones read and write. */
export type PhoneParts = Pick<Server, "directory" | "registrar" | "phones" | "mailboxes" | "checkSync">;

/** The person that a path names, or nobody; `answer` is asked for a person alone. */
type OfPerson = (answer: (aor: Aor, request: AdminRequest) => AdminReply | Promise<AdminReply>) => AdminRoute["answer"];

/** The calls about phones: what one would be sent, asking one to reload, its message lamp. */
export function phoneRoutes(parts: PhoneParts, of: OfPerson): readonly AdminRoute[] {
  return [
    { method: "GET", path: "/api/phones", access: "token", answer: ({ query }) => phonesAnswer(parts, query) },
    {
      method: "POST",
      path: "/api/phones/:aor/check-sync",
      access: "token",
      answer: of(async (aor, { body }) => {
        const reboot = rebootOf(body);
        if (typeof reboot === "string") return refusal(400, "bad_request", reboot);
        const results = await parts.checkSync(aor, reboot);
        if (results.length === 0) return refusal(409, "not_registered", `no phone of ${aor} is registered: there is nobody to ask`);
        return json({ aor, phones: results.map(({ contact, userAgent, status, outcome }) => ({ contact: unicodeOf(contact), user_agent: unicodeOf(userAgent), status, outcome })) });
      }),
    },
    {
      method: "POST",
      path: "/api/message-summary/:aor",
      access: "token",
      answer: of((aor, { body }) => {
        const summary = summaryOf(body);
        if (typeof summary === "string") return refusal(400, "bad_request", summary);
        parts.mailboxes.set(aor, summary);
        return json(mailboxAnswer(parts, aor));
      }),
    },
    { method: "GET", path: "/api/message-summary/:aor", access: "token", answer: of((aor) => json(mailboxAnswer(parts, aor))) },
    {
      method: "DELETE",
      path: "/api/message-summary/:aor",
      access: "token",
      answer: of((aor) => {
        parts.mailboxes.set(aor, null);
        return json(mailboxAnswer(parts, aor));
      }),
    },
  ];
}

/** With `user_agent`: what that phone is sent, in one state or in all. Without: the profiles, and the phones that are registered. */
function phonesAnswer(parts: PhoneParts, { user_agent: userAgent, state }: Readonly<Record<string, string>>): AdminReply {
  const { phones, registrar, directory } = parts;
  if (userAgent === undefined) {
    if (state !== undefined) return refusal(400, "no_user_agent", 'write "user_agent=…": what the phone calls itself');
    const registered = registrar.bindings().map(({ aor, uri, userAgent: name }) => ({ aor, contact: unicodeOf(uri), user_agent: unicodeOf(name), profile: phones.profileOf(name).name }));
    return json({ profiles: BUILT_IN.map(({ profile, match, why }) => ({ name: profile.name, match: match?.source ?? null, why })), states: PREVIEW_STATES, registered });
  }
  const wanted = state === undefined ? PREVIEW_STATES : [previewState(state)];
  const match = phones.matchOf(userAgent);
  const documents = [];
  for (const one of wanted) {
    if (one === null) return refusal(400, "unknown_state", `there is no state "${state ?? ""}"; write one of ${PREVIEW_STATES.join(", ")}`);
    const { presence, dialog, messageSummary, featureEvent } = preview(match.profile, directory.domain, one);
    documents.push({ state: one, presence: shown(presence), dialog: shown(dialog), "message-summary": shown(messageSummary), "as-feature-event": shown(featureEvent) });
  }
  return json({
    user_agent: userAgent,
    ...settingsOf(match),
    pickup: { form: match.profile.pickup, request: pickupPreview(match.profile, directory.domain) },
    alert_info: { form: match.profile.alertInfo, values: alertInfoPreview(match.profile) },
    documents,
  });
}

function shown({ contentType, body }: PreviewBody): { readonly content_type: string; readonly body: string } {
  return { content_type: contentType, body: unicodeOf(body) };
}

function settingsOf({ profile, rule, builtIn }: Match): Readonly<Record<string, unknown>> {
  const { name, presence, dialogs, dialog, publish, digest, accept, gone } = profile;
  return {
    profile: name,
    rule: rule === 0 ? null : rule,
    why: builtIn.why,
    settings: { presence, dialogs, idle: dialog.idle, caller: dialog.caller, remote: dialog.remote, hold: dialog.hold, publish, digest, accept, gone },
  };
}

function rebootOf(body: unknown): boolean | null | string {
  if (body === undefined || body === null) return null;
  if (typeof body !== "object" || Array.isArray(body)) return 'write { "reboot": true }, { "reboot": false } or nothing';
  const { reboot, ...others }: Record<string, unknown> = { ...body };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `unknown key "${unknown}"; write "reboot"`;
  return reboot === undefined || typeof reboot === "boolean" ? (reboot ?? null) : '"reboot" is true or false';
}

function mailboxAnswer({ mailboxes }: PhoneParts, aor: Aor): unknown {
  const mailbox = mailboxes.get(aor);
  const counts = Object.fromEntries([...(mailbox?.counts ?? [])].map(([name, { fresh, old, urgentFresh, urgentOld }]) => [keyOf(name), { new: fresh, old, urgent_new: urgentFresh, urgent_old: urgentOld }]));
  return { aor, waiting: mailbox?.isWaiting ?? false, account: mailbox === null || mailbox.account === "" ? null : mailbox.account, ...counts, since: mailbox === null ? null : new Date(mailbox.since).toISOString() };
}

/** `voice` for `voice-message`. */
function keyOf(name: MessageClass): string {
  return name.replace("-message", "");
}

/** Reads `{ waiting?, account?, voice?: { new, old, urgent_new?, urgent_old? }, fax?: … }`; `new` and `old` alone mean voice. Without `waiting` the lamp is lit when
 *  anything is new. A text says what is wrong. */
function summaryOf(body: unknown): MessageSummary | string {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return 'write { "voice": { "new": 2, "old": 5 } } or { "waiting": true }';
  const { waiting, account, new: fresh, old, ...classes }: Record<string, unknown> = { ...body };
  if (waiting !== undefined && typeof waiting !== "boolean") return '"waiting" is true or false';
  if (account !== undefined && (typeof account !== "string" || !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,255}$/i.test(account))) return '"account" is a URI such as sip:voicemail@example.test';
  const counts = new Map<MessageClass, MessageCounts>();
  const written = Object.entries(classes);
  if (fresh !== undefined || old !== undefined) written.push(["voice", { new: fresh ?? 0, old: old ?? 0 }]);
  for (const [key, value] of written) {
    const name = MESSAGE_CLASSES.find((one) => keyOf(one) === key);
    if (name === undefined) return `unknown key "${key}"; write ${MESSAGE_CLASSES.map(keyOf).join(", ")}, "waiting" or "account"`;
    if (counts.has(name)) return `"${key}" is given twice`;
    const read = countsOf(value);
    if (read === null) return `"${key}" is { "new": 2, "old": 5 } with whole numbers from 0 to ${MESSAGE_COUNT_MAX}, and "urgent_new", "urgent_old" among them`;
    counts.set(name, read);
  }
  if (waiting === undefined && counts.size === 0) return 'write "waiting", or how many messages there are: { "voice": { "new": 2, "old": 5 } }';
  return { isWaiting: waiting ?? [...counts.values()].some((count) => count.fresh > 0), account: account ?? "", counts };
}

function countsOf(value: unknown): MessageCounts | null {
  if (typeof value !== "object" || value === null) return null;
  const { new: fresh = 0, old = 0, urgent_new: urgentFresh = 0, urgent_old: urgentOld = 0, ...others }: Record<string, unknown> = { ...value };
  if (Object.keys(others).length > 0 || !isCount(fresh) || !isCount(old) || !isCount(urgentFresh) || !isCount(urgentOld)) return null;
  return urgentFresh > fresh || urgentOld > old ? null : { fresh, old, urgentFresh, urgentOld };
}
