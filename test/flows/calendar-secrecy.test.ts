import { readFileSync, readdirSync, statSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { parsePidf } from "../../src/documents/pidf.ts";
import { ACCOUNT, askedFor, availabilityAnswer, exchange, mailboxAnswer, notifier, say, soapFault } from "../calendar/exchange.ts";
import { webServer, type Seen } from "../calendar/web-server.ts";
import { realServer } from "../impair/real-server.ts";
import { WITH_OTHERS, calendarEvent, calendarText } from "./calendar-office.ts";
import { Phone } from "./phone.ts";
import { DOMAIN } from "./stage.ts";

// The whole program with the process that it reads calendars in, everything that it writes at its most talkative, and words that stand in calendars alone.

const WORDS = ["QUARTZFALCON", "ZEBRAROOM", "MALLORYGUEST", "TANGOBODY", "guest@elsewhere"];
const SECRETS = ["ics-p4ssword-xyzzy", ACCOUNT.password, "graph-s3cret-plugh", "private-4711", "token-of-graph"];
const HOUR = 3_600_000;
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

const SPOKEN = ["SUMMARY:QUARTZFALCON", "LOCATION:ZEBRAROOM", "DESCRIPTION:TANGOBODY", "ATTENDEE;CN=MALLORYGUEST:mailto:MALLORYGUEST@x.test", ...WITH_OTHERS];

/** All bytes below a folder. */
function allOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path}\n${readFileSync(path, "latin1")}`)
    .join("\n");
}

/** The words that are in a text, in one coding or another. */
function found(text: string, words: readonly string[]): readonly string[] {
  const spellings = (word: string): readonly string[] => [word, encodeURIComponent(word), Buffer.from(word).toString("base64").replace(/=+$/, ""), Buffer.from(word, "utf16le").toString("latin1")];
  return words.filter((word) => spellings(word).some((spelling) => text.toLowerCase().includes(spelling.toLowerCase())));
}

const json = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

test("what an event is about, where and with whom, is nowhere in logs, files, answers and NOTIFYs, nor is any password", async () => {
  const now = Date.now();
  const [start, end] = [new Date(now - HOUR).toISOString(), new Date(now + HOUR).toISOString()];
  const text = calendarText(calendarEvent(now - HOUR, now + HOUR, ...SPOKEN));
  let isBroken = false;
  const ics = await webServer((seen, response) => {
    if (seen.path.includes("page")) response.writeHead(200).end("<html>QUARTZFALCON ZEBRAROOM &#x0;");
    else if (seen.path.includes("refused")) response.writeHead(401, { "www-authenticate": 'Basic realm="QUARTZFALCON"' }).end("ZEBRAROOM");
    else if (seen.path.includes("sent-on")) response.writeHead(302, { location: "/QUARTZFALCON" }).end();
    else if (isBroken) response.writeHead(200).end(text.slice(0, -40));
    else response.writeHead(200).end(text);
  });
  const notes = notifier();
  const mail = await exchange({
    scheme: "basic",
    answer: (soap, response, seen) => {
      const asked = askedFor(soap);
      if (!isBroken && notes.answer(soap, response, seen)) return;
      if (isBroken) say(response, soapFault("ErrorServerBusy"), 500);
      else say(response, availabilityAnswer(...asked.map(() => mailboxAnswer([{ start: start.slice(0, 19), end: end.slice(0, 19), meeting: true }]))));
    },
  });
  const graph = await webServer((seen: Seen, response) => {
    if (seen.path.endsWith("/token")) {
      json(response, { token_type: "Bearer", expires_in: 3599, access_token: "token-of-graph" });
      return;
    }
    const { schedules } = JSON.parse(seen.body) as { schedules: readonly string[] };
    const item = { status: "busy", subject: "QUARTZFALCON", location: "ZEBRAROOM", isMeeting: true, isPrivate: false, start: { dateTime: start.slice(0, 19), timeZone: "UTC" }, end: { dateTime: end.slice(0, 19), timeZone: "UTC" } };
    if (isBroken) json(response, { error: { code: "QuartzError", message: "QUARTZFALCON token-of-graph" } }, 500);
    else json(response, { value: schedules.map((scheduleId) => ({ scheduleId, availabilityView: "2", scheduleItems: [item] })) });
  });
  for (const one of [ics, mail, graph]) cleanUp.push(() => one.close());
  const yaml = `log: { level: debug, sip: true }
calendars:
  - { kind: ics, name: plain, url_env: ICS_URL, username: svc, password_env: ICS_PASSWORD, users: ["101"], poll: 5s }
  - { kind: ews, name: exchange, url: "${mail.url}/EWS/Exchange.asmx", username: "CORP\\\\svc", password_env: EWS_PASSWORD, authentication: basic, users: ["102"], poll: 5s, hints: true }
  - { kind: graph, name: online, url: "${graph.url}", login_url: "${graph.url}", tenant: contoso.test, client_id: app, secret_env: GRAPH_SECRET, users: ["103"], poll: 5s }
  - { kind: ics, name: page, url: "${ics.url}/page", users: ["104"], poll: 5s }
  - { kind: ics, name: refused, url: "${ics.url}/refused", users: ["105"], poll: 5s }
  - { kind: ics, name: sent-on, url: "${ics.url}/sent-on", users: ["104"], poll: 5s }
`;
  const users = ["101", "102", "103", "104", "105"];
  const people = `users:\n${users.map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id}, mailbox: "${id}@office.test" }\n`).join("")}`;
  const env = { ICS_URL: `${ics.url}/private-4711/basic.ics`, ICS_PASSWORD: "ics-p4ssword-xyzzy", EWS_PASSWORD: ACCOUNT.password, GRAPH_SECRET: "graph-s3cret-plugh" };
  Object.assign(process.env, env);
  cleanUp.push(() => {
    for (const name of Object.keys(env)) Reflect.deleteProperty(process.env, name);
    return Promise.resolve();
  });
  const server = await realServer(DOMAIN, users, yaml, { people, env: () => env });
  cleanUp.push(() => server.kill());
  const phone = await Phone.open({ user: "105", domain: DOMAIN, password: "secret-105", protocol: "udp", server: { address: "127.0.0.1", port: server.port } });
  cleanUp.push(() => phone.close());
  phone.onRequest = (request) => (request.method === "NOTIFY" ? phone.answer(request, 200, "OK", { contact: false }) : null);
  expect((await phone.register()).status).toBe(200);
  for (const whom of ["101", "102", "103"]) {
    const { final } = await phone.ask(phone.text("SUBSCRIBE", `sip:${whom}@${DOMAIN}`, { headers: "Event: presence\r\nExpires: 600\r\n" }));
    expect(final.status).toBe(200);
    const isMeeting = (body: string): boolean => parsePidf(body).persons[0]?.activities[0]?.name === "meeting";
    await phone.request("NOTIFY", (request) => request.callId === final.callId && isMeeting(request.body));
  }
  // Exchange's hints come, with the ids of events that they are about, and then no more.
  await expect.poll(() => notes.streams.length, { timeout: 30_000 }).toBe(1);
  notes.change("102@office.test");
  await expect.poll(() => server.get("/metrics"), { timeout: 10_000 }).toContain('lamplight_calendar_hints_total{calendar="exchange"} 1');
  isBroken = true;
  for (const stream of notes.streams) stream.socket?.destroy();
  await expect.poll(() => server.get("/metrics"), { timeout: 30_000 }).toContain('lamplight_calendar_hint_failures_total{failure="throttled"} ');
  // Each of the three has failed too.
  const failed = async (): Promise<boolean> => {
    const metrics = await server.get("/metrics");
    return ["throttled", "connection", "unreadable"].every((kind) => metrics.includes(`lamplight_calendar_failures_total{failure="${kind}"} `));
  };
  await expect.poll(failed, { timeout: 60_000, interval: 300 }).toBe(true);
  const answers: string[] = [];
  for (const path of ["/api/presence", ...users.flatMap((id) => [`/api/presence/${id}`, `/api/presence/${id}/why`, `/api/presence/${id}/history`]), "/metrics", "/healthz", "/readyz", "/api/subscriptions", "/api/health/series"]) answers.push(await server.get(path));
  for (const { out, err } of await Promise.all(users.map((id) => server.command("calendar", "test", id)))) {
    expect(out).toContain("calendar ");
    answers.push(out, err);
  }
  answers.push((await server.command("why", "102")).out);
  expect(answers.join("\n"), "the answers are those of a server that read calendars").toContain('"meeting"');
  await server.stop();
  const notifies = phone.received.map(({ text: message, body }) => `${message}${body}`).join("\n");
  expect(notifies).toContain("In a meeting");
  const all = { answers: answers.join("\n"), notifies, log: server.lines().join("\n"), store: allOf(join(server.folder, "data")) };
  expect(all.store.length).toBeGreaterThan(10_000);
  expect(all.log, "it logged what it did").toContain("a calendar is silent");
  expect(all.log).toContain("a calendar gives no hints of changes");
  for (const [where, written] of Object.entries(all)) expect(found(written, [...WORDS, ...SECRETS]), where).toEqual([]);
  expect(found("QUARTZFALCON", WORDS), "the search itself finds").toEqual(["QUARTZFALCON"]);
}, 300_000);
