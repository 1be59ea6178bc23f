import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readAvailability } from "../../src/calendar/ews-answer.ts";
import { availabilityRequest } from "../../src/calendar/ews-request.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { availabilityAnswer, mailboxAnswer, refusedMailbox, soapFault } from "./exchange.ts";

const at = (text: string): number => Date.parse(text);
const span = { from: at("2026-11-21T08:00:00Z"), to: at("2026-11-22T08:00:00Z") };
const one = { start: "2026-11-21T09:00:00", end: "2026-11-21T10:00:00" };
const nine = { start: at("2026-11-21T09:00:00Z"), end: at("2026-11-21T10:00:00Z") };
const schema = fileURLToPath(new URL("../fixtures/xsd-ews/soap-ews.xsd", import.meta.url));

function read(body: string, ...mailboxes: string[]): unknown {
  const result = readAvailability(Buffer.from(body, "utf8").toString("latin1"), mailboxes, span);
  return "get" in result ? [...result.values()] : result;
}

test.skipIf(skipsWithoutXmllint)("requests, and the answers that stand in for Exchange's, are what Exchange's schema has", () => {
  const documents = new Map([
    ["availability", availabilityRequest(["a@mail.test", "o'neil&sons<x>@mail.test", "jörg@mail.test"], span)],
    ["answer", availabilityAnswer(mailboxAnswer([{ ...one, meeting: true }, { ...one, type: "OOF", secret: true }]), refusedMailbox("ErrorMailRecipientNotFound"))],
    ["fault", soapFault("ErrorServerBusy", '<t:Value Name="BackOffMilliseconds">3000</t:Value>')],
  ]);
  expect(schemaMistakes(documents, schema)).toEqual([]);
});

test("a request asks for the whole days around the span, in UTC wherever the server stands", () => {
  const request = availabilityRequest(["a@mail.test"], span);
  expect(request).toContain("<t:StartTime>2026-11-21T00:00:00</t:StartTime><t:EndTime>2026-11-23T00:00:00</t:EndTime>");
});

describe("an event of type", () => {
  test.each([
    ["Busy", "busy"],
    ["Tentative", "tentative"],
    ["OOF", "out-of-office"],
    ["WorkingElsewhere", "working-elsewhere"],
    ["Presenting", "busy"],
  ])("%s is %s", (type, kind) => {
    expect(read(availabilityAnswer(mailboxAnswer([{ ...one, type, meeting: true, secret: true }])), "a")).toEqual([{ kind: "entries", entries: [{ ...nine, kind, hasAttendees: true, isPrivate: true }] }]);
  });
  test.each(["Free", "NoData"])("%s is nothing", (type) => {
    expect(read(availabilityAnswer(mailboxAnswer([{ ...one, type }])), "a")).toEqual([{ kind: "entries", entries: [] }]);
  });
});

test("what lies outside the span is left out, what touches it stays; times may carry a zone", () => {
  const events = [
    { start: "2026-11-21T01:00:00", end: "2026-11-21T08:00:00" },
    { start: "2026-11-22T07:00:00", end: "2026-11-22T23:00:00" },
    { start: "2026-11-21T10:00:00.000+01:00", end: "2026-11-21T10:00:00Z" },
  ];
  expect(read(availabilityAnswer(mailboxAnswer(events)), "a")).toEqual([
    { kind: "entries", entries: [{ ...nine, kind: "busy", hasAttendees: false, isPrivate: false }, { start: at("2026-11-22T07:00:00Z"), end: at("2026-11-22T23:00:00Z"), kind: "busy", hasAttendees: false, isPrivate: false }] },
  ]);
});

describe("answers that break the schema", () => {
  const good = { kind: "entries", entries: [{ ...nine, kind: "busy", hasAttendees: false, isPrivate: false }] };
  const free = { kind: "entries", entries: [] };
  test.each([
    ["a reference that XML forbids", mailboxAnswer([{ ...one, subject: "cut&#x0;off&#0;&#xFFFF;&#8;" }]), good],
    ["elements of a later Exchange", mailboxAnswer([one]).replace("<BusyType>", "<Color>red</Color><BusyType>").replace("<CalendarEventArray", "<Insights a='b'><New/></Insights><CalendarEventArray"), good],
    ["no details", mailboxAnswer([one]).replace(/<CalendarEventDetails>.*<\/CalendarEventDetails>/, ""), good],
    ["one event without an end beside a good one", mailboxAnswer([one, { ...one, end: "" }]), good],
    ["an end before its start beside a good one", mailboxAnswer([one, { start: one.end, end: one.start }]), good],
    ["an empty list", mailboxAnswer([]), free],
    ["no list", mailboxAnswer([]).replace(/<CalendarEventArray.*<\/CalendarEventArray>/, ""), free],
    ["only broken events", mailboxAnswer([{ ...one, end: "later" }]), { kind: "failure", failure: "unreadable", text: "no event of the mailbox can be read" }],
    ["no message", "<FreeBusyResponse/>", { kind: "failure", failure: "unreadable", text: "Exchange's answer says nothing of this mailbox" }],
    ["no view", '<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage></FreeBusyResponse>', { kind: "failure", failure: "unreadable", text: "Exchange's answer says nothing of this mailbox" }],
    ["view None", mailboxAnswer([], "None"), { kind: "failure", failure: "permission", text: "the service account may not see the free and busy times of this mailbox" }],
  ])("%s hurt no other mailbox", (_, mailbox, expected) => {
    expect(read(availabilityAnswer(mailboxAnswer([one]), mailbox, mailboxAnswer([one])), "a", "b", "c")).toEqual([good, expected, good]);
  });
  test.each([
    ["cut off", availabilityAnswer(mailboxAnswer([one])).slice(0, 700)],
    ["garbage", "\u0000\u0001 hello <"],
    ["empty", ""],
    ["a log-in page", "<html><body>Outlook</body></html>"],
    ["a DOCTYPE", `<!DOCTYPE a [<!ENTITY b "c">]>${availabilityAnswer(mailboxAnswer([one]))}`],
    ["fewer mailboxes than asked for", availabilityAnswer()],
    ["more mailboxes than asked for", availabilityAnswer(mailboxAnswer([one]), mailboxAnswer([one]))],
  ])("%s is refused whole", (_, body) => {
    expect(read(body, "a")).toMatchObject({ kind: "failure", failure: "unreadable" });
  });
});

test("a merged view, all that some accounts may see, becomes entries", () => {
  const merged = mailboxAnswer([], "MergedOnly").replace(/<CalendarEventArray.*<\/CalendarEventArray>/, `<MergedFreeBusy>${"0".repeat(36)}2222${"0".repeat(8)}13</MergedFreeBusy>`);
  expect(read(availabilityAnswer(merged), "a")).toEqual([
    {
      kind: "entries",
      entries: [
        { ...nine, kind: "busy", hasAttendees: false, isPrivate: false },
        { start: at("2026-11-21T12:00:00Z"), end: at("2026-11-21T12:15:00Z"), kind: "tentative", hasAttendees: false, isPrivate: false },
        { start: at("2026-11-21T12:15:00Z"), end: at("2026-11-21T12:30:00Z"), kind: "out-of-office", hasAttendees: false, isPrivate: false },
      ],
    },
  ]);
});

test.each([
  ["ErrorNoFreeBusyAccess", "permission"],
  ["ErrorImpersonateUserDenied", "permission"],
  ["ErrorMailRecipientNotFound", "not-found"],
  ["ErrorServerBusy", "throttled"],
  ["ErrorMailboxMoveInProgress", "connection"],
  ["ErrorOfTomorrow", "unreadable"],
  ["<b/>", "unreadable"],
])("the code %s of a mailbox is a failure of kind %s, without a word of Exchange's own", (code, kind) => {
  const [reading] = read(availabilityAnswer(refusedMailbox(code)), "a") as { failure: string; text: string }[];
  expect(reading).toMatchObject({ kind: "failure", failure: kind });
  expect(reading?.text).not.toMatch(/QUARTZFALCON/);
});

test("a busy Exchange says how long to wait", () => {
  expect(read(soapFault("ErrorServerBusy", '<t:Value Name="BackOffMilliseconds">297749</t:Value>'), "a")).toEqual({ kind: "failure", failure: "throttled", text: "Exchange is busy and asks us to wait", retryAfterMs: 297_749 });
  expect(read(soapFault("ErrorServerBusy", '<t:Value Name="BackOffMilliseconds">-1</t:Value>'), "a")).toEqual({ kind: "failure", failure: "throttled", text: "Exchange is busy and asks us to wait" });
});
