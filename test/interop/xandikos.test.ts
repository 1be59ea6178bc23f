import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { CaldavAdapter } from "../../src/calendar/caldav-adapter.ts";
import type { CaldavAccess } from "../../src/calendar/caldav-client.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { eventLines, gateway, inWords, putEvent, send, startXandikos, type Place } from "./dav-server.ts";
import { obstacle } from "./surroundings.ts";

// Xandikos asks for no password; as in its own documentation a gateway before it does.
const account = { user: "alice", password: "alice-Pw-93511" };
const path = "/alice/calendars/calendar/";
const span = { from: Date.parse("2026-11-23T06:00:00Z"), to: Date.parse("2026-11-24T08:00:00Z") };

function adapterFor(url: string, more: Partial<CaldavAccess> = {}): CaldavAdapter {
  const adapter = new CaldavAdapter({ url, timeoutMs: 15_000, username: account.user, password: account.password, ...more }, "Europe/Brussels", systemClock);
  onTestFinished(() => adapter.close());
  return adapter;
}

async function readingOf(adapter: CaldavAdapter): Promise<unknown> {
  return inWords((await adapter.read(["alice@office.test"], span, new AbortController().signal)).get("alice@office.test"));
}

async function filledServer(): Promise<Place> {
  const place = await startXandikos();
  await putEvent(place, `${path}morning.ics`, eventLines("morning", "DTSTART:20261123T080000Z", "DTEND:20261123T090000Z", "ORGANIZER:mailto:alice@office.test", "ATTENDEE:mailto:guest@office.test"));
  await putEvent(place, `${path}weekly.ics`, eventLines("weekly", "DTSTART:20240108T130000Z", "DTEND:20240108T133000Z", "RRULE:FREQ=WEEKLY", "CLASS:PRIVATE"));
  await putEvent(place, `${path}free.ics`, eventLines("free", "DTSTART:20261123T110000Z", "DTEND:20261123T113000Z", "TRANSP:TRANSPARENT"));
  return place;
}
const filled = ["11-23T08:00 11-23T09:00 busy meeting", "11-23T13:00 11-23T13:30 busy private"];

describe.skipIf(obstacle("xandikos") !== null)("xandikos", () => {
  let authority: TestAuthority;
  beforeAll(() => {
    authority = testAuthority();
  });
  afterAll(() => {
    authority.remove();
  });

  test.each(["Basic", "Digest"] as const)("behind a gateway that asks for %s: what is there is found and read, and what changes is read alone", async (scheme) => {
    const place = await filledServer();
    const { url, passed } = await gateway(place, { auth: { scheme, ...account } });
    const adapter = adapterFor(url);
    expect(await readingOf(adapter)).toEqual(filled);
    passed.length = 0;
    expect(await readingOf(adapter)).toEqual(filled);
    expect(passed).toEqual(["PROPFIND propfind"]);
    passed.length = 0;
    await putEvent(place, `${path}late.ics`, eventLines("late", "DTSTART:20261123T160000Z", "DTEND:20261123T170000Z"));
    expect(await readingOf(adapter)).toEqual([...filled, "11-23T16:00 11-23T17:00 busy"]);
    expect(passed).toEqual(["PROPFIND propfind", "REPORT sync-collection", "REPORT calendar-multiget"]);
    await send(place, { method: "DELETE", path: `${path}morning.ics` });
    expect(await readingOf(adapter)).toEqual([filled[1], "11-23T16:00 11-23T17:00 busy"]);
  });

  test.each(["Basic", "Digest"] as const)("a password that the gateway's %s does not take", async (scheme) => {
    const { url, passed } = await gateway(await startXandikos(), { auth: { scheme, ...account } });
    expect(await readingOf(adapterFor(url, { password: "wrong" }))).toMatchObject({ kind: "failure", failure: "credentials" });
    expect(passed).toEqual([]);
  });

  test("where events may not be read, but when somebody is busy: that is asked", async () => {
    const place = await filledServer();
    const { url, passed } = await gateway(place, { refuse: (what) => (/calendar-query|multiget|sync-collection/.test(what) ? 403 : null) });
    const adapter = adapterFor(url);
    // No guests and no privacy: times alone. Xandikos itself leaves out what repeats.
    expect(await readingOf(adapter)).toEqual(["11-23T08:00 11-23T09:00 busy"]);
    passed.length = 0;
    await send(place, { method: "DELETE", path: `${path}morning.ics` });
    expect(await readingOf(adapter)).toEqual([]);
    expect(passed).toEqual(["PROPFIND propfind", "REPORT free-busy-query"]);
  });

  test("a gateway with a certificate of the company's own authority", async () => {
    const place = await filledServer();
    const { url } = await gateway(place, { auth: { scheme: "Digest", ...account }, tls: authority.issue("calendars", "IP:127.0.0.1") });
    expect(await readingOf(adapterFor(url))).toMatchObject({ kind: "failure", failure: "certificate" });
    expect(await readingOf(adapterFor(url, { ca: authority.ca }))).toEqual(filled);
  });

  test("a server that is gone, and is back", async () => {
    const place = await filledServer();
    let isGone = false;
    const { url } = await gateway(place, { refuse: () => (isGone ? 502 : null) });
    const adapter = adapterFor(url);
    expect(await readingOf(adapter)).toEqual(filled);
    isGone = true;
    expect(await readingOf(adapter)).toMatchObject({ kind: "failure", failure: "connection" });
    isGone = false;
    expect(await readingOf(adapter)).toEqual(filled);
  });
});
