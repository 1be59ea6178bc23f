import { describe, expect, test } from "vitest";
import type { CalendarEntry } from "../../src/calendar/entry.ts";
import { parseCalendar, readCalendar, type CalendarSettings } from "../../src/calendar/icalendar.ts";

const SPAN = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2027, 0, 1) };
const OWNER = "Bob@office.example.test";

const calendarOf = (...components: readonly string[]): string => `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n${components.map((component) => `${component.split("\n").join("\r\n")}\r\n`).join("")}END:VCALENDAR\r\n`;
const event = (...lines: readonly string[]): string => ["BEGIN:VEVENT", ...(lines.some((line) => line.startsWith("UID")) ? [] : ["UID:1"]), "DTSTAMP:20260101T000000Z", "SUMMARY:what nobody may see", ...lines, "END:VEVENT"].join("\n");

/** `03-02 09:00/10:00 busy`: start and end in UTC, the kind, `+` with others, `*` private. */
function inShort({ start, end, kind, hasAttendees, isPrivate }: CalendarEntry): string {
  const [from, until] = [new Date(start).toISOString(), new Date(end).toISOString()];
  const day = from.slice(0, 10) === until.slice(0, 10) ? "" : `${until.slice(5, 10)} `;
  return `${from.slice(5, 10)} ${from.slice(11, 16)}/${day}${until.slice(11, 16)} ${kind}${hasAttendees ? "+" : ""}${isPrivate ? "*" : ""}`;
}

function read(text: string, more: Partial<CalendarSettings> = {}): readonly string[] {
  const reading = readCalendar(text, { owner: [OWNER], zone: "Europe/Brussels", span: SPAN, ...more });
  return reading.kind === "entries" ? reading.entries.map(inShort) : [`${reading.failure}: ${reading.text}`];
}

const MEETING = ["DTSTART:20260302T090000Z", "DTEND:20260302T100000Z"];
const WEEKLY = ["DTSTART;TZID=Europe/Brussels:20260302T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=4"];
const changed = (id: string, ...lines: readonly string[]): string => event(`RECURRENCE-ID;TZID=Europe/Brussels:${id}`, ...lines);
const [W1, W2, W3, W4] = ["03-02 08:00/09:00 busy", "03-09 08:00/09:00 busy", "03-16 08:00/09:00 busy", "03-23 08:00/09:00 busy"] as const;

describe("when an event takes place", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["in UTC", [event(...MEETING)], ["03-02 09:00/10:00 busy"]],
    ["in a zone of its own, in summer", [event("DTSTART;TZID=America/New_York:20260702T090000", "DTEND;TZID=America/New_York:20260702T100000")], ["07-02 13:00/14:00 busy"]],
    ["from one zone to another", [event("DTSTART;TZID=Europe/Brussels:20260302T090000", "DTEND;TZID=America/New_York:20260302T090000")], ["03-02 08:00/14:00 busy"]],
    ["floating: the owner's clock", [event("DTSTART:20260302T090000", "DURATION:PT30M")], ["03-02 08:00/08:30 busy"]],
    ["a whole day: the owner's", [event("DTSTART;VALUE=DATE:20260302")], ["03-01 23:00/03-02 23:00 busy"]],
    ["whole days: the end is not one of them", [event("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260305")], ["03-01 23:00/03-04 23:00 busy"]],
    ["a whole day that ends where it begins, as some write it", [event("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260302")], ["03-01 23:00/03-02 23:00 busy"]],
    ["the day on which the clocks go forward has 23 hours", [event("DTSTART;VALUE=DATE:20260329")], ["03-28 23:00/03-29 22:00 busy"]],
    ["a date without VALUE=DATE", [event("DTSTART:20260302")], ["03-01 23:00/03-02 23:00 busy"]],
    ["P1D is a day of the calendar", [event("DTSTART;TZID=Europe/Brussels:20260328T120000", "DURATION:P1D")], ["03-28 11:00/03-29 10:00 busy"]],
    ["PT24H is as long as it says", [event("DTSTART;TZID=Europe/Brussels:20260328T120000", "DURATION:PT24H")], ["03-28 11:00/03-29 11:00 busy"]],
    ["a name of Windows", [event("DTSTART;TZID=W. Europe Standard Time:20260702T090000", "DURATION:PT1H")], ["07-02 07:00/08:00 busy"]],
    ["a display name of Outlook", [event('DTSTART;TZID="(UTC+01:00) Brussels, Copenhagen, Madrid, Paris":20260702T090000', "DURATION:PT1H")], ["07-02 07:00/08:00 busy"]],
    ["a name with a prefix", [event("DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Brussels:20260702T090000", "DURATION:PT1H")], ["07-02 07:00/08:00 busy"]],
    ["a zone that nobody knows: the owner's", [event("DTSTART;TZID=Nowhere/Land:20260702T090000", "DURATION:PT1H")], ["07-02 07:00/08:00 busy"]],
    [
      "a zone that the calendar describes",
      ["BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19701025T030000\nTZOFFSETFROM:+0500\nTZOFFSETTO:+0400\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19700329T020000\nTZOFFSETFROM:+0400\nTZOFFSETTO:+0500\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\nEND:VTIMEZONE", event("DTSTART;TZID=Ours:20260302T090000", "DURATION:PT1H", "UID:a"), event("DTSTART;TZID=Ours:20260702T090000", "DURATION:PT1H", "UID:b")],
      ["03-02 05:00/06:00 busy", "07-02 04:00/05:00 busy"],
    ],
    ["no end: no time", [event("DTSTART:20260302T090000Z")], []],
    ["an end before its start: no time", [event("DTSTART:20260302T090000Z", "DTEND:20260302T080000Z")], []],
    ["begun before the span", [event("DTSTART;VALUE=DATE:20251220", "DTEND;VALUE=DATE:20260103")], ["12-19 23:00/01-02 23:00 busy"]],
    ["out of the span", [event("DTSTART:20270302T090000Z", "DURATION:PT1H")], []],
    ["whole days that repeat to a date", [event("DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=DAILY;UNTIL=20260303")], ["03-01 23:00/03-02 23:00 busy", "03-02 23:00/03-03 23:00 busy"]],
    ["a rule that began in the last century", [event("DTSTART;TZID=Europe/Brussels:19990104T090000", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1")], ["05-01 07:00/08:00 busy"]],
  ])("%s", (_, components, expected) => {
    expect(read(calendarOf(...components))).toEqual(expected);
  });
});

describe("what becomes of single instances", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["none", [event(...WEEKLY)], [W1, W2, W3, W4]],
    ["one moved", [event(...WEEKLY), changed("20260309T090000", "DTSTART;TZID=Europe/Brussels:20260310T140000", "DURATION:PT2H")], [W1, "03-10 13:00/15:00 busy", W3, W4]],
    ["one moved, named in UTC", [event(...WEEKLY), event("RECURRENCE-ID:20260309T080000Z", "DTSTART;TZID=Europe/Brussels:20260310T140000", "DURATION:PT2H")], [W1, "03-10 13:00/15:00 busy", W3, W4]],
    ["one moved, named by its day alone", [event(...WEEKLY), event("RECURRENCE-ID;VALUE=DATE:20260309", "DTSTART;TZID=Europe/Brussels:20260310T140000", "DURATION:PT2H")], [W1, "03-10 13:00/15:00 busy", W3, W4]],
    ["one cancelled", [event(...WEEKLY), changed("20260309T090000", "DTSTART;TZID=Europe/Brussels:20260309T090000", "DURATION:PT1H", "STATUS:CANCELLED")], [W1, W3, W4]],
    ["one that its owner declined", [event(...WEEKLY), changed("20260309T090000", "DTSTART;TZID=Europe/Brussels:20260309T090000", "DURATION:PT1H", "ORGANIZER:mailto:a@x.test", "ATTENDEE;PARTSTAT=DECLINED:MAILTO:bob@OFFICE.example.test")], [W1, W3, W4]],
    ["one moved away and another excluded", [event(...WEEKLY, "EXDATE;TZID=Europe/Brussels:20260316T090000"), changed("20260309T090000", "DTSTART;TZID=Europe/Brussels:20270310T140000", "DURATION:PT2H")], [W1, W4]],
    ["one moved into the span", [event("DTSTART:20250601T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2"), event("RECURRENCE-ID:20250602T090000Z", "DTSTART:20260602T090000Z", "DURATION:PT1H")], ["06-02 09:00/10:00 busy"]],
    ["the newer of two changes counts", [event(...WEEKLY), changed("20260309T090000", "SEQUENCE:2", "DTSTART;TZID=Europe/Brussels:20260310T140000", "DURATION:PT1H"), changed("20260309T090000", "SEQUENCE:1", "DTSTART;TZID=Europe/Brussels:20260311T140000", "DURATION:PT1H")], [W1, "03-10 13:00/14:00 busy", W3, W4]],
    ["this and all that follow an hour later", [event(...WEEKLY), event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Brussels:20260316T090000", "DTSTART;TZID=Europe/Brussels:20260316T100000", "DURATION:PT30M")], [W1, W2, "03-16 09:00/09:30 busy", "03-23 09:00/09:30 busy"]],
    ["this and all that follow, and one of them again", [event(...WEEKLY), event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Brussels:20260309T090000", "DTSTART;TZID=Europe/Brussels:20260309T100000", "DURATION:PT1H"), changed("20260316T090000", "DTSTART;TZID=Europe/Brussels:20260317T080000", "DURATION:PT1H")], [W1, "03-09 09:00/10:00 busy", "03-17 07:00/08:00 busy", "03-23 09:00/10:00 busy"]],
    ["this and all that follow are called off", [event(...WEEKLY), event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Brussels:20260316T090000", "DTSTART;TZID=Europe/Brussels:20260316T090000", "DURATION:PT1H", "STATUS:CANCELLED")], [W1, W2]],
    ["a guest of one instance alone", [changed("20260309T090000", "DTSTART;TZID=Europe/Brussels:20260309T090000", "DURATION:PT1H")], [W2]],
    ["changed across the change of summer time", [event("DTSTART;TZID=Europe/Brussels:20260323T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=3"), event("RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Brussels:20260323T090000", "DTSTART;TZID=Europe/Brussels:20260323T110000", "DURATION:PT1H")], ["03-23 10:00/11:00 busy", "03-30 09:00/10:00 busy", "04-06 09:00/10:00 busy"]],
  ])("%s", (_, components, expected) => {
    expect(read(calendarOf(...components))).toEqual(expected);
  });
});

const invited = (answer: string): readonly string[] => ["ORGANIZER:mailto:alice@office.example.test", "ATTENDEE:mailto:alice@office.example.test", `ATTENDEE;PARTSTAT=${answer}:mailto:${OWNER.toLowerCase()}`];

describe("what an event says", () => {
  const AT = "03-02 09:00/10:00";
  test.each<[string, readonly string[], readonly string[]]>([
    ["alone", [], [`${AT} busy`]],
    ["cancelled", ["STATUS:CANCELLED"], []],
    ["transparent", ["TRANSP:TRANSPARENT"], []],
    ["free, as Outlook says it", ["X-MICROSOFT-CDO-BUSYSTATUS:FREE"], []],
    ["out of office", ["X-MICROSOFT-CDO-BUSYSTATUS:OOF"], [`${AT} out-of-office`]],
    ["working elsewhere", ["X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"], [`${AT} working-elsewhere`]],
    ["tentative, as Outlook says it", ["X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE"], [`${AT} tentative`]],
    ["tentative", ["STATUS:TENTATIVE"], [`${AT} tentative`]],
    ["accepted", invited("ACCEPTED"), [`${AT} busy+`]],
    ["declined", invited("DECLINED"), []],
    ["handed on to another", invited("DELEGATED"), []],
    ["not answered yet", invited("NEEDS-ACTION"), [`${AT} tentative+`]],
    ["perhaps", invited("TENTATIVE"), [`${AT} tentative+`]],
    ["one's own invitation", ["ORGANIZER:mailto:bob@office.example.test", "ATTENDEE:mailto:alice@office.example.test"], [`${AT} busy+`]],
    ["one's own, with nobody", ["ORGANIZER:mailto:bob@office.example.test", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@office.example.test"], [`${AT} busy`]],
    ["with a room alone", ["ATTENDEE;CUTYPE=ROOM:mailto:board-room@office.example.test"], [`${AT} busy`]],
    ["private", ["CLASS:PRIVATE"], [`${AT} busy*`]],
    ["confidential, with others", ["CLASS:CONFIDENTIAL", ...invited("ACCEPTED")], [`${AT} busy+*`]],
    ["what another declined", ["ORGANIZER:mailto:bob@office.example.test", "ATTENDEE;PARTSTAT=DECLINED:mailto:alice@office.example.test"], [`${AT} busy+`]],
  ])("%s", (_, lines, expected) => {
    expect(read(calendarOf(event(...MEETING, ...lines)))).toEqual(expected);
  });

  test("what blocks no time counts in a calendar of holidays", () => {
    expect(read(calendarOf(event("DTSTART;VALUE=DATE:20260501", "TRANSP:TRANSPARENT", "X-MICROSOFT-CDO-BUSYSTATUS:FREE")), { countsTransparent: true, owner: [] })).toEqual(["04-30 22:00/05-01 22:00 busy"]);
  });

  test("nothing of what it is about leaves the reader", () => {
    const text = calendarOf(event(...MEETING, "LOCATION:the quarry", "DESCRIPTION:a secret", "ATTENDEE;CN=Mallory:mailto:mallory@x.test", "ORGANIZER:mailto:bob@office.example.test"));
    expect(JSON.stringify(readCalendar(text, { owner: [OWNER], zone: "UTC", span: SPAN }))).toBe(
      JSON.stringify({ kind: "entries", entries: [{ start: Date.UTC(2026, 2, 2, 9), end: Date.UTC(2026, 2, 2, 10), kind: "busy", hasAttendees: true, isPrivate: false }] }),
    );
  });
});

describe("busy times without events", () => {
  test.each<[string, readonly string[]]>([
    ["FREEBUSY:20260302T090000Z/20260302T100000Z,20260303T090000Z/PT30M", ["03-02 09:00/10:00 busy", "03-03 09:00/09:30 busy"]],
    ["FREEBUSY;FBTYPE=FREE:20260302T090000Z/PT1H", []],
    ["FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260302T090000Z/PT1H", ["03-02 09:00/10:00 tentative"]],
    ["FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260302T090000Z/PT1H", ["03-02 09:00/10:00 out-of-office"]],
    ["FREEBUSY;FBTYPE=X-OTHER:20260302T090000Z/PT1H", ["03-02 09:00/10:00 busy"]],
  ])("%s", (line, expected) => {
    expect(read(calendarOf(`BEGIN:VFREEBUSY\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART:20260101T000000Z\nDTEND:20270101T000000Z\n${line}\nEND:VFREEBUSY`))).toEqual(expected);
  });
});

test("a calendar that is asked again and again as time goes by says what one says that was read just then", () => {
  const text = calendarOf(event(...WEEKLY), event("UID:2", ...MEETING), event("UID:3", "DTSTART:20260303T050000Z", "DURATION:PT2H", "RRULE:FREQ=DAILY"), changed("20260309T090000", "DTSTART:20260309T150000Z", "DURATION:PT1H"));
  const settings = { owner: [], zone: "Europe/Brussels" };
  const kept = parseCalendar(text, settings);
  const seen = new Set<string>();
  for (let at = Date.UTC(2026, 2, 1); at < Date.UTC(2026, 2, 11); at += 37 * 60_000) {
    const span = { from: at - 3_600_000, to: at + 26 * 3_600_000 };
    const reading = kept.kind === "calendar" ? kept.entries(span) : kept;
    expect(reading).toEqual(readCalendar(text, { ...settings, span }));
    seen.add(JSON.stringify(reading));
  }
  expect(seen.size).toBeGreaterThan(20);
  // Back in time, too.
  const past = { from: Date.UTC(2026, 1, 20), to: Date.UTC(2026, 2, 3) };
  expect(kept.kind === "calendar" && kept.entries(past)).toEqual(readCalendar(text, { ...settings, span: past }));
});

describe("what is no calendar is refused, and one bad event hurts no other", () => {
  const good = event(...MEETING);
  const MANY = Array.from({ length: 40 }, (_, index) => event(`UID:${String(index)}`, "DTSTART:20260302T090000Z", "DURATION:PT1H")).join("\n");
  test.each<[string, string, readonly string[]]>([
    ["nothing", "", ["unreadable: this is no calendar in iCalendar format"]],
    ["a page", "<!DOCTYPE html><html><body>Sign in</body></html>", ["unreadable: this is no calendar in iCalendar format"]],
    ["XML with a character that XML has not", '<?xml version="1.0"?><a>&#x0;</a>', ["unreadable: this is no calendar in iCalendar format"]],
    ["noise", String.fromCharCode(...Array.from({ length: 512 }, (_, index) => (index * 7919) % 256)), ["unreadable: this is no calendar in iCalendar format"]],
    ["cut off", calendarOf(good).slice(0, -30), ["unreadable: the calendar is cut off before its end"]],
    ["an empty calendar", calendarOf(), []],
    ["a bad event beside a good one", calendarOf(event("UID:2", "DTSTART:yesterday"), good), ["03-02 09:00/10:00 busy"]],
    ["a bad rule beside a good event", calendarOf(event("UID:2", ...MEETING, "RRULE:FREQ=NEVER"), good), ["03-02 09:00/10:00 busy"]],
    ["bad events alone", calendarOf(event("DTSTART:yesterday")), ["unreadable: no event of the calendar can be read"]],
    ["a month of 45 days", calendarOf(event("DTSTART:20260245T090000Z", "DURATION:PT1H")), ["unreadable: no event of the calendar can be read"]],
    ["a line that is none", calendarOf("what is this", good), ["03-02 09:00/10:00 busy"]],
    ["a text with NUL in it", calendarOf(event(...MEETING, "LOCATION:\u0000&#x0;")), ["03-02 09:00/10:00 busy"]],
    ["bare line feeds and a byte order mark", `\ufeff${calendarOf(good).replaceAll("\r\n", "\n")}`, ["03-02 09:00/10:00 busy"]],
    ["too many in a few days", calendarOf(MANY), ["too-large: more than 30 events in a few days"]],
  ])("%s", (_, text, expected) => {
    expect(read(text, { limits: { textMax: 1 << 20, componentsMax: 1000, stepsMax: 10_000, entriesMax: 30 } })).toEqual(expected);
  });

  test.each([
    ["every second for years", [...MEETING.slice(0, 1), "DURATION:PT1S", "RRULE:FREQ=SECONDLY"], "too-large"],
    ["a rule that never comes", ["DTSTART:19700101T000000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], "entries"],
    ["a rule of every part that never comes", ["DTSTART:19700101T000000Z", "DURATION:PT1H", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=3;BYMINUTE=3;BYSECOND=3;BYSETPOS=300"], "entries"],
  ])("%s ends soon", (_, lines, expected) => {
    const began = performance.now();
    const reading = readCalendar(calendarOf(event(...lines)), { owner: [], zone: "UTC", span: SPAN });
    expect([reading.kind, reading.kind === "failure" ? reading.failure : "entries"]).toContain(expected);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test("too many components are refused before they are read", () => {
    expect(parseCalendar(calendarOf(...Array.from({ length: 20 }, () => good)), { owner: [], zone: "UTC", limits: { textMax: 1 << 20, componentsMax: 10, stepsMax: 100, entriesMax: 10 } })).toMatchObject({ kind: "failure", failure: "too-large" });
  });
});
