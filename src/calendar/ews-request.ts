import { escapeXml, bytesOf } from "../documents/xml-text.ts";
import type { Span } from "./adapter.ts";

const DAY_MS = 86_400_000;

/** The whole days (UTC) around a span: Exchange takes whole days only, up to 62. */
export function windowOf(span: Span): Span {
  return { from: Math.floor(span.from / DAY_MS) * DAY_MS, to: Math.ceil(span.to / DAY_MS) * DAY_MS };
}

/** GetUserAvailability (MS-OXWAVLS) of some mailboxes with every detail that the service account may see, all times in UTC. Bytes as latin1.
 *  Written here and not by ews-javascript-api 0.15.3: that leaves `&` and `<` of an address unescaped, and takes the days from the machine's own time zone while it says that they are UTC's. */
export function availabilityRequest(mailboxes: readonly string[], span: Span): string {
  const { from, to } = windowOf(span);
  const data = mailboxes.map((address) => `<t:MailboxData><t:Email><t:Address>${escapeXml(address)}</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>`);
  return envelope(
    `<m:GetUserAvailabilityRequest>${UTC_ZONE}<m:MailboxDataArray>${data.join("")}</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>${local(from)}</t:StartTime><t:EndTime>${local(to)}</t:EndTime></t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>${String(MERGED_MINUTES)}</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>Detailed</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>`,
  );
}

/** Minutes that each digit of a merged view stands for. */
export const MERGED_MINUTES = 15;

const CHANGE = { bias: "<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>1</t:DayOrder>", end: "<t:DayOfWeek>Sunday</t:DayOfWeek>" };
/** UTC in the form that every Exchange since 2007 takes. */
const UTC_ZONE = `<t:TimeZone><t:Bias>0</t:Bias><t:StandardTime>${CHANGE.bias}<t:Month>10</t:Month>${CHANGE.end}</t:StandardTime><t:DaylightTime>${CHANGE.bias}<t:Month>4</t:Month>${CHANGE.end}</t:DaylightTime></t:TimeZone>`;

function envelope(body: string): string {
  return bytesOf(
    `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><soap:Header><t:RequestServerVersion Version="Exchange2010_SP2"/></soap:Header><soap:Body>${body}</soap:Body></soap:Envelope>`,
  );
}

function local(time: number): string {
  return new Date(time).toISOString().slice(0, 19);
}
