import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { aorOf } from "../../src/base/ids.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import type { Message } from "../../src/sip/message.ts";
import { webOf, type Web } from "../../src/web.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { PEOPLE_WITH_MAILBOXES, WITH_OTHERS, calendarEvent, calendarText, calendarsAtHand, putFile, secondsAhead } from "./calendar-office.ts";
import { talk } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

const HOUR = 3_600_000;
const BOB = aorOf("102", DOMAIN);
const OWN = '  - { kind: ics, name: own, url: "file:./{mailbox}.ics", poll: 300s }\n';

let stage: Stage;
let web: Web | null = null;
const bodies = new Map<string, string>();

async function begin(events: readonly string[], yaml = `calendars:\n${OWN}`, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const none = Object.fromEntries(["101", "103", "104", "105"].map((id) => [`${id}@office.test.ics`, calendarText()]));
  stage = await Stage.start({ yaml, people: PEOPLE_WITH_MAILBOXES, world: { calendars: calendarsAtHand }, files: { ...none, "102@office.test.ics": calendarText(...events), ...files } });
  await readAll();
}

/** Every calendar was asked for every mailbox. */
async function readAll(): Promise<void> {
  await expect.poll(() => stage.server.calendars.facts().every(({ polls, mailboxes }) => polls >= mailboxes), { timeout: 15_000 }).toBe(true);
}

function bobsCalendar(...events: readonly string[]): void {
  putFile(stage.folder, "102@office.test.ics", calendarText(...events));
}

afterEach(async () => {
  await web?.stop();
  web = null;
  await stage.stop();
});

function inShort(message: Message): string {
  bodies.set(String(bodies.size), message.body);
  const { tuples, persons, notes } = parsePidf(message.body);
  expect([tuples.length, persons.length], message.body).toEqual([1, 1]);
  return `${tuples[0]?.basic ?? ""} [${persons[0]?.activities.map(({ name }) => name).join(" ") ?? ""}] ${notes.join()}`;
}

async function publish(phone: Phone, note: string, activity = ""): Promise<void> {
  const body =
    `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="${BOB}">` +
    `<tuple id="t"><status><basic>open</basic></status></tuple><dm:person id="p"><r:activities>${activity === "" ? "" : `<r:${activity}/>`}</r:activities><dm:note>${note}</dm:note></dm:person></presence>`;
  expect((await phone.ask(phone.text("PUBLISH", BOB, { headers: "Event: presence\r\nExpires: 600\r\nContent-Type: application/pidf+xml\r\n", body }))).final.status).toBe(200);
}

async function openWeb(): Promise<(method: string, path: string, body?: unknown) => Promise<string>> {
  const settings = { web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token" as const, token: "t-o-k-e-n", eventStreamsMax: 20 } };
  const opened = webOf(settings, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports });
  web = opened;
  await opened.start();
  return async (method, path, body) => {
    const headers = { authorization: "Bearer t-o-k-e-n", ...(body === undefined ? {} : { "content-type": "application/json" }) };
    return (await fetch(opened.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).text();
  };
}

/** What a page is told when it opens, up to what it is told of everybody. */
async function firstEvents(): Promise<string> {
  const ended = new AbortController();
  const response = await fetch(`${web?.url ?? ""}/api/events`, { headers: { authorization: "Bearer t-o-k-e-n" }, signal: ended.signal });
  const reader = response.body?.getReader();
  let text = "";
  while (reader !== undefined && !text.includes('"silent":[{')) {
    const read = await reader.read();
    if (read.done) break;
    text += Buffer.from(read.value as Uint8Array).toString("utf8");
  }
  ended.abort();
  return text;
}

test("a phone that publishes available does not end a meeting, a call covers it and gives it back, and it ends on the second without a poll or a PUBLISH", async () => {
  const now = systemClock.now();
  await begin([calendarEvent(now - HOUR, now + HOUR, ...WITH_OTHERS)]);
  const [bob, carol, alice] = [await watcher(stage, "102"), await watcher(stage, "103"), await watcher(stage, "101")];
  const { notify, next, final } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [meeting] In a meeting");
  const second = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
  expect(notify.body).toContain(`from="${second(now - HOUR)}"`);
  expect(notify.body).toContain(`until="${second(now + HOUR)}"`);
  await publish(bob, "Available");
  const call = await talk(alice, bob, BOB);
  expect(inShort(await next()), "what the phone published was no news").toBe("open [on-the-phone] On the phone");
  alice.send(alice.within(call.mine, "BYE"));
  bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
  expect(inShort(await next())).toBe("open [meeting] In a meeting");
  // The meeting is cut short in the calendar: watchers are told its new end, and at that moment that it is over.
  const end = secondsAhead(systemClock.now(), 9);
  bobsCalendar(calendarEvent(now - HOUR, end, ...WITH_OTHERS));
  const shortened = await next();
  expect([inShort(shortened), shortened.body.includes(`until="${second(end)}"`)]).toEqual(["open [meeting] In a meeting", true]);
  await expect.poll(() => stage.server.calendars.facts()[0]?.polls, { timeout: 7000 }).toBeGreaterThanOrEqual(10);
  const polls = stage.server.calendars.facts()[0]?.polls;
  expect(inShort(await next())).toBe("open [] Available");
  const late = systemClock.now() - end;
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(1000);
  expect(stage.server.calendars.facts()[0]?.polls, "no poll brought it").toBe(polls);
  expect(notifies(carol, final.callId)).toBe(5);
});

test("a meeting begins on the second, and the next one that touches it is no news", async () => {
  const start = secondsAhead(systemClock.now(), 9);
  await begin([calendarEvent(start, start + 2000, ...WITH_OTHERS), calendarEvent(start + 2000, start + HOUR, ...WITH_OTHERS), calendarEvent(start + HOUR, start + 2 * HOUR, ...WITH_OTHERS)]);
  const [, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const { notify, next, final } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [] Available");
  const begun = await next();
  const late = systemClock.now() - start;
  expect(inShort(begun)).toBe("open [meeting] In a meeting");
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(1000);
  expect(begun.body, "the whole time is named").toContain(`until="${new Date(start + 2 * HOUR).toISOString().slice(0, 19)}Z"`);
  await expect.poll(() => systemClock.now() > start + 2500, { timeout: 15_000 }).toBe(true);
  expect(notifies(carol, final.callId)).toBe(2);
});

test.each([
  ["calendar", "open [meeting] In a meeting", "meeting"],
  ["publish", "open [away] Gone fishing", "away"],
])("primary_source: %s decides who wins, and routing reads the same state", async (primary, expected, activity) => {
  const now = systemClock.now();
  await begin([calendarEvent(now - HOUR, now + HOUR, ...WITH_OTHERS)], `presence: { primary_source: ${primary} }\ncalendars:\n${OWN}`);
  const bob = await watcher(stage, "102");
  await publish(bob, "Gone fishing", "away");
  const carol = await watcher(stage, "103");
  expect(inShort((await watch(carol, "102", "presence")).notify)).toBe(expected);
  expect(stage.server.presence.status(BOB).activities.map(({ name }) => name)).toEqual([activity]);
});

test("a calendar that fails three times takes its word back, never says free, and everybody who asks is told why; then it speaks again", async () => {
  const now = systemClock.now();
  await begin([calendarEvent(now - HOUR, now + HOUR, ...WITH_OTHERS)]);
  const [bob, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  await publish(bob, "At the desk", "working");
  const { notify, next } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [meeting] In a meeting");
  const failures = (): number => stage.server.calendars.facts()[0]?.failures.unreadable ?? 0;
  for (let count = 1; count <= 3; count++) {
    putFile(stage.folder, "102@office.test.ics", `<html>&#x0;${"!".repeat(count)}</html>`);
    await expect.poll(failures, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
    if (failures() < 3) expect(stage.server.presence.status(BOB).activities[0]?.name).toBe("meeting");
  }
  expect(inShort(await next()), "the next source speaks").toBe("open [working] At the desk");
  const ask = await openWeb();
  const reason = stage.server.presence.reported("calendar", BOB).find(({ silence }) => silence !== undefined)?.silence ?? "";
  expect(reason).toMatch(/^the last \d+ polls of the calendar "own" failed \(this is no calendar in iCalendar format\)$/);
  expect(JSON.parse(await ask("GET", "/api/presence/102/why"))).toMatchObject({ inputs: expect.arrayContaining([expect.objectContaining({ source: "calendar", won: false, reason: `Silent: ${reason}. What it said before no longer counts.` }) as unknown]) as unknown });
  expect(await firstEvents(), "the page says so too").toContain(`"silent":[${JSON.stringify({ source: "calendar", reason })}]`);
  const metrics = await ask("GET", "/metrics");
  expect(metrics).toMatch(/lamplight_calendar_failures_total\{failure="unreadable"\} [3-9]/);
  expect(metrics).toContain('lamplight_calendar_silent_mailboxes{calendar="own"} 1');
  expect(metrics).toContain('lamplight_calendar_mailboxes{calendar="own"} 5');
  bobsCalendar(calendarEvent(now - HOUR, now + HOUR, ...WITH_OTHERS));
  expect(inShort(await next())).toBe("open [meeting] In a meeting");
  expect(await ask("GET", "/metrics")).toContain('lamplight_calendar_silent_mailboxes{calendar="own"} 0');
});

test("who ends a meeting early ends it for himself, and the next meeting is one again", async () => {
  const now = systemClock.now();
  const end = secondsAhead(now, 12);
  await begin([calendarEvent(now - HOUR, end, ...WITH_OTHERS), calendarEvent(end, end + HOUR, ...WITH_OTHERS)]);
  const [, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const { notify, next } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [meeting] In a meeting");
  const ask = await openWeb();
  await ask("PUT", "/api/presence/102", { activities: [], note: "Available", override: true });
  expect(inShort(await next())).toBe("open [] Available");
  expect(inShort(await next()), "his choice ended where the first meeting would have").toBe("open [meeting] In a meeting");
  expect(systemClock.now()).toBeGreaterThanOrEqual(end);
});

describe("what entries make of people", () => {
  const soon = systemClock.now();
  const DAY = 24 * HOUR;
  test.each<[string, readonly string[], string]>([
    ["alone", [calendarEvent(soon - HOUR, soon + HOUR)], "open [appointment] Busy"],
    ["private", [calendarEvent(soon - HOUR, soon + HOUR, "CLASS:PRIVATE", ...WITH_OTHERS)], "open [meeting] Busy"],
    ["out of office for a while", [calendarEvent(soon - HOUR, soon + HOUR, "X-MICROSOFT-CDO-BUSYSTATUS:OOF")], "open [away] Out of office"],
    ["out of office for days, over a meeting", [calendarEvent(soon - HOUR, soon + HOUR, ...WITH_OTHERS), calendarEvent(soon - DAY, soon + DAY, "X-MICROSOFT-CDO-BUSYSTATUS:OOF")], "open [vacation] Out of office"],
    ["tentative", [calendarEvent(soon - HOUR, soon + HOUR, "STATUS:TENTATIVE", ...WITH_OTHERS)], "open [] Available"],
    ["cancelled", [calendarEvent(soon - HOUR, soon + HOUR, "STATUS:CANCELLED", ...WITH_OTHERS)], "open [] Available"],
    ["transparent", [calendarEvent(soon - HOUR, soon + HOUR, "TRANSP:TRANSPARENT", ...WITH_OTHERS)], "open [] Available"],
    ["declined", [calendarEvent(soon - HOUR, soon + HOUR, "ORGANIZER:mailto:a@office.test", "ATTENDEE;PARTSTAT=DECLINED:mailto:102@office.test")], "open [] Available"],
  ])("%s", async (_, events, expected) => {
    await begin(events);
    const [, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
    const { notify, next } = await watch(carol, "102", "presence");
    // What was registered or read last may come a moment after the subscription.
    let seen = inShort(notify);
    for (let later = 0; later < 2 && seen !== expected; later++) seen = inShort(await next());
    expect(seen).toBe(expected);
  });
});

test("holidays that are shared are everybody's, or those of a few; another configuration and another directory count at once", async () => {
  const now = systemClock.now();
  const holiday = calendarText(calendarEvent(now - HOUR, now + 2 * HOUR, "TRANSP:TRANSPARENT"));
  const yaml = 'calendars:\n  - { kind: ics, name: everybody, url: "file:./all.ics", as: vacation }\n  - { kind: ics, name: few, url: "file:./few.ics", users: ["101"], as: holiday }\n';
  await begin([], yaml, { "all.ics": calendarText(), "few.ics": holiday });
  const state = (id: string): string => stage.server.presence.status(aorOf(id, DOMAIN)).activities.map(({ name }) => name).join();
  await expect.poll(() => ["101", "102"].map(state), { timeout: 10_000 }).toEqual(["holiday", ""]);
  putFile(stage.folder, "all.ics", holiday);
  await expect.poll(() => ["102", "105"].map(state), { timeout: 10_000 }).toEqual(["vacation", "vacation"]);
  stage.reload(PEOPLE_WITH_MAILBOXES.replace(/ {2}- \{ id: "105".*\n/, '  - { id: "106", password: secret-106 }\n'));
  await expect.poll(() => state("106"), { timeout: 10_000 }).toBe("vacation");
  stage.server.calendars.replace([]);
  expect(["101", "102", "106"].map(state)).toEqual(["", "", ""]);
});

test.skipIf(skipsWithoutXmllint)("everything that watchers were told is in the schemas", () => {
  expect(bodies.size).toBeGreaterThan(15);
  expect(schemaMistakes(bodies)).toEqual([]);
});
