// 2,000 mailboxes read once a minute: CPU, memory, and how late the thread of calls is meanwhile.
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startLamplight } from "../rig/lamplight.mjs";
import { cpuSeconds, memoryOf, settle } from "../rig/process-tree.mjs";
import { shown, textTable } from "../rig/text-table.mjs";

const MAILBOXES = 2000;
const MEASURED_S = 60;
const HOUR = 3_600_000;

/** Each: what stands where the calendars are, and what is told of it. */
const SERVERS = [
  { name: "none", yaml: () => [] },
  { name: "ics, 304 each time", yaml: (port) => [`calendars: [{ kind: ics, url: "http://127.0.0.1:${port}/304/{mailbox}.ics", poll: 60s }]`] },
  { name: "ics, 120 events, 40 kB read anew each time", yaml: (port) => [`calendars: [{ kind: ics, url: "http://127.0.0.1:${port}/new/{mailbox}.ics", poll: 60s }]`] },
  { name: "ews, 100 mailboxes a request", yaml: (port) => [`calendars: [{ kind: ews, url: "http://127.0.0.1:${port}/ews", username: svc, password_env: BENCH_PASSWORD, authentication: basic, poll: 60s }]`] },
];

/** Rows for `calendarsText`. */
export async function measureCalendars(setting) {
  process.env.BENCH_PASSWORD = "secret";
  const stand = await standIn();
  const rows = [];
  try {
    for (const { name, yaml } of SERVERS) {
      setting.note(`calendars: ${name} …`);
      rows.push({ name, ...(await measured(setting, yaml(stand.port))) });
      setting.note(` ${shown(rows.at(-1).cpuPercent)} % of a core\n`);
    }
  } finally {
    stand.close();
  }
  return rows;
}

async function measured(setting, yaml) {
  const server = await startLamplight({ main: setting.main, folder: join(setting.folder, "lamplight"), users: MAILBOXES, yaml });
  const total = (metrics, name) => Object.entries(metrics).reduce((sum, [key, value]) => (key.startsWith(name) ? sum + value : sum), 0);
  try {
    const mailboxes = total(await server.metrics(), "calendar_mailboxes");
    // Twice: what the first reading left is then where it stays, and every mailbox has its place in the minute.
    for (let waited = 0; waited < 150; waited++) {
      const metrics = await server.metrics();
      if (total(metrics, "calendar_polls_total") >= 2 * (yaml.join().includes("ews") ? mailboxes / 100 : mailboxes)) break;
      await sleep(1000);
    }
    if (mailboxes === 0) await settle(server.pid, 10);
    else await sleep(3000);
    const before = await server.metrics();
    const cpuBefore = cpuSeconds(server.pid);
    await sleep(MEASURED_S * 1000);
    const cpu = cpuSeconds(server.pid) - cpuBefore;
    const after = await server.metrics();
    return {
      mailboxes,
      polls: total(after, "calendar_polls_total") - total(before, "calendar_polls_total"),
      failures: total(after, "calendar_failures_total"),
      cpuPercent: (cpu / MEASURED_S) * 100,
      delayP99Ms: after['event_loop_delay_seconds{quantile="0.99"}'] * 1000,
      delayMaxMs: after['event_loop_delay_seconds{quantile="1"}'] * 1000,
      anonymousMb: memoryOf(server.pid).anonymousKb / 1024,
      complaints: server.complaints().slice(0, 3),
    };
  } finally {
    await server.stop();
  }
}

/** A web server with a calendar for everybody, and an Exchange that answers what it is asked. */
async function standIn() {
  const text = calendarText(Date.now());
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/ews") {
        const asked = [...Buffer.concat(parts).toString("utf8").matchAll(/<t:Address>/g)].length;
        response.writeHead(200, { "content-type": "text/xml; charset=utf-8" }).end(availability(asked, Date.now()));
      } else if (request.url.startsWith("/304/") && request.headers["if-none-match"] === '"1"') response.writeHead(304).end();
      else response.writeHead(200, { "content-type": "text/calendar", ...(request.url.startsWith("/304/") ? { etag: '"1"' } : {}) }).end(text);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const stamp = (at) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");

/** Twenty events that repeat for years, and a hundred that do not. */
function calendarText(now) {
  const event = (number, start, ...lines) =>
    [
      "BEGIN:VEVENT",
      `UID:${number}@bench.example`,
      "DTSTAMP:20240101T000000Z",
      `DTSTART;TZID=Europe/Brussels:${stamp(start).slice(0, -1)}`,
      "DURATION:PT45M",
      `SUMMARY:Meeting number ${number} about something`,
      "LOCATION:A room",
      "ORGANIZER;CN=Somebody:mailto:somebody@bench.example",
      "ATTENDEE;CN=Another;PARTSTAT=ACCEPTED:mailto:another@bench.example",
      "CLASS:PUBLIC",
      ...lines,
      "END:VEVENT",
    ].join("\r\n");
  const hour = Math.floor(now / HOUR) * HOUR;
  const repeating = Array.from({ length: 20 }, (_, at) => event(`r${at}`, hour - (500 + at) * 24 * HOUR, `RRULE:FREQ=${at % 2 === 0 ? "WEEKLY" : "DAILY"};INTERVAL=${1 + (at % 3)}`));
  const single = Array.from({ length: 100 }, (_, at) => event(`s${at}`, hour + (at - 50) * 7 * HOUR));
  return ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN", ...repeating, ...single, "END:VCALENDAR", ""].join("\r\n");
}

const TYPES = 'xmlns="http://schemas.microsoft.com/exchange/services/2006/types"';

/** Six meetings a day for each. */
function availability(mailboxes, now) {
  const hour = Math.floor(now / HOUR) * HOUR;
  const events = Array.from({ length: 6 }, (_, at) => {
    const [start, end] = [hour + at * 4 * HOUR, hour + at * 4 * HOUR + HOUR].map((time) => new Date(time).toISOString().slice(0, 19));
    return `<CalendarEvent><StartTime>${start}</StartTime><EndTime>${end}</EndTime><BusyType>Busy</BusyType><CalendarEventDetails><ID>0000</ID><Subject>Meeting</Subject><IsMeeting>true</IsMeeting><IsRecurring>false</IsRecurring><IsException>false</IsException><IsReminderSet>true</IsReminderSet><IsPrivate>false</IsPrivate></CalendarEventDetails></CalendarEvent>`;
  });
  const one = `<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage><FreeBusyView><FreeBusyViewType ${TYPES}>Detailed</FreeBusyViewType><CalendarEventArray ${TYPES}>${events.join("")}</CalendarEventArray></FreeBusyView></FreeBusyResponse>`;
  return `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetUserAvailabilityResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><FreeBusyResponseArray>${one.repeat(mailboxes)}</FreeBusyResponseArray></GetUserAvailabilityResponse></s:Body></s:Envelope>`;
}

/** The rows as Markdown. */
export function calendarsText(rows) {
  const bare = rows.find(({ name }) => name === "none");
  return textTable([
    ["calendars", "mailboxes", "requests in a minute", "failures", "CPU, % of a core", "event loop late, 99 %, ms", "at most, ms", "memory MB", "more than without, KB a mailbox"],
    ...rows.map((row) => [
      row.name,
      String(row.mailboxes),
      String(row.polls),
      String(row.failures),
      shown(row.cpuPercent),
      shown(row.delayP99Ms),
      shown(row.delayMaxMs),
      shown(row.anonymousMb, 0),
      row === bare || bare === undefined ? "–" : shown(((row.anonymousMb - bare.anonymousMb) * 1024) / row.mailboxes),
    ]),
  ]);
}
