import { ParseError } from "../base/errors.ts";
import { childOf, type XmlElement } from "../documents/xml.ts";
import type { FailureKind, Reading, Span } from "./adapter.ts";
import type { CalendarEntry, EntryKind } from "./entry.ts";
import { MERGED_MINUTES, windowOf } from "./ews-request.ts";
import { mergedEntries } from "./merged-view.ts";
import { webFailure, type WebFailure } from "./web-failure.ts";
import { descendants, parseCalendarXml } from "./xml-repair.ts";

/** Entries that one mailbox may have in a span. */
const ENTRIES_MAX = 5000;

/** What GetUserAvailability answered for each mailbox, in the order in which they were asked for (bytes as latin1). Elements that are not known are passed over: newer servers write some that no
 *  published schema has. An answer with more or fewer mailboxes than asked for is refused whole: nobody may be shown with another's calendar. Subject, place and guests are never read. */
export function readAvailability(body: string, mailboxes: readonly string[], span: Span): ReadonlyMap<string, Reading> | WebFailure {
  let root: XmlElement;
  try {
    root = parseCalendarXml(body);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return webFailure("unreadable", "Exchange's answer is not to be understood: it is malformed or cut off");
  }
  const soap = childOf(root, "Body");
  if (root.name !== "Envelope" || soap === undefined) return webFailure("unreadable", "what answers there is no Exchange web service");
  const fault = childOf(soap, "Fault");
  if (fault !== undefined) return faultFailure(fault);
  const answers = descendants(soap, "FreeBusyResponse");
  if (answers.length !== mailboxes.length) {
    const message = descendants(soap, "ResponseMessage")[0];
    const code = message === undefined ? "" : codeOf(message);
    if (answers.length === 0 && code !== "" && code !== "NoError") return failureOfCode(code, message);
    return webFailure("unreadable", `Exchange answers for ${String(answers.length)} mailboxes where ${String(mailboxes.length)} were asked for`);
  }
  const readings = new Map<string, Reading>();
  answers.forEach((answer, index) => readings.set(mailboxes[index] ?? "", readingOf(answer, span)));
  return readings;
}

function readingOf(answer: XmlElement, span: Span): Reading {
  const message = childOf(answer, "ResponseMessage");
  if (message === undefined) return webFailure("unreadable", "Exchange's answer says nothing of this mailbox");
  const code = codeOf(message);
  if (message.attributes.get("ResponseClass") === "Error" || (code !== "" && code !== "NoError")) return failureOfCode(code, message);
  const view = childOf(answer, "FreeBusyView");
  if (view === undefined) return webFailure("unreadable", "Exchange's answer says nothing of this mailbox");
  const type = childOf(view, "FreeBusyViewType")?.text ?? "";
  if (type === "None") return webFailure("permission", "the service account may not see the free and busy times of this mailbox");
  const events = childOf(view, "CalendarEventArray")?.children.filter(({ name }) => name === "CalendarEvent") ?? [];
  if (events.length > ENTRIES_MAX) return webFailure("too-large", `more than ${String(ENTRIES_MAX)} events in a few days`);
  const merged = childOf(view, "MergedFreeBusy")?.text;
  const isMerged = childOf(view, "CalendarEventArray") === undefined && merged !== undefined && type !== "FreeBusy" && type !== "Detailed";
  const entries: CalendarEntry[] = [];
  let broken = 0;
  for (const event of events) {
    const entry = entryOf(event);
    if (entry === "broken") broken++;
    else if (entry !== null) entries.push(entry);
  }
  if (broken > 0 && broken === events.length) return webFailure("unreadable", "no event of the mailbox can be read");
  const all = isMerged ? mergedEntries(merged, windowOf(span).from, MERGED_MINUTES) : entries;
  return { kind: "entries", entries: all.filter(({ start, end }) => start < span.to && end > span.from).sort((a, b) => a.start - b.start || a.end - b.end) };
}

const KINDS: ReadonlyMap<string, EntryKind | null> = new Map([["Free", null], ["NoData", null], ["Tentative", "tentative"], ["Busy", "busy"], ["OOF", "out-of-office"], ["WorkingElsewhere", "working-elsewhere"]]);

/** Null for free time; a type that nobody knows fills the time as RFC 5545 §3.2.9 has it: busy. */
function entryOf(event: XmlElement): CalendarEntry | null | "broken" {
  const start = timeOf(childOf(event, "StartTime")?.text);
  const end = timeOf(childOf(event, "EndTime")?.text);
  if (start === null || end === null || end < start) return "broken";
  const known = KINDS.get(childOf(event, "BusyType")?.text ?? "");
  if (known === null || end === start) return null;
  const details = childOf(event, "CalendarEventDetails");
  return { start, end, kind: known ?? "busy", hasAttendees: isTrue(details, "IsMeeting"), isPrivate: isTrue(details, "IsPrivate") };
}

/** A time of an answer: UTC, as we asked, unless it says otherwise. */
function timeOf(text: string | undefined): number | null {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(text ?? "");
  if (parts === null) return null;
  const time = Date.parse(`${parts[1] ?? ""}${parts[2] ?? "Z"}`);
  return Number.isNaN(time) ? null : time;
}

function isTrue(element: XmlElement | undefined, name: string): boolean {
  const text = element === undefined ? "" : (childOf(element, name)?.text ?? "");
  return text === "true" || text === "1";
}

function codeOf(message: XmlElement): string {
  const code = childOf(message, "ResponseCode")?.text ?? "";
  return /^[A-Za-z0-9.]{1,80}$/.test(code) ? code : "";
}

/** Codes of Exchange (MS-OXWSCDATA 2.2.5.24) → what they mean for whoever has to mend it. */
const CODES: ReadonlyMap<string, readonly [FailureKind, string]> = new Map<string, readonly [FailureKind, string]>([
  ["ErrorNoFreeBusyAccess", ["permission", "the service account may not see the free and busy times of this mailbox"]],
  ["ErrorAccessDenied", ["permission", "the service account may not see this mailbox"]],
  ["ErrorImpersonateUserDenied", ["permission", "the service account has no right of impersonation (ApplicationImpersonation)"]],
  ["ErrorImpersonationDenied", ["permission", "the service account has no right of impersonation (ApplicationImpersonation)"]],
  ["ErrorMailRecipientNotFound", ["not-found", "Exchange knows no such mailbox"]],
  ["ErrorNonExistentMailbox", ["not-found", "Exchange knows no such mailbox"]],
  ["ErrorMailboxNotFound", ["not-found", "Exchange knows no such mailbox"]],
  ["ErrorInvalidSmtpAddress", ["not-found", "the mailbox's address is none that Exchange accepts"]],
  ["ErrorInvalidUserPrincipalName", ["not-found", "the mailbox's address is none that Exchange accepts"]],
  ["ErrorServerBusy", ["throttled", "Exchange is busy and asks us to wait"]],
  ["ErrorInternalServerTransientError", ["throttled", "Exchange has trouble of its own and asks us to try later"]],
  ["ErrorTooManyObjectsOpened", ["throttled", "Exchange's limits for the service account are reached"]],
  ["ErrorExceededConnectionCount", ["throttled", "Exchange's limits for the service account are reached"]],
  ["ErrorExceededSubscriptionCount", ["throttled", "Exchange's limits for the service account are reached"]],
  ["ErrorTimeoutExpired", ["timeout", "Exchange did not get the mailbox's answer in time"]],
  ["ErrorRequestStreamTooBig", ["too-large", "Exchange says that the answer is too large"]],
  ["ErrorResultSetTooBig", ["too-large", "the mailbox has more events than Exchange hands out at once"]],
  ["ErrorMailboxLogonFailed", ["connection", "Exchange cannot reach the mailbox's store"]],
  ["ErrorMailboxStoreUnavailable", ["connection", "Exchange cannot reach the mailbox's store"]],
  ["ErrorMailboxMoveInProgress", ["connection", "the mailbox is being moved"]],
  ["ErrorProxyRequestProcessingFailed", ["connection", "Exchange cannot reach the server of this mailbox"]],
  ["ErrorPasswordExpired", ["credentials", "the password of the service account has expired"]],
  ["ErrorAccountDisabled", ["credentials", "the service account is disabled"]],
]);

/** What a code of Exchange means; the words that stand beside it in the answer are never repeated, they name people. */
export function failureOfCode(code: string, message?: XmlElement): WebFailure {
  const [kind, text] = CODES.get(code) ?? ["unreadable", `Exchange reports an error${/^Error[A-Z][A-Za-z]{2,60}$/.test(code) ? ` (${code})` : ""}`];
  return webFailure(kind, text, message === undefined ? undefined : backOffOf(message));
}

function faultFailure(fault: XmlElement): WebFailure {
  const detail = childOf(fault, "detail") ?? fault;
  const written = childOf(detail, "ResponseCode")?.text ?? childOf(fault, "faultcode")?.text.replace(/^[^:]*:/, "") ?? "";
  return failureOfCode(/^[A-Za-z0-9.]{1,80}$/.test(written) ? written : "", detail);
}

/** How long a busy server asks us to wait: `<t:Value Name="BackOffMilliseconds">`; at most a day. */
function backOffOf(element: XmlElement): number | undefined {
  const value = descendants(element, "Value").find(({ attributes }) => attributes.get("Name") === "BackOffMilliseconds")?.text ?? "";
  return /^\d{1,9}$/.test(value) ? Math.min(Number(value), 86_400_000) : undefined;
}
