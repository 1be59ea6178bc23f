import { deflateSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { parseAor } from "../../src/base/ids.ts";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite } from "./calling.ts";
import { KnownList, shownList } from "./listing.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { watch, watcher } from "./watching.ts";

let stage: Stage | null = null;
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => String(101 + at));

/** A directory of so many people, and a list of all of them. */
function office(count: number, more = ""): string {
  return `users:\n${ids(Math.max(count, 5)).map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}lists:\n  - { id: desk, name: Desk, members: [${ids(count).map((id) => `"${id}"`).join(", ")}] }\n${more}`;
}

/** Resolves when a phone knows that of a list; the test's own time bounds it. */
function shownTo(list: KnownList, isThere: (known: ReadonlyMap<string, string>) => boolean): Promise<void> {
  return new Promise((done) => {
    list.news = () => {
      if (isThere(list.known)) done();
    };
    list.news();
  });
}

/** Subscribes to a list with a phone that answers every NOTIFY; what it knows grows in `list`. */
async function subscribe(phone: Phone, event: string, uri = `sip:desk@${DOMAIN}`): Promise<{ final: Message; list: KnownList; seen: Message[] }> {
  const list = new KnownList();
  const seen: Message[] = [];
  phone.onRequest = (request) => {
    if (request.method !== "NOTIFY") return null;
    // One that came again, because the answer was late, is no other.
    if (!seen.some(({ cseq }) => cseq === request.cseq)) {
      if (request.body !== "") list.take(request);
      seen.push(request);
      list.news();
    }
    return phone.answer(request, 200, "OK", { contact: false });
  };
  const { final } = await phone.ask(phone.text("SUBSCRIBE", uri, { headers: `Event: ${event}\r\nExpires: 600\r\nSupported: eventlist\r\nAccept: multipart/related, application/rlmi+xml, application/dialog-info+xml, application/pidf+xml\r\n` }));
  return { final, list, seen };
}

describe.each(["udp", "tcp"] as const)("a list over %s", (protocol) => {
  test.each([1, 60, 500])("of %i members shows everyone, then what changes", { timeout: 60_000 }, async (count) => {
    stage = await Stage.start({ people: office(count) });
    const phone = await stage.phone("101", protocol);
    expect((await phone.register()).status).toBe(200);
    const { final, list, seen } = await subscribe(phone, "dialog");
    expect([final.status, final.header(Header.require), tagOf(final.header(Header.to)) !== ""]).toEqual([200, "eventlist", true]);
    await shownTo(list, (known) => known.size === count && [...known.values()].every((body) => body.includes("terminated")));
    expect(seen.every((notify) => notify.header(Header.require) === "eventlist")).toBe(true);
    expect(seen.slice(0, 1).map((notify) => shownList(notify).isFull)).toEqual([true]);
    if (!skipsWithoutXmllint) expect(schemaMistakes(new Map(seen.slice(0, 3).flatMap((notify, at) => [[`rlmi ${String(at)}`, shownList(notify).rlmi] as const, ...shownList(notify).documents.slice(0, 3).map((body, index) => [`part ${String(at)}.${String(index)}`, body] as const)])))).toEqual([]);
    if (protocol === "udp") expect(Math.max(...seen.map((notify) => notify.text.length)), seen.map((notify) => notify.text).sort((a, b) => b.length - a.length)[0]).toBeLessThanOrEqual(1472);
    else expect(Math.max(...seen.map((notify) => notify.body.length))).toBeLessThanOrEqual(66_000);

    // With one member it is the watcher himself who is called.
    const last = count === 1 ? "101" : "102";
    const bob = await stage.phone(last);
    await bob.register();
    const before = seen.length;
    const carol = await stage.phone("103");
    await carol.register();
    const sent = await invite(carol, `sip:${last}@${DOMAIN}`);
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
    const ringing = await phone.request("NOTIFY", (m) => m.body.includes("<state>early</state>") && m.body.includes(`entity="sip:${last}@${DOMAIN}"`));
    const shown = shownList(ringing);
    expect(shown.isFull).toBe(false);
    expect(shown.resources.length).toBeLessThanOrEqual(2);
    expect(seen.length - before).toBeLessThanOrEqual(4);
    await carol.response("INVITE", 180);
    carol.send(carol.cancelOf(sent));
  });
});

const LIST = "Expires: 600\r\nSupported: eventlist\r\nAccept: multipart/related, application/rlmi+xml\r\n";

async function refusal(phone: Phone, headers: string, user = "desk", body = ""): Promise<Message> {
  return (await phone.ask(phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { headers, body }))).final;
}

test("a list is for those who understand lists, in packages that have them", async () => {
  stage = await Stage.start({ people: office(2) });
  const phone = await stage.phone("101");
  const unsupported = await refusal(phone, "Event: dialog\r\n");
  expect([unsupported.status, unsupported.header(Header.require)]).toEqual([421, "eventlist"]);
  expect((await refusal(phone, "Event: as-feature-event\r\nSupported: eventlist\r\n")).status).toBe(489);
  const unknown = await refusal(phone, "Event: dialog\r\nRequire: eventlist, foo\r\n");
  expect([unknown.status, unknown.header(Header.unsupported)]).toEqual([420, "foo"]);
  expect((await refusal(phone, "Event: dialog\r\nSupported: eventlist\r\nExpires: 1\r\n")).status).toBe(423);
  expect((await refusal(phone, "Event: dialog\r\nSupported: eventlist\r\n", "nobody")).status).toBe(404);
  expect((await refusal(phone, "Event: dialog\r\nRequire: eventlist\r\nExpires: 0\r\n")).status).toBe(200);
  expect(shownList(await phone.request("NOTIFY")).isFull).toBe(true);
});

test("a refresh shows everyone again; an end shows nobody", async () => {
  stage = await Stage.start({ people: office(3) });
  const phone = await watcher(stage, "101", "tcp");
  const desk = await watch(phone, "desk", "presence", LIST);
  expect(shownList(desk.notify).resources.map(({ uri, name, state }) => [uri, name, state])).toEqual(ids(3).map((id) => [`sip:${id}@${DOMAIN}`, `Person ${id}`, "active"]));
  expect((await desk.again(LIST)).status).toBe(200);
  const again = shownList(await desk.next());
  expect([again.isFull, again.version, again.resources.length, again.documents.length]).toEqual([true, 1, 3, 3]);
  expect((await desk.again("Expires: 0\r\nSupported: eventlist\r\n")).status).toBe(200);
  const end = await desk.next();
  expect([end.header(Header.subscriptionState), end.body]).toEqual(["terminated;reason=timeout", ""]);
});

test("after a NOTIFY that was lost the next one shows everyone; 481 ends the subscription", async () => {
  stage = await Stage.start({ people: office(3) });
  const phone = await stage.phone("101", "tcp");
  await phone.register();
  let status = 200;
  phone.onRequest = (request) => (request.method === "NOTIFY" ? phone.answer(request, status, "X", { contact: false }) : null);
  const desk = await watch(phone, "desk", "presence", LIST);
  status = 500;
  const bob = await stage.phone("102");
  await bob.register();
  const lost = shownList(await desk.next());
  expect([lost.isFull, lost.resources.length]).toEqual([false, 1]);
  status = 200;
  // A REGISTER of the watcher resumes what is suspect.
  await phone.register();
  const whole = shownList(await desk.next());
  expect([whole.isFull, whole.resources.length, whole.version]).toEqual([true, 3, 2]);
  status = 481;
  await bob.register("Expires: 0\r\n");
  await desk.next();
  expect((await desk.again(LIST)).status).toBe(481);
});

test.each([1, 60, 500])("a list of %i: a refresh shows everyone, so does what follows a lost NOTIFY; a new rule ends one member, and gives him back", { timeout: 60_000 }, async (count) => {
  const alice = parseAor(`sip:101@${DOMAIN}`);
  if (alice === null) throw new Error("no AoR");
  stage = await Stage.start({ people: office(count) });
  const phone = await stage.phone("105", "tcp");
  await phone.register();
  let status = 200;
  phone.onRequest = (request) => (request.method === "NOTIFY" ? phone.answer(request, status, "X", { contact: false }) : null);
  const desk = await watch(phone, "desk", "presence", LIST);
  /** Takes NOTIFYs, of which the first shows everyone's name, until everyone has been shown. */
  const everyone = async (first: Message): Promise<void> => {
    const list = new KnownList();
    expect(list.take(first).isFull).toBe(true);
    while (list.known.size < count || [...list.known.values()].includes("")) list.take(await desk.next());
    expect(list.known.size).toBe(count);
  };
  await everyone(desk.notify);
  expect((await desk.again(LIST)).status).toBe(200);
  await everyone(await desk.next());

  status = 500;
  stage.server.spoken.set(alice, true);
  expect(shownList(await desk.next()).resources.map(({ uri }) => uri)).toEqual([alice]);
  status = 200;
  // A REGISTER of the watcher resumes what is suspect.
  await phone.register();
  await everyone(await desk.next());

  stage.reload(office(count).replace("secret-101 }", 'secret-101, watchers: { block: ["105"] } }'));
  expect(shownList(await desk.next()).resources).toMatchObject([{ uri: alice, state: "terminated", reason: "rejected", body: "" }]);
  stage.reload(office(count));
  expect(shownList(await desk.next()).resources).toMatchObject([{ uri: alice, state: "active" }]);
});

test("members come and go with the directory; a list that is gone ends", async () => {
  stage = await Stage.start({ people: office(3) });
  const phone = await watcher(stage, "101", "tcp");
  const desk = await watch(phone, "desk", "dialog", LIST);
  stage.reload(office(4));
  const more = shownList(await desk.next());
  expect([more.isFull, more.resources.map(({ uri }) => uri)]).toEqual([true, ids(4).map((id) => `sip:${id}@${DOMAIN}`)]);
  stage.reload(office(2));
  expect(shownList(await desk.next()).resources).toHaveLength(2);
  stage.reload(office(2).replace(/lists:[^]*/, ""));
  expect((await desk.next()).header(Header.subscriptionState)).toBe("terminated;reason=noresource");
});

test("groups and lists stand in lists, each person once; a group is a list of its own", async () => {
  const more = '  - { id: all, members: [sales, desk, "105"] }\ngroups:\n  - { name: sales, id: "200", members: ["103", "101"] }\n';
  stage = await Stage.start({ people: office(2, more) });
  const phone = await watcher(stage, "101", "tcp");
  const uris = async (user: string): Promise<string[]> => shownList((await watch(phone, user, "dialog", LIST)).notify).resources.map(({ uri }) => uri.slice(4, 7));
  expect(await uris("all")).toEqual(["103", "101", "102", "105"]);
  expect(await uris("sales")).toEqual(["103", "101"]);
  expect(await uris("200")).toEqual(["103", "101"]);
});

const entries = (...uris: string[]): string => `<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>${uris.map((uri) => `<entry uri="${uri}"/>`).join("")}</list></resource-lists>`;
const BROUGHT = `${LIST}Require: recipient-list-subscribe\r\nContent-Disposition: recipient-list\r\n`;

describe("a list that the watcher brings (RFC 5367)", () => {
  test("is watched under any name that is nobody's, whoever is none of ours as no resource, and another takes its place", async () => {
    stage = await Stage.start({ people: office(4) });
    const phone = await watcher(stage, "101", "tcp");
    const rls = await watch(phone, "rls", "presence", `${BROUGHT}Content-Type: application/resource-lists+xml\r\n`, entries(`sip:102@${DOMAIN}`, "sip:user103@elsewhere.test", "sip:desk@tel.example.test"));
    expect(shownList(rls.notify).resources.map(({ uri, state, reason }) => [uri, state, reason])).toEqual([
      [`sip:102@${DOMAIN}`, "active", ""],
      ["sip:user103@elsewhere.test", "terminated", "noresource"],
      ...ids(4).filter((id) => id !== "102").map((id) => [`sip:${id}@${DOMAIN}`, "active", ""]),
    ]);
    const bob = await stage.phone("102");
    await bob.register();
    const change = shownList(await rls.next());
    expect([change.isFull, change.resources.map(({ uri }) => uri)]).toEqual([false, [`sip:102@${DOMAIN}`]]);
    expect((await rls.again(`${BROUGHT}Content-Type: application/resource-lists+xml\r\n`, entries(`sip:104@${DOMAIN}`))).status).toBe(200);
    expect(shownList(await rls.next()).resources.map(({ uri }) => uri)).toEqual([`sip:104@${DOMAIN}`]);
  });

  test("is read out of a multipart body, and inflated", async () => {
    stage = await Stage.start({ people: office(2) });
    const phone = await watcher(stage, "101", "tcp");
    const text = entries(`sip:102@${DOMAIN}`);
    const parts = `--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n\r\n${text}\r\n--b--\r\n`;
    const mixed = await watch(phone, "rls", "dialog", `${BROUGHT}Content-Type: multipart/mixed;boundary=b\r\n`, parts);
    expect(shownList(mixed.notify).resources).toHaveLength(1);
    const deflated = await watch(phone, "rls", "dialog", `${BROUGHT}Content-Type: application/resource-lists+xml\r\nContent-Encoding: deflate\r\n`, deflateSync(text).toString("latin1"));
    expect(shownList(deflated.notify).resources).toHaveLength(1);
  });

  test.each([
    ["no list at all", "Content-Type: text/plain\r\n", "hello", 415],
    ["no XML", "Content-Type: application/resource-lists+xml\r\n", "hello", 400],
    ["nobody in it", "Content-Type: application/resource-lists+xml\r\n", entries(), 400],
    ["too many", "Content-Type: application/resource-lists+xml\r\n", entries(...Array.from({ length: 501 }, (_, at) => `sip:${String(at)}@${DOMAIN}`)), 413],
    ["an unknown encoding", "Content-Type: application/resource-lists+xml\r\nContent-Encoding: br\r\n", "x", 415],
    ["what does not inflate", "Content-Type: application/resource-lists+xml\r\nContent-Encoding: deflate\r\n", "x", 400],
  ])("with %s is refused", async (_what, headers, body, status) => {
    stage = await Stage.start({ people: office(2) });
    const phone = await stage.phone("101", "tcp");
    expect((await refusal(phone, `Event: presence\r\n${BROUGHT}${headers}`, "rls", body)).status).toBe(status);
  });
});

test("subscriptions to lists outlive a restart, and begin it with everyone", async () => {
  stage = await Stage.start({ people: office(3) });
  const phone = await watcher(stage, "101");
  const desk = await watch(phone, "desk", "dialog", LIST);
  const rls = await watch(phone, "rls", "dialog", `${BROUGHT}Content-Type: application/resource-lists+xml\r\n`, entries(`sip:103@${DOMAIN}`));
  await stage.restart();
  for (const [one, count] of [[desk, 3], [rls, 1]] as const) {
    const list = new KnownList();
    const first = await phone.request("NOTIFY", (m) => m.callId === one.final.callId && m.cseq > 100);
    expect(list.take(first).isFull).toBe(true);
    while (list.known.size < count) list.take(await one.next());
  }
});

test("what is too large for a datagram goes by the connection that the same phone has", async () => {
  stage = await Stage.start({ people: office(30) });
  const userAgent = "Yealink SIP-T46U 108.86.0.20";
  const [udp, tcp] = [await stage.phone("101", "udp", { userAgent }), await stage.phone("101", "tcp", { userAgent })];
  await udp.register();
  await tcp.register();
  tcp.onRequest = (request) => (request.method === "NOTIFY" ? tcp.answer(request, 200, "OK", { contact: false }) : null);
  expect((await refusal(udp, `Event: dialog\r\n${LIST}`)).status).toBe(200);
  const shown = shownList(await tcp.request("NOTIFY"));
  expect([shown.isFull, shown.documents.length]).toEqual([true, 30]);
});

test("with notify_interval a list's watcher is told at most once in it, and at last the truth", async () => {
  stage = await Stage.start({ people: office(3), yaml: "presence: { notify_interval: 300ms }\n" });
  const phone = await watcher(stage, "101", "tcp");
  const desk = await watch(phone, "desk", "presence", LIST);
  const [bob, carol] = [await stage.phone("102"), await stage.phone("103")];
  await bob.register();
  await carol.register();
  const both = shownList(await desk.next());
  expect(both.resources.map(({ uri, body }) => [uri, body.includes("open")])).toEqual([[`sip:102@${DOMAIN}`, true], [`sip:103@${DOMAIN}`, true]]);
});

test("who asks for changes alone gets the whole state first, then what makes it the next one (RFC 5263)", async () => {
  stage = await Stage.start({ people: office(2) });
  const phone = await watcher(stage, "101", "tcp");
  const bob = await watch(phone, "102", "presence", "Expires: 600\r\nAccept: application/pidf+xml, application/pidf-diff+xml\r\n");
  expect(bob.notify.header(Header.contentType)).toBe("application/pidf-diff+xml");
  expect(bob.notify.body).toMatch(/<p:pidf-full xmlns:p="urn:ietf:params:xml:ns:pidf-diff" version="0" xmlns="urn:ietf:params:xml:ns:pidf"[^>]* entity="sip:102@[^"]*">[^]*<basic>closed<[^]*<\/p:pidf-full>/);
  const other = await stage.phone("102");
  await other.register();
  const change = await bob.next();
  expect(change.body).toMatch(/<p:pidf-diff [^>]*version="1"[^>]* entity="sip:102@/);
  expect(change.body).toContain('<p:replace sel="*/tuple[1]"><tuple id="t102"><status><basic>open</basic>');
  expect(change.body).toContain('<p:replace sel="*/note[1]"><note>Available</note></p:replace>');
  expect((await bob.again("Expires: 600\r\n")).status).toBe(200);
  expect((await bob.next()).body).toContain('<p:pidf-full xmlns:p="urn:ietf:params:xml:ns:pidf-diff" version="2"');
  const all = await watch(phone, "102", "presence", "Expires: 600\r\nAccept: */*\r\n");
  expect(all.notify.header(Header.contentType)).toBe("application/pidf+xml");
});
