import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../src/base/clock.ts";
import type { WatchState } from "../src/calendar/adapter.ts";
import type { CalendarWorld } from "../src/calendar/calendars.ts";
import { runCalendarTest } from "../src/calendar-command.ts";
import { loadConfig } from "../src/config/loader.ts";
import { webServer, type Seen } from "./calendar/web-server.ts";
import { testAuthority } from "./sip/transport/loopback.ts";
import { WITH_OTHERS, calendarEvent, calendarText, calendarsAtHand } from "./flows/calendar-office.ts";

const PASSWORD = "a-p4ssword-nobody-may-see";
const HOUR = 3_600_000;
const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

const PEOPLE = 'users:\n  - { id: "101", aliases: [alice], password: x, mailbox: alice@office.test }\n  - { id: "102", password: x }\n';

/** What `lamplight calendar test WHO` says, and its exit code. */
async function tried(who: string, yaml: string, files: Readonly<Record<string, string>> = {}, world: CalendarWorld = calendarsAtHand): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-command-"));
  cleanUp.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [name, text] of Object.entries({ "directory.yaml": PEOPLE, "lamplight.yaml": `domain: tel.example.test\nlisten: [udp://127.0.0.1:5060]\nstore: ./data\ndirectory: ./directory.yaml\n${yaml}`, ...files })) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o600);
  }
  let [out, err] = ["", ""];
  const code = await runCalendarTest({
    who,
    load: () => loadConfig(join(folder, "lamplight.yaml"), { CALENDAR_PASSWORD: PASSWORD }, systemClock.now()),
    world: () => world,
    print: (text) => (out += text),
    complain: (text) => (err += text),
  });
  return { code, out, err };
}

async function serverOf(answer: (seen: Seen, response: ServerResponse) => void, tls?: { readonly key: string; readonly cert: string }): Promise<string> {
  const server = await webServer(answer, tls);
  cleanUp.push(() => server.close());
  return server.url;
}

const calendarAt = (url: string, more = ""): string => `calendars:\n  - { kind: ics, name: office, url: "${url}", timeout: 20s${more} }\n`;

test("a calendar that can be read is said to be so, with what it makes of the day and never what it is about", async () => {
  const now = systemClock.now();
  const text = calendarText(calendarEvent(now - HOUR, now + HOUR, "SUMMARY:QUARTZFALCON", "LOCATION:ZEBRAROOM", ...WITH_OTHERS), calendarEvent(now + 2 * HOUR, now + 3 * HOUR, "SUMMARY:QUARTZFALCON"), calendarEvent(now + 4 * HOUR, now + 5 * HOUR, "STATUS:TENTATIVE"));
  const { code, out, err } = await tried("alice", 'calendars:\n  - { kind: ics, name: office, url: "file:./{mailbox}.ics", zone: Europe/Brussels }\n', { "alice@office.test.ics": text });
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain('calendar "office" (ics), mailbox alice@office.test, time zone Europe/Brussels');
  expect(out).toContain("3 entries from now");
  expect(out).toMatch(/: meeting, shown as "In a meeting"\n.*: appointment, shown as "Busy"\n$/);
  expect(out).not.toMatch(/QUARTZFALCON|ZEBRAROOM|guest/);
});

test("a calendar that says nothing is no failure", async () => {
  const { code, out } = await tried("101", 'calendars:\n  - { kind: ics, name: office, url: "file:./a.ics" }\n', { "a.ics": calendarText() });
  expect([code, out]).toEqual([0, expect.stringContaining("0 entries")]);
  expect(out).toContain("nothing of it makes a state");
});

test.each<[string, RegExp, RegExp, (seen: Seen, response: ServerResponse) => void]>([
  ["password", /does not accept the user name or the password \(401\)/, /^ {2}password: look at "username"/m, (_, response) => response.writeHead(401).end()],
  ["permission", /does not let us read this calendar \(403\)/, /^ {2}permission: .*give it that right on the server/m, (_, response) => response.writeHead(403).end()],
  ["not found", /has no calendar at this address \(404\)/, /^ {2}not found: look at "url"/m, (_, response) => response.writeHead(404).end()],
  ["throttled", /asks us to come less often \(429\)/, /^ {2}throttled: .*make "poll" longer/m, (_, response) => response.writeHead(429, { "retry-after": "60" }).end()],
  ["too slow", /did not answer within 1 s/, /^ {2}too slow: .*make "timeout" longer/m, () => undefined],
  ["too large", /answers with more than \d+ KB/, /^ {2}too large: /m, (_, response) => response.writeHead(200).end(Buffer.alloc(33 << 20))],
  ["unreadable", /this is no calendar in iCalendar format/, /^ {2}unreadable: look whether "url" is that of a calendar/m, (_, response) => response.writeHead(200).end("<html>QUARTZFALCON")],
  ["connection", /answered 500/, /^ {2}connection: look whether the server runs/m, (_, response) => response.writeHead(500).end()],
])("%s", async (kind, what, advice, answer) => {
  const url = await serverOf(answer);
  const { code, out, err } = await tried("101", calendarAt(`${url}/private-4711/basic.ics`, ", username: svc, password_env: CALENDAR_PASSWORD").replace("20s", kind === "too slow" ? "1s" : "20s"));
  expect([code, err]).toEqual([1, ""]);
  expect(out).toMatch(what);
  expect(out).toMatch(advice);
  expect(out).not.toMatch(/private-4711|QUARTZFALCON|p4ssword/);
});

test("certificate", async () => {
  const authority = testAuthority();
  cleanUp.push(() => {
    authority.remove();
  });
  const url = await serverOf((_, response) => response.end(), authority.issue("mail.test", "DNS:mail.test"));
  const unknown = await tried("101", calendarAt(url));
  expect(unknown.out).toMatch(/signed by nobody that is trusted here.*\n {2}certificate: name the file of the authority in "ca"/);
  const other = await tried("101", calendarAt(url, ", ca: ./ca.pem"), { "ca.pem": authority.ca });
  expect(other.out).toMatch(/is for another name\n {2}certificate: .*reach the server by the name that its certificate has/);
});

test("name", async () => {
  const { code, out } = await tried("101", calendarAt("https://calendar.invalid/a.ics"));
  expect(code).toBe(1);
  expect(out).toMatch(/the name of calendar.invalid cannot be resolved\n {2}name: write the server's name right|did not answer in time/);
});

test("a server that is not there", async () => {
  const server = await webServer(() => undefined);
  await server.close();
  const { code, out } = await tried("101", calendarAt(server.url));
  expect([code, out]).toEqual([1, expect.stringMatching(/refuses connections\n {2}connection: /)]);
});

test.each([
  ["nobody", "103", 'calendars:\n  - { kind: ics, url: "file:./a.ics" }\n', 2, /nobody in the directory is called "103"; write 101, alice, or sip:101@tel\.example\.test/],
  ["no calendars", "101", "", 1, /the configuration has no "calendars"/],
  ["no mailbox", "102", 'calendars:\n  - { kind: ics, url: "file:./{mailbox}.ics" }\n', 1, /no calendar speaks for 102: the directory gives no "mailbox"/],
  ["not named", "101", 'calendars:\n  - { kind: ics, url: "file:./a.ics", users: ["102"] }\n', 1, /no calendar names 101 in its "users"/],
  ["hints of a calendar that gives none", "101", 'calendars:\n  - { kind: ics, url: "file:./a.ics", hints: true }\n', 2, /a calendar of kind ics knows no "hints"; remove it/],
  ["bad configuration", "101", "calendars:\n  - { kind: ics }\n", 2, /lamplight\.yaml:6:\d+.*a calendar of kind ics needs "url"/],
])("%s", async (_, who, yaml, code, text) => {
  const said = await tried(who, yaml);
  expect(said.code).toBe(code);
  expect(said.out + said.err).toMatch(text);
});

test.each<[WatchState, number, RegExp]>([
  [{ kind: "watching" }, 0, /a change is asked for at once\n$/],
  [{ kind: "partly", failure: "permission", text: "Exchange says no" }, 1, /hints of changes do not work: Exchange says no\n {2}permission: give the service account the right of impersonation.*\n {2}it is polled as without them\n$/],
  [{ kind: "failed", failure: "credentials", text: "Exchange says no" }, 1, /hints of changes do not work: Exchange says no\n {2}password: /],
])("hints that are asked for: %o", async (state, code, text) => {
  const world: CalendarWorld = {
    ...calendarsAtHand,
    open: () =>
      Promise.resolve({
        batchSize: 1,
        read: ([mailbox = ""]) => Promise.resolve(new Map([[mailbox, { kind: "entries", entries: [] }]])),
        watch: (_, mailboxes, onState) => {
          expect(mailboxes).toEqual(["alice@office.test"]);
          onState(state);
        },
        close: () => Promise.resolve(),
      }),
  };
  const said = await tried("alice", "calendars:\n  - { kind: ews, url: https://mail.example.test/EWS/Exchange.asmx, username: svc, password_env: CALENDAR_PASSWORD, hints: true }\n", {}, world);
  expect([said.err, said.code]).toEqual(["", code]);
  expect(said.out).toMatch(text);
});
