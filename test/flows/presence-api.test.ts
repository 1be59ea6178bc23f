import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { webOf, type Web } from "../../src/web.ts";
import type { Message } from "../../src/sip/message.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

const TOKEN = "the-token-of-the-stage";

let stage: Stage;
let web: Web;

async function openWeb(): Promise<void> {
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: 200 } }, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports });
  await web.start();
}

async function begin(yaml = "", people?: string): Promise<void> {
  stage = await Stage.start({ yaml, ...(people === undefined ? {} : { people }) });
  await openWeb();
}

beforeEach(() => begin());

afterEach(async () => {
  await web.stop();
  await stage.stop();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(method: string, path: string, body?: unknown, token = TOKEN): Promise<Answer> {
  const response = await fetch(`${web.url}/api/presence/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

interface Input {
  readonly source: string;
  readonly won: boolean;
  readonly reason: string;
  readonly rank: number | null;
}

const inputsOf = (body: Record<string, unknown>): readonly Input[] => body.inputs as readonly Input[];

async function registered(user: string): Promise<Phone> {
  const phone = await stage.phone(user);
  expect((await phone.register()).status).toBe(200);
  return phone;
}

/** A phone that watches a person's presence and keeps what it was told. */
async function watching(user: string, whom: string): Promise<{ phone: Phone; told: string[]; next: (note: string) => Promise<Message> }> {
  const phone = await registered(user);
  const told: string[] = [];
  phone.onRequest = (request) => {
    if (request.method !== "NOTIFY") return null;
    told.push(/<note>([^<]*)/.exec(request.body)?.[1] ?? "");
    return phone.answer(request, 200, "OK", { contact: false });
  };
  const { final } = await phone.ask(phone.text("SUBSCRIBE", `sip:${whom}@${DOMAIN}`, { headers: "Event: presence\r\nExpires: 600\r\n" }));
  expect(final.status).toBe(200);
  await phone.request("NOTIFY");
  return { phone, told, next: (note) => phone.request("NOTIFY", (m) => m.body.includes(`<note>${note}</note>`)) };
}

async function publish(phone: Phone, note: string, headers = "Expires: 600\r\n"): Promise<Message> {
  const body = `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${phone.aor}"><tuple id="a"><status><basic>open</basic></status><note>${note}</note></tuple></presence>`;
  return (await phone.ask(phone.text("PUBLISH", phone.aor, { headers: `Event: presence\r\n${headers}Content-Type: application/pidf+xml\r\n`, body }))).final;
}

describe("setting a state through the API", () => {
  test("reaches watchers, is read back, beats what was published before, and is taken back", async () => {
    const bob = await registered("102");
    const carol = await watching("103", "102");
    expect((await publish(bob, "Lunch")).status).toBe(200);
    await carol.next("Lunch");
    const set = await ask("PUT", "102", { activities: ["away"], note: "At the dentist's" });
    expect(set).toMatchObject({ status: 200, body: { aor: `sip:102@${DOMAIN}`, basic: "open", activities: ["away"], note: "At the dentist's", source: "api" } });
    await carol.next("At the dentist&apos;s");
    expect((await ask("GET", "user102")).body).toMatchObject({ note: "At the dentist's", source: "api" });
    expect((await publish(bob, "Back")).status).toBe(200);
    await carol.next("Back");
    expect(await ask("DELETE", "102")).toMatchObject({ status: 200, body: { note: "Back", source: "publish" } });
    expect(carol.told, "a loser that goes is no news").toEqual(["Available", "Lunch", "At the dentist&apos;s", "Back"]);
  });

  test("lapses by itself", async () => {
    await registered("102");
    const carol = await watching("103", "102");
    await ask("PUT", "102", { activities: ["meal"], expires_seconds: 1 });
    await carol.next("Lunch");
    await carol.next("Available");
  });

  test("do-not-disturb and a person's own choice outrank what is published, and a call outranks them", async () => {
    const bob = await registered("102");
    await publish(bob, "Lunch");
    expect((await ask("PUT", "102", { do_not_disturb: true })).body).toMatchObject({ activities: ["busy"], note: "Do not disturb", source: "do-not-disturb" });
    expect((await ask("PUT", "102", { activities: ["working"], note: "Deep work", override: true })).body).toMatchObject({ note: "Deep work", source: "override" });
    const alice = await registered("101");
    const sent = alice.text("INVITE", `sip:102@${DOMAIN}`, {});
    alice.send(sent);
    alice.send(alice.withCredentials(sent, await alice.response("INVITE", 407)));
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 200, "OK", { tag: "b" }));
    await alice.response("INVITE", 200);
    const { body } = await ask("GET", "102/why");
    expect(body.document).toMatchObject({ source: "dialog", note: "On the phone" });
    expect(inputsOf(body).map(({ source, rank, won }) => `${source} ${String(rank)} ${String(won)}`)).toEqual(["dialog 1 true", "override 2 false", "do-not-disturb 3 false", "publish 5 false", "registration 6 false"]);
    for (const { reason } of inputsOf(body)) expect(reason).not.toBe("");
    expect((await ask("DELETE", "102?source=override")).body).toMatchObject({ source: "dialog" });
    expect(inputsOf((await ask("GET", "102/why")).body).map(({ source }) => source)).toEqual(["dialog", "do-not-disturb", "publish", "registration"]);
  });

  test("what was acknowledged outlives a crash, until it is taken back", async () => {
    await registered("102");
    for (const body of [{ activities: ["vacation"], note: "Gone", expires_seconds: 3600 }, { activities: ["meal"], name: "canteen" }, { do_not_disturb: true }, { note: "Mine", activities: ["working"], override: true }]) {
      expect((await ask("PUT", "102", body)).status).toBe(200);
    }
    await web.stop();
    await stage.restart();
    await openWeb();
    const { body } = await ask("GET", "102/why");
    expect(inputsOf(body).map(({ source }) => source)).toEqual(["override", "do-not-disturb", "api", "api", "registration"]);
    expect(body.document).toMatchObject({ note: "Mine", source: "override" });
    expect((await ask("DELETE", "102")).body).toMatchObject({ source: "registration", note: "Available" });
    await web.stop();
    await stage.restart();
    await openWeb();
    expect((await ask("GET", "102")).body).toMatchObject({ source: "registration" });
  });

  test("is not acknowledged while the store cannot be written", async () => {
    stage.store.fail();
    expect(await ask("PUT", "102", { note: "x" })).toMatchObject({ status: 503, body: { error: "not_kept" } });
    stage.store.resume();
    expect((await ask("PUT", "102", { note: "x" })).status).toBe(200);
  });

  test.each([
    ["nothing", {}, /^this says nothing; write/],
    ["an unknown activity", { activities: ["meting"] }, /"activities\[0\]": RPID has no such activity; write meeting/],
    ["a wrong word and a near miss, both said", { basic: "ajar", activites: [] }, /"activites": nothing is called so; write activities; "basic": write open, closed/],
    ["a time without end", { note: "x", expires_seconds: 1e12 }, /"expires_seconds": write a whole number from 1 to/],
    ["a list", ["away"], /^this is a list; write an object/],
    ["a long note", { note: "x".repeat(501) }, /"note": it has more than 500 characters/],
  ])("%s is refused, and says what to write", async (_, body, message) => {
    const answer = await ask("PUT", "102", body);
    expect(answer).toMatchObject({ status: 400, body: { error: "bad_state" } });
    expect(answer.body.message).toMatch(message);
    expect((await ask("GET", "102")).body).toMatchObject({ source: "registration" });
  });

  test("needs the token, and a person of ours", async () => {
    expect((await ask("PUT", "102", { note: "x" }, "wrong")).status).toBe(401);
    expect((await ask("DELETE", "102", undefined, "wrong")).status).toBe(401);
    expect((await ask("POST", "simulate", { inputs: [] }, "wrong")).status).toBe(401);
    expect((await ask("PUT", "nobody", { note: "x" })).status).toBe(404);
  });
});

describe("why", () => {
  test("says what each watcher was sent, when, and what he answered", async () => {
    await registered("102");
    const carol = await watching("103", "102");
    await ask("PUT", "102", { activities: ["away"], note: "Walking the dog" });
    await carol.next("Walking the dog");
    await expect
      .poll(async () => (await ask("GET", "102/why")).body.watchers)
      .toMatchObject([{ watcher: `sip:103@${DOMAIN}`, event: "presence", sent: { what: "open · Walking the dog", status: 200, answered_at: expect.any(String) as unknown } }]);
  });

  test("answers for any moment of the past, through a restart, as it would have then", async () => {
    const bob = await registered("102");
    const carol = await watching("103", "102");
    await publish(bob, "Lunch");
    await carol.next("Lunch");
    const lunch = await moment();
    await ask("PUT", "102", { do_not_disturb: true });
    await carol.next("Do not disturb");
    const peace = await moment();
    await ask("DELETE", "102");
    await carol.next("Lunch");
    const at = async (time: number): Promise<Record<string, unknown>> => (await ask("GET", `102/why?at=${new Date(time).toISOString()}`)).body;
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        await web.stop();
        await stage.restart();
        await openWeb();
      }
      const then = await at(peace);
      expect(then.document).toMatchObject({ note: "Do not disturb", source: "do-not-disturb" });
      expect(inputsOf(then).map(({ source, won }) => `${source} ${String(won)}`)).toEqual(["do-not-disturb true", "publish false", "registration false"]);
      expect(then.watchers).toMatchObject([{ watcher: `sip:103@${DOMAIN}`, sent: { what: "open · Do not disturb", status: 200 } }]);
      expect((await at(lunch)).document).toMatchObject({ note: "Lunch", source: "publish" });
      expect((await at(lunch)).watchers).toMatchObject([{ sent: { what: "open · Lunch" } }]);
    }
    expect(await ask("GET", "102/why?at=1999-01-01T00:00:00Z")).toMatchObject({ status: 404, body: { error: "not_recorded" } });
    expect(await ask("GET", "102/why?at=yesterday")).toMatchObject({ status: 400, body: { error: "bad_time" } });
    expect(await ask("GET", "102/why?at=2999-01-01T00:00:00Z")).toMatchObject({ status: 400, body: { error: "bad_time" } });
  });

  test("knows the past of someone whom nobody watched", async () => {
    await registered("104");
    await ask("PUT", "104", { activities: ["meal"] });
    await stage.server.past.why(stage.server.directory.aorOf("104", DOMAIN) ?? (() => { throw new Error("104"); })(), stage.server.now());
    const then = await moment();
    await ask("DELETE", "104");
    expect((await ask("GET", `104/why?at=${new Date(then).toISOString()}`)).body.document).toMatchObject({ activities: ["meal"], source: "api" });
  });
});

/** A moment that is over. */
async function moment(): Promise<number> {
  const now = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(now + 1);
  return now + 1;
}

describe("simulate", () => {
  test("says what would be, by the server's settings or others, and changes nothing", async () => {
    const inputs = [
      { source: "calendar", activities: ["meeting"], since: "2026-11-20T14:00:00Z", until: "2026-11-20T15:00:00Z" },
      { source: "publish", activities: ["away"], note: "Away", since: "2026-11-20T14:30:00Z", basic: "open" },
      { source: "registration" },
    ];
    const said = await ask("POST", "simulate", { inputs, at: "2026-11-20T14:45:00Z" });
    expect(said).toMatchObject({
      status: 200,
      body: { document: { source: "calendar", activities: ["meeting"], basic: "open" }, routing: null, settings: { primary_source: "calendar", early: "ringing", basic_from: "reachability" } },
    });
    expect(inputsOf(said.body.why as Record<string, unknown>)).toMatchObject([{ source: "calendar", won: true }, { source: "publish", won: false }, { source: "registration", won: false }]);
    const otherwise = await ask("POST", "simulate", { inputs, at: "2026-11-20T14:45:00Z", settings: { primary_source: "none" } });
    expect(otherwise.body).toMatchObject({ document: { source: "publish", note: "Away" }, settings: { primary_source: "none" } });
    expect((await ask("POST", "simulate", { inputs, at: "2026-11-20T15:00:00Z" })).body).toMatchObject({ document: { source: "publish" } });
    expect((await ask("GET", "101")).body).toMatchObject({ source: "registration", basic: "closed" });
  });

  test("takes the answer of why", async () => {
    await registered("102");
    await ask("PUT", "102", { activities: ["meal"], override: true });
    const { body } = await ask("GET", "102/why");
    const again = await ask("POST", "simulate", body);
    expect(again.body.document).toEqual(body.document);
    expect((again.body.why as Record<string, unknown>).inputs).toEqual(body.inputs);
  });

  test("refuses what it cannot read, all mistakes at once", async () => {
    const { status, body } = await ask("POST", "simulate", { inputs: [{ source: "telepathy" }, { note: 5 }], at: "noon", setting: {} });
    expect(status).toBe(400);
    for (const part of ['"setting": nothing is called so; write settings', '"at": write a time such as', 'inputs[0]."source": write dialog', 'inputs[1]."note": write a text', 'inputs[1]: "source" is missing']) expect(body.message).toContain(part);
  });
});
