import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { webOf, type Web } from "../../src/web.ts";
import { builtPages } from "./pages.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { watch, watcher } from "./watching.ts";

const TOKEN = "the-token-of-the-stage";
let stage: Stage;
let web: Web;

beforeAll(builtPages, 60_000);

beforeEach(async () => {
  stage = await Stage.start({ yaml: 'phones:\n  - { match: "^Acme", profile: polycom, dialogs: one }\n' });
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: 200 } }, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports });
  await web.start();
});

afterEach(async () => {
  await web.stop();
  await stage.stop();
});

async function ask(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const response = await fetch(web.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("GET /api/phones", () => {
  test("shows what a phone would be sent in a state, and why", async () => {
    const { status, body } = await ask("GET", "/api/phones?user_agent=PolycomVVX-VVX_410-UA%2F5.9&state=ringing");
    expect(status).toBe(200);
    expect(body).toMatchObject({ profile: "polycom", rule: null, settings: { presence: "xpidf", dialogs: "all", idle: "dummy" }, pickup: { form: "replaces" }, alert_info: { form: "polycom" } });
    const [ringing] = body.documents as readonly Record<string, { content_type: string; body: string }>[];
    expect(ringing?.presence?.content_type).toBe("application/xpidf+xml");
    expect(ringing?.presence?.body).toContain("onthephone");
    expect(ringing?.dialog?.body).toContain("<state>early</state>");
  });

  test("shows all states without one, and what the operator's own rules make of a phone", async () => {
    const { body } = await ask("GET", "/api/phones?user_agent=Acme%201");
    expect(body).toMatchObject({ profile: "polycom + rule 1", rule: 1, settings: { dialogs: "one" } });
    expect(body.documents).toHaveLength(14);
  });

  test("lists the profiles and the registered phones without a User-Agent", async () => {
    await watcher(stage, "101", "udp", "snomD785/10.1");
    const { body } = await ask("GET", "/api/phones");
    expect(body.registered).toEqual([expect.objectContaining({ aor: `sip:101@${DOMAIN}`, user_agent: "snomD785/10.1", profile: "snom" })]);
    expect(body.profiles).toContainEqual(expect.objectContaining({ name: "cisco-spa" }));
  });

  test.each([
    ["/api/phones?user_agent=x&state=happy", "unknown_state"],
    ["/api/phones?state=ringing", "no_user_agent"],
  ])("%s is refused with %s", async (path, error) => {
    const { status, body } = await ask("GET", path);
    expect([status, body.error]).toEqual([400, error]);
  });
});

describe("POST /api/phones/AOR/check-sync", () => {
  test("asks the person's phones and says what they answered", async () => {
    const phone = await watcher(stage, "101", "tcp", "Yealink SIP-T46S");
    expect(await ask("POST", "/api/phones/101/check-sync", { reboot: true })).toMatchObject({ status: 200, body: { aor: `sip:101@${DOMAIN}`, phones: [{ user_agent: "Yealink SIP-T46S", status: 200, outcome: "reloads" }] } });
    expect((await phone.request("NOTIFY")).headerNamed("Event")).toBe("check-sync;reboot=true");
    expect((await ask("POST", "/api/phones/101/check-sync")).status).toBe(200);
    expect((await phone.request("NOTIFY")).headerNamed("Event")).toBe("check-sync");
  });

  test.each([
    ["101", undefined, 409, "not_registered"],
    ["999", undefined, 404, "unknown_aor"],
    ["101", { reboot: "yes" }, 400, "bad_request"],
    ["101", { restart: true }, 400, "bad_request"],
    ["101", [], 400, "bad_request"],
  ])("of %s with %j is refused: %i %s", async (user, body, status, error) => {
    const answer = await ask("POST", `/api/phones/${user}/check-sync`, body);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
  });
});

describe("the message lamp", () => {
  test("is set, read and taken back, and phones see it", async () => {
    const phone = await watcher(stage, "101");
    const one = await watch(phone, "101", "message-summary");
    expect(await ask("POST", "/api/message-summary/101", { voice: { new: 2, old: 8, urgent_new: 1 }, account: "sip:vm@example.test" })).toMatchObject({ status: 200, body: { waiting: true, account: "sip:vm@example.test", voice: { new: 2, old: 8, urgent_new: 1, urgent_old: 0 } } });
    expect((await one.next()).body).toBe("Messages-Waiting: yes\r\nMessage-Account: sip:vm@example.test\r\nVoice-Message: 2/8 (1/0)\r\n");
    expect(await ask("POST", "/api/message-summary/101", { new: 0, old: 9 })).toMatchObject({ status: 200, body: { waiting: false } });
    expect((await one.next()).body).toContain("Messages-Waiting: no");
    expect(await ask("POST", "/api/message-summary/101", { waiting: true })).toMatchObject({ status: 200, body: { waiting: true } });
    expect((await one.next()).body).toBe(`Messages-Waiting: yes\r\nMessage-Account: sip:101@${DOMAIN}\r\n`);
    expect(await ask("GET", "/api/message-summary/101")).toMatchObject({ body: { waiting: true } });
    expect(await ask("DELETE", "/api/message-summary/101")).toMatchObject({ status: 200, body: { waiting: false, since: null } });
    expect((await one.next()).body).toContain("Messages-Waiting: no");
  });

  test.each([
    [undefined],
    [{}],
    [{ waiting: "yes" }],
    [{ account: "nobody", waiting: true }],
    [{ account: "sip:x@d\r\nEvil: 1", waiting: true }],
    [{ voice: { new: -1 } }],
    [{ voice: { new: 1.5 } }],
    [{ voice: { new: 70_000 } }],
    [{ voice: { new: 1, urgent_new: 2 } }],
    [{ voice: { fresh: 1 } }],
    [{ voice: 3 }],
    [{ smoke: { new: 1 } }],
    [{ new: 1, voice: { new: 1 } }],
  ])("%j is refused and changes nothing", async (body) => {
    const answer = await ask("POST", "/api/message-summary/101", body);
    expect([answer.status, answer.body.error]).toEqual([400, "bad_request"]);
    expect(await ask("GET", "/api/message-summary/101")).toMatchObject({ body: { waiting: false, since: null } });
  });
});

test("the old address of the page of phones leads to the console, and what the build names is kept for ever", async () => {
  const html = await (await fetch(`${web.url}/phones.html`)).text();
  const [, script = ""] = /src="\.\/(assets\/phones-[^"]+\.js)"/.exec(html) ?? [];
  const answer = await fetch(`${web.url}/${script}`);
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
  expect(await answer.text()).toContain("#/phones");
  expect((await fetch(`${web.url}/`)).headers.get("cache-control")).toBe("no-cache");
});
