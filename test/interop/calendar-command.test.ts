import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ACCOUNT as DAV_ACCOUNT, davStandIn, eventText } from "../calendar/dav.ts";
import { ACCOUNT, askedFor, availabilityAnswer, exchange, mailboxAnswer, refusedMailbox, say } from "../calendar/exchange.ts";
import { webServer } from "../calendar/web-server.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { scratchFolder, startProgram } from "./program.ts";
import { obstacle } from "./surroundings.ts";

// The built program with each kind of calendar, from its configuration to its words; Exchange, Graph and the CalDAV server are stand-ins.

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const GRAPH_SECRET = "sEcr3t~value.of-the-app";
const minute = 60_000;
const soon = (minutes: number): string => new Date(Date.now() + minutes * minute).toISOString().slice(0, 19);

interface Outcome {
  readonly code: number | null;
  readonly text: string;
}

/** Runs `lamplight calendar test alice` with one calendar; `secret` goes into a file that only its owner may read. */
async function tried(calendar: string, secret: string, ca = ""): Promise<Outcome> {
  const folder = scratchFolder("calendar");
  writeFileSync(join(folder, "secret"), `${secret}\n`, { mode: 0o600 });
  writeFileSync(join(folder, "ca.pem"), ca);
  writeFileSync(join(folder, "lamplight.yaml"), `domain: tel.example.test\nlisten: [udp://127.0.0.1:0]\ndirectory: ./directory.yaml\ncalendars:\n  - { ${calendar} }\n`);
  writeFileSync(join(folder, "directory.yaml"), 'users:\n  - { id: alice, name: Alice, password: "secret-alice", mailbox: "alice@mail.test" }\n');
  const program = startProgram(process.execPath, [main, "calendar", "test", "alice", "--config", join(folder, "lamplight.yaml")]);
  const code = await program.exit(50_000);
  const text = program.lines().join("\n");
  expect(text).not.toMatch(/QUARTZFALCON|ZEBRAROOM/);
  expect(text).not.toContain(secret);
  return { code, text };
}

describe.skipIf(obstacle() !== null)("lamplight calendar test", { timeout: 180_000 }, () => {
  let authority: TestAuthority;
  beforeAll(() => {
    authority = testAuthority();
  });
  afterAll(() => {
    authority.remove();
  });

  async function exchangeServer(scheme: "basic" | "ntlm", isSecure: boolean, isKnown = true): Promise<string> {
    const server = await exchange({
      scheme,
      ...(isSecure ? { tls: authority.issue("mail.test", "IP:127.0.0.1") } : {}),
      answer: (soap, response) => {
        say(response, availabilityAnswer(...askedFor(soap).map(() => (isKnown ? mailboxAnswer([{ start: soon(-10), end: soon(30), meeting: true }]) : refusedMailbox("ErrorMailRecipientNotFound")))));
      },
    });
    onTestFinished(() => server.close());
    return `kind: ews, url: "${server.url}/EWS/Exchange.asmx", username: 'CORP\\svc', password_file: ./secret`;
  }

  test.each([
    ["Basic", "basic", false],
    ["NTLM, over TLS of the company's own authority", "ntlm", true],
  ] as const)("Exchange on-premises with %s", async (_, scheme, isSecure) => {
    const calendar = await exchangeServer(scheme, isSecure);
    const outcome = await tried(isSecure ? `${calendar}, ca: ./ca.pem` : calendar, ACCOUNT.password, authority.ca);
    expect(outcome, outcome.text).toMatchObject({ code: 0, text: expect.stringMatching(/can be read .*1 entry[^]*meeting/) as string });
    const wrong = await tried(isSecure ? `${calendar}, ca: ./ca.pem` : calendar, "wrong-Pw-00000", authority.ca);
    expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining("does not accept the user name or password") as string });
  });

  test("Exchange on-premises whose certificate nobody knows, and one that knows no such mailbox", async () => {
    const unknown = await tried(await exchangeServer("basic", true), ACCOUNT.password);
    expect(unknown).toMatchObject({ code: 1, text: expect.stringContaining("signed by nobody that is trusted here") as string });
    const nobody = await tried(await exchangeServer("basic", false, false), ACCOUNT.password);
    expect(nobody).toMatchObject({ code: 1, text: expect.stringContaining("knows no such mailbox") as string });
  });

  test("Exchange Online", async () => {
    let isForbidden = false;
    const server = await webServer((seen, response) => {
      const reply = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      if (seen.path === "/contoso.test/oauth2/v2.0/token") {
        if (new URLSearchParams(seen.body).get("client_secret") === GRAPH_SECRET) reply(200, { token_type: "Bearer", expires_in: 3599, access_token: "token" });
        else reply(401, { error: "invalid_client", error_codes: [7000215] });
      } else if (isForbidden || seen.headers.authorization !== "Bearer token") reply(403, { error: { code: "ErrorAccessDenied", message: "QUARTZFALCON" } });
      else reply(200, { value: [{ scheduleId: "alice@mail.test", availabilityView: "2", scheduleItems: [{ status: "busy", subject: "QUARTZFALCON", isMeeting: true, isPrivate: false, start: { dateTime: soon(-10), timeZone: "UTC" }, end: { dateTime: soon(30), timeZone: "UTC" } }] }] });
    });
    onTestFinished(() => server.close());
    const calendar = `kind: graph, tenant: contoso.test, client_id: 00000000-0000-0000-0000-000000000000, secret_file: ./secret, url: "${server.url}", login_url: "${server.url}"`;
    const outcome = await tried(calendar, GRAPH_SECRET);
    expect(outcome, outcome.text).toMatchObject({ code: 0, text: expect.stringMatching(/can be read .*1 entry[^]*meeting/) as string });
    expect(await tried(calendar, "wrong-Pw-00000")).toMatchObject({ code: 1, text: expect.stringContaining("the client secret is wrong") as string });
    isForbidden = true;
    expect(await tried(calendar, GRAPH_SECRET)).toMatchObject({ code: 1, text: expect.stringContaining("Calendars.Read") as string });
  });

  test("CalDAV, over TLS of the company's own authority, with a name in the address", async () => {
    const stand = await davStandIn(undefined, authority.issue("dav.test", "IP:127.0.0.1"));
    onTestFinished(() => stand.server.close());
    stand.events.set("a.ics", { tag: '"1"', text: eventText().replace(/DTSTART:\S+/, `DTSTART:${soon(-10).replace(/[-:]/g, "")}Z`).replace(/DTEND:\S+/, `DTEND:${soon(30).replace(/[-:]/g, "")}Z`) });
    const calendar = `kind: caldav, url: "${stand.server.url}/cal/{user}/", username: ${DAV_ACCOUNT.username}, password_file: ./secret, ca: ./ca.pem`;
    const outcome = await tried(calendar, DAV_ACCOUNT.password, authority.ca);
    expect(outcome, outcome.text).toMatchObject({ code: 0, text: expect.stringMatching(/can be read .*1 entry[^]*appointment/) as string });
  });
});
