import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { webOf, type Web } from "../../src/web.ts";
import { shownList } from "./listing.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher, type Watch } from "./watching.ts";

const TOKEN = "the-token-of-the-stage";
/** Alice, 101, has blocked Bob, 102; Carol, 103, sees her as always offline; Dan, 104, may see her. 105 is nobody's concern, and never there. */
const PEOPLE = `users:
  - { id: "101", name: Alice, password: secret-101, watchers: { block: ["102"], polite_block: ["103"] } }
  - { id: "102", name: Bob, password: secret-102 }
  - { id: "103", name: Carol, password: secret-103 }
  - { id: "104", name: Dan, password: secret-104 }
  - { id: "105", name: Eve, password: secret-105 }
  - { id: "106", name: Frank, password: secret-106 }
lists:
  - { id: desk, members: ["101", "105"] }
`;
const LIST = "Expires: 600\r\nSupported: eventlist\r\n";
const WINFO = ["presence.winfo", "dialog.winfo"] as const;

let stage: Stage;
let web: Web;

beforeEach(async () => {
  stage = await Stage.start({ people: PEOPLE });
  web = webOf({ web: { url: "http://127.0.0.1:0", address: "127.0.0.1", port: 0, auth: "token", token: TOKEN, eventStreamsMax: 20 } }, stage.server, { clock: systemClock, random: systemRandom(), log: silentLog, transports: stage.transports, store: stage.store });
  await web.start();
});

afterEach(async () => {
  await web.stop();
  await stage.stop();
});

/** What somebody who is signed in, or nobody, is answered: status and body as text. */
interface Visitor {
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Opens the stream of events; what has come of it so far. */
  stream(): Promise<() => string>;
  stop(): void;
}

async function visitor(user: string | null): Promise<Visitor> {
  const stop = new AbortController();
  let headers: Record<string, string> = {};
  if (user !== null) {
    const answer = await fetch(`${web.url}/api/session`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ user, password: `secret-${user}` }) });
    expect(answer.status).toBe(200);
    headers = { cookie: (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "" };
  }
  return {
    async get(path) {
      const answer = await fetch(web.url + path, { headers });
      return { status: answer.status, text: await answer.text() };
    },
    async stream() {
      const answer = await fetch(`${web.url}/api/events`, { headers, signal: stop.signal });
      let text = `${String(answer.status)}\n`;
      const read = async (): Promise<void> => {
        for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
      };
      read().catch(() => undefined);
      return () => text;
    },
    stop: () => {
      stop.abort();
    },
  };
}

/** 106 calls 101, whose phone comes, rings, is answered, publishes, has a message, hangs up and goes: everything that could be told of her. */
async function life(): Promise<void> {
  const [frank, alice] = [await stage.phone("106"), await stage.phone("101")];
  await frank.register();
  await alice.register();
  const sent = await placed(frank, `sip:101@${DOMAIN}`);
  const got = await alice.request("INVITE");
  alice.send(alice.answer(got, 180, "Ringing", { tag: "a" }));
  alice.send(alice.answer(got, 200, "OK", { tag: "a" }));
  const dialog = frank.callerDialog(sent, await frank.response("INVITE", 200));
  frank.send(frank.within(dialog, "ACK"));
  await alice.request("ACK");
  const put = await fetch(`${web.url}/api/presence/101`, { method: "PUT", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }, body: JSON.stringify({ activities: ["vacation"], note: "the secret note", override: true }) });
  expect(put.status).toBe(200);
  await fetch(`${web.url}/api/message-summary/101`, { method: "POST", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }, body: JSON.stringify({ waiting: true, voice: { new: 3, old: 1 } }) });
  frank.send(frank.within(dialog, "BYE"));
  alice.send(alice.answer(await alice.request("BYE"), 200, "OK"));
  await frank.response("BYE", 200);
}

/** Sends an INVITE until it is taken: a busy machine turns new calls away. */
async function placed(caller: Phone, to: string): Promise<Message> {
  for (;;) {
    const text = caller.text("INVITE", to, {});
    const { callId } = Message.of(text);
    const isAnswer = (message: Message): boolean => !message.isRequest && message.method === "INVITE" && message.callId === callId;
    caller.send(text);
    const first = await caller.wait("an answer to INVITE", isAnswer);
    if (first.status > 199) caller.send(caller.ackOf(Message.of(text), first));
    if (first.status !== 407) continue;
    const again = caller.withCredentials(text, first);
    caller.send(again);
    const second = await caller.wait("an answer to INVITE", isAnswer);
    if (second.status < 200) return Message.of(again);
    caller.send(caller.ackOf(Message.of(again), second));
  }
}

/** Everything has been told to whom it may be told: Dan, who may see all, has seen it, by phone and by page. */
async function isToldTo(dan: { readonly phone: Phone; readonly lamp: Watch; readonly events: () => string }): Promise<void> {
  await dan.phone.request("NOTIFY", (request) => request.callId === dan.lamp.final.callId && request.body.includes("the secret note"));
  await until(() => dan.events().includes("the secret note"));
}

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 15_000; !isSo(); ) {
    if (performance.now() > deadline) throw new Error("it never came");
    await new Promise((next) => setImmediate(next));
  }
}

async function status(phone: Phone, user: string, event: string, headers = "Expires: 600\r\n"): Promise<number> {
  return (await phone.ask(phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { headers: `Event: ${event}\r\n${headers}` }))).final.status;
}

const isHers = (text: string): boolean => /sip:101@|Alice|secret note/.test(text);
/** What differs from one answer to the next without saying anything. */
const plain = (text: string): string => text.replaceAll("105", "101").replaceAll("Eve", "Alice").replace(/"(?:at|next_change_at|since)":"[^"]*"/g, '"at":""').replace(/version="\d+"/g, "");

test("somebody who is blocked learns nothing: SIP, lists, API, stream, and no word of it while she lives", { timeout: 60_000 }, async () => {
  const [bob, dan] = [await watcher(stage, "102", "tcp"), await watcher(stage, "104", "tcp")];
  const lamp = await watch(dan, "101", "presence");
  // Every event, as a subscription and as a fetch.
  for (const event of ["presence", "dialog", "reg", "message-summary", ...WINFO]) {
    expect([event, await status(bob, "101", event), await status(bob, "101", event, "Expires: 0\r\n")]).toEqual([event, 403, 403]);
  }
  // Within lists, of the directory and his own.
  for (const event of ["presence", "dialog"]) {
    const desk = shownList((await watch(bob, "desk", event, LIST)).notify).resources.find(({ uri }) => uri.includes("101@"));
    expect([event, desk?.state, desk?.reason, desk?.body]).toEqual([event, "terminated", "rejected", ""]);
  }
  const body = `<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:101@${DOMAIN}"/></list></resource-lists>`;
  const own = shownList((await watch(bob, "rls", "presence", `${LIST}Require: recipient-list-subscribe\r\nContent-Type: application/resource-lists+xml\r\n`, body)).notify).resources;
  expect(own.map(({ state, reason }) => [state, reason])).toEqual([["terminated", "rejected"]]);

  const [page, dansPage] = [await visitor("102"), await visitor("104")];
  const [events, dansEvents] = [await page.stream(), await dansPage.stream()];
  await until(() => events().includes("event: snapshot") && dansEvents().includes("event: snapshot"));
  const before = { notifies: notifies(bob), messages: bob.received.length };
  await life();
  await isToldTo({ phone: dan, lamp, events: dansEvents });
  // Not one message more to his phone, not one event more on his page.
  expect({ notifies: notifies(bob), messages: bob.received.length }).toEqual(before);
  expect(events()).not.toMatch(/sip:101@|Alice|secret note/);
  for (const path of ["/api/presence/101", "/api/presence/101/why", "/api/presence/101/why?at=1s", "/api/presence/101/history"]) {
    const [hers, nobodys] = [await page.get(path), await page.get(path.replace("101", "999"))];
    expect([path, hers.status, hers.text.replaceAll("101", "999")]).toEqual([path, 404, nobodys.text.replaceAll("101", "999")]);
  }
  for (const path of ["/api/presence", "/api/lamps", "/api/calls"]) expect([path, isHers((await page.get(path)).text)]).toEqual([path, false]);
  for (const path of ["/api/registrations", "/api/subscriptions", "/api/registrations/101"]) expect([path, (await page.get(path)).status]).toEqual([path, expect.toBeOneOf([401, 403])]);
  for (const one of [page, dansPage]) one.stop();
});

test("somebody who is politely blocked sees what he would see of one who never was there: documents, answers, and the times of them", { timeout: 60_000 }, async () => {
  const [carol, dan] = [await watcher(stage, "103", "tcp"), await watcher(stage, "104", "tcp")];
  const lamp = await watch(dan, "101", "presence");
  const watches: Watch[] = [];
  for (const event of ["presence", "dialog", "reg"]) {
    const [hers, nobodys] = [await watch(carol, "101", event), await watch(carol, "105", event)];
    expect(plain(hers.notify.body), event).toBe(plain(nobodys.notify.body));
    expect(hers.final.header(Header.expires)).toBe(nobodys.final.header(Header.expires));
    watches.push(hers);
  }
  for (const event of ["presence", "dialog"]) {
    const [hers, nobodys] = shownList((await watch(carol, "desk", event, LIST)).notify).resources;
    expect([event, hers?.state, hers?.reason, plain(hers?.body ?? "")]).toEqual([event, nobodys?.state, nobodys?.reason, plain(nobodys?.body ?? "")]);
  }
  // What everybody is refused says nothing of a block.
  for (const event of ["message-summary", ...WINFO]) expect([event, await status(carol, "101", event)]).toEqual([event, await status(carol, "105", event)]);

  const [page, dansPage] = [await visitor("103"), await visitor("104")];
  const [events, dansEvents] = [await page.stream(), await dansPage.stream()];
  await until(() => events().includes("event: snapshot") && events().endsWith("\n\n") && dansEvents().includes("event: snapshot"));
  const before = { notifies: notifies(carol), messages: carol.received.length, events: ofHer(events()) };
  await life();
  await isToldTo({ phone: dan, lamp, events: dansEvents });
  expect({ notifies: notifies(carol), messages: carol.received.length, events: ofHer(events()) }).toEqual(before);
  // After a refresh it is the same document, and still the one of somebody who is not there.
  for (const hers of watches) {
    expect((await hers.again("Expires: 600\r\n")).status).toBe(200);
    expect(plain((await hers.next()).body)).toBe(plain(hers.notify.body));
  }
  for (const path of ["/api/presence/101", "/api/presence/101/why", "/api/presence/101/history"]) {
    const [hers, nobodys] = [await page.get(path), await page.get(path.replace("101", "105"))];
    expect([path, hers.status, withoutTimes(plain(hers.text))]).toEqual([path, nobodys.status, withoutTimes(plain(nobodys.text))]);
  }
  for (const path of ["/api/presence", "/api/lamps", "/api/calls"]) {
    const { text } = await page.get(path);
    const rows = JSON.parse(text) as readonly { readonly aor?: string }[];
    const [hers, nobodys] = ["101", "105"].map((id) => rows.find(({ aor }) => aor === `sip:${id}@${DOMAIN}`));
    expect([path, plain(JSON.stringify(hers ?? null))]).toEqual([path, plain(JSON.stringify(nobodys ?? null))]);
    expect([path, text.includes("secret note")]).toEqual([path, false]);
  }
  for (const one of [page, dansPage]) one.stop();
});

test("who is not signed in learns nothing: no subscription, no answer, no stream", async () => {
  const stranger = await stage.phone("102", "tcp", { password: "wrong" });
  for (const event of ["presence", "dialog", "reg", "message-summary", ...WINFO]) {
    const text = stranger.text("SUBSCRIBE", `sip:101@${DOMAIN}`, { headers: `Event: ${event}\r\nExpires: 600\r\n` });
    stranger.send(text);
    const hers = await stranger.wait("an answer", (message) => !message.isRequest && message.method === "SUBSCRIBE");
    const other = stranger.text("SUBSCRIBE", `sip:999@${DOMAIN}`, { headers: `Event: ${event}\r\nExpires: 600\r\n` });
    stranger.send(other);
    const nobodys = await stranger.wait("an answer", (message) => !message.isRequest && message.method === "SUBSCRIBE");
    // He is challenged before anything is looked up, so that no answer says who there is.
    expect([event, hers.status, nobodys.status]).toEqual([event, 407, 407]);
  }
  const guest = await visitor(null);
  await life();
  for (const path of ["/api/presence", "/api/presence/101", "/api/presence/101/why", "/api/presence/101/history", "/api/presence/999", "/api/lamps", "/api/calls", "/api/registrations", "/api/subscriptions", "/api/events"]) {
    const { status: answered, text } = await guest.get(path);
    expect([path, answered, isHers(text)]).toEqual([path, 401, false]);
  }
  // Figures are for whoever may scrape them; they name nobody.
  expect((await guest.get("/metrics")).text).not.toMatch(/sip:|Alice|"101"/);
  expect(JSON.parse((await guest.get("/api/session")).text)).toMatchObject({ viewer: null, domain: null });
  expect(notifies(stranger)).toBe(0);
});

/** What a stream said of her. */
function ofHer(text: string): readonly string[] {
  return text.split("\n\n").filter((event) => isHers(event) && !event.includes("event: snapshot"));
}

function withoutTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
}
