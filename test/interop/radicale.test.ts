import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { CaldavAdapter } from "../../src/calendar/caldav-adapter.ts";
import type { CaldavAccess } from "../../src/calendar/caldav-client.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { eventLines, gateway, inWords, makeCalendar, PEOPLE, putEvent, send, startRadicale, type Place } from "./dav-server.ts";
import { obstacle } from "./surroundings.ts";

const alice = "alice@office.test";
const home = "/alice%40office.test/";
const span = { from: Date.parse("2026-11-23T06:00:00Z"), to: Date.parse("2026-11-24T08:00:00Z") };

function adapterFor(access: Partial<CaldavAccess> & { readonly url: string }, user: string | null = alice): CaldavAdapter {
  const adapter = new CaldavAdapter({ timeoutMs: 15_000, ...(user === null ? {} : { username: user, password: PEOPLE[user] ?? "" }), ...access }, "Europe/Brussels", systemClock);
  onTestFinished(() => adapter.close());
  return adapter;
}

async function readingOf(adapter: CaldavAdapter, mailbox = alice): Promise<unknown> {
  return inWords((await adapter.read([mailbox], span, new AbortController().signal)).get(mailbox));
}

const morning = eventLines("morning", "DTSTART;TZID=Europe/Brussels:20261123T090000", "DTEND;TZID=Europe/Brussels:20261123T100000", "ORGANIZER:mailto:alice@office.test", "ATTENDEE:mailto:guest@office.test");
const weekly = eventLines("weekly", "DTSTART:20240108T130000Z", "DURATION:PT30M", "RRULE:FREQ=WEEKLY", "CLASS:PRIVATE");

async function fill(place: Place): Promise<void> {
  await makeCalendar(place, `${home}desk/`, alice);
  await putEvent(place, `${home}desk/morning.ics`, morning, alice);
  await putEvent(place, `${home}desk/weekly.ics`, weekly, alice);
  await putEvent(place, `${home}desk/free.ics`, eventLines("free", "DTSTART:20261123T110000Z", "DTEND:20261123T113000Z", "TRANSP:TRANSPARENT"), alice);
  await putEvent(place, `${home}desk/cancelled.ics`, eventLines("cancelled", "DTSTART:20261123T113000Z", "DTEND:20261123T120000Z", "STATUS:CANCELLED"), alice);
  await makeCalendar(place, `${home}home/`, alice);
  await putEvent(place, `${home}home/day.ics`, eventLines("day", "DTSTART;VALUE=DATE:20261124"), alice);
  await makeCalendar(place, `${home}tasks/`, alice, ["VTODO"]);
}
const filled = ["11-23T08:00 11-23T09:00 busy meeting", "11-23T13:00 11-23T13:30 busy private", "11-23T23:00 11-24T23:00 busy"];

describe.skipIf(obstacle("radicale") !== null)("radicale", () => {
  let authority: TestAuthority;
  beforeAll(() => {
    authority = testAuthority();
  });
  afterAll(() => {
    authority.remove();
  });

  test("somebody's own account: his calendars are found from the address of the host, and read", async () => {
    const place = await startRadicale();
    await fill(place);
    expect(await readingOf(adapterFor({ url: `http://127.0.0.1:${String(place.port)}/` }))).toEqual(filled);
  });

  test("what did not change is not asked for again, and of what changed only that", async () => {
    const place = await startRadicale();
    await fill(place);
    const { url, passed } = await gateway(place);
    const adapter = adapterFor({ url });
    expect(await readingOf(adapter)).toEqual(filled);
    passed.length = 0;
    expect(await readingOf(adapter)).toEqual(filled);
    expect(passed).toEqual(["PROPFIND propfind"]);
    passed.length = 0;
    await putEvent(place, `${home}desk/late.ics`, eventLines("late", "DTSTART:20261123T160000Z", "DTEND:20261123T170000Z"), alice);
    expect(await readingOf(adapter)).toEqual([...filled.slice(0, 2), "11-23T16:00 11-23T17:00 busy", ...filled.slice(2)]);
    expect(passed).toEqual(["PROPFIND propfind", "REPORT sync-collection", "REPORT calendar-multiget"]);
    await putEvent(place, `${home}desk/late.ics`, eventLines("late", "DTSTART:20261123T170000Z", "DTEND:20261123T180000Z"), alice);
    await send(place, { method: "DELETE", path: `${home}desk/morning.ics`, user: alice });
    expect(await readingOf(adapter)).toEqual([filled[1], "11-23T17:00 11-23T18:00 busy", filled[2]]);
  });

  test("a calendar that is made or removed is seen at the next reading", async () => {
    const place = await startRadicale();
    await fill(place);
    const adapter = adapterFor({ url: `http://127.0.0.1:${String(place.port)}/` });
    await readingOf(adapter);
    await send(place, { method: "DELETE", path: `${home}desk/`, user: alice });
    expect(await readingOf(adapter)).toEqual([filled[2]]);
    await makeCalendar(place, `${home}more/`, alice);
    await putEvent(place, `${home}more/morning.ics`, morning, alice);
    expect(await readingOf(adapter)).toEqual([filled[0], filled[2]]);
  });

  test("a service account reads others where the server lets it, and says of the rest what is wrong", async () => {
    const place = await startRadicale();
    await fill(place);
    await makeCalendar(place, "/bob/office/", "bob");
    await putEvent(place, "/bob/office/weekly.ics", weekly, "bob");
    const adapter = adapterFor({ url: `http://127.0.0.1:${String(place.port)}/` }, "svc");
    const readings = await adapter.read([alice, "bob@office.test", "carol@office.test", "dave@office.test"], span, new AbortController().signal);
    expect(inWords(readings.get(alice))).toEqual(filled);
    expect(inWords(readings.get("bob@office.test"))).toEqual([filled[1]]);
    expect(readings.get("carol@office.test")).toMatchObject({ kind: "failure", failure: "permission" });
    expect(readings.get("dave@office.test")).toMatchObject({ kind: "failure", failure: "not-found" });
  });

  test.each(["{mailbox}/", "{mailbox}/desk/"])("an address with %s leads to a person's calendars, or to one of them", async (path) => {
    const place = await startRadicale();
    await fill(place);
    const reading = await readingOf(adapterFor({ url: `http://127.0.0.1:${String(place.port)}/${path}` }, "svc"));
    expect(reading).toEqual(path.includes("desk") ? filled.slice(0, 2) : filled);
  });

  test("a wrong password and none at all", async () => {
    const place = await startRadicale();
    const url = `http://127.0.0.1:${String(place.port)}/`;
    expect(await readingOf(adapterFor({ url, password: "wrong" }))).toMatchObject({ kind: "failure", failure: "credentials" });
    expect(await readingOf(adapterFor({ url: `${url}alice%40office.test/` }, null))).toMatchObject({ kind: "failure", failure: "credentials" });
  });

  test("over TLS: its authority has to be known, and its name has to be right", async () => {
    const place = await startRadicale(authority.issue("calendars", "IP:127.0.0.1"));
    const url = `https://127.0.0.1:${String(place.port)}/alice%40office.test/`;
    expect(await readingOf(adapterFor({ url }))).toMatchObject({ kind: "failure", failure: "certificate", text: expect.stringContaining('"ca"') as string });
    expect(await readingOf(adapterFor({ url, ca: authority.ca }))).toMatchObject({ kind: "failure", failure: "not-found" });
    const misnamed = await startRadicale(authority.issue("calendars", "DNS:other.test"));
    const reading = await readingOf(adapterFor({ url: `https://127.0.0.1:${String(misnamed.port)}/`, ca: authority.ca }));
    expect(reading).toMatchObject({ kind: "failure", failure: "certificate", text: expect.stringContaining("another name") as string });
  });
});
