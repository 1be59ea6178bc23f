import { connect } from "node:net";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

/** The most that a lamp may take after the message that changed it. */
const LAMP_MS = 50;

let stage: Stage;
const bodies = new Map<string, string>();
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

async function registered(user: string, protocol: "udp" | "tcp" = "udp"): Promise<Phone> {
  const phone = await stage.phone(user, protocol);
  expect((await phone.register()).status).toBe(200);
  return phone;
}

/** A phone that answers every NOTIFY with 200 and keeps its body for the schema check. */
function watcher(phone: Phone): Phone {
  phone.onRequest = (request) => {
    if (request.method !== "NOTIFY") return null;
    if (request.body !== "") bodies.set(`${phone.line.user} ${request.callId} ${request.cseq} ${bodies.size}`, request.body);
    return phone.answer(request, 200, "OK", { contact: false });
  };
  return phone;
}

async function subscribe(phone: Phone, user: string, event: string): Promise<Message> {
  const { final } = await phone.ask(phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { headers: `Event: ${event}\r\nExpires: 600\r\n` }));
  expect([final.status, tagOf(final.header(Header.to)) !== ""]).toEqual([200, true]);
  return await phone.request("NOTIFY", (m) => m.callId === final.callId);
}

/** The next NOTIFY with that text, and how long after `from` (a performance.now()) it came. */
async function notify(phone: Phone, text: string, from: number): Promise<{ body: string; headers: Message; tookMs: number }> {
  const headers = await phone.request("NOTIFY", (m) => m.body.includes(text));
  return { body: headers.body, headers, tookMs: performance.now() - from };
}

describe.each(["udp", "tcp"] as const)("a lamp over %s", (protocol) => {
  test("shows idle, early, confirmed, terminated, with what a pickup needs, each within 50 ms", async () => {
    const [alice, bob] = [await registered("101", protocol), await registered("102", protocol)];
    const carol = watcher(await registered("103", protocol));
    const first = await subscribe(carol, "102", "dialog");
    expect(first.body).toContain('version="0"');
    expect(first.body).toContain('state="full"');
    expect(first.body).toContain("<state>terminated</state>");
    expect(first.header(Header.subscriptionState)).toMatch(/^active;expires=/);

    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    const got = await bob.request("INVITE");
    let from = performance.now();
    bob.send(bob.answer(got, 180, "Ringing", { tag: "bobs-tag" }));
    const early = await notify(carol, "<state>early</state>", from);
    expect(early.tookMs).toBeLessThan(LAMP_MS);
    expect(early.body).toContain(`call-id="${sent.callId}"`);
    expect(early.body).toContain('local-tag="bobs-tag"');
    expect(early.body).toContain(`remote-tag="${tagOf(sent.header(Header.from))}"`);
    expect(early.body).toContain('direction="recipient"');
    expect(early.body).toContain(`entity="sip:102@${DOMAIN}"`);
    expect(early.body).toContain(`>sip:101@${DOMAIN}</identity>`);

    from = performance.now();
    bob.send(bob.answer(got, 200, "OK", { tag: "bobs-tag" }));
    expect((await notify(carol, "<state>confirmed</state>", from)).tookMs).toBeLessThan(LAMP_MS);
    const dialog = alice.callerDialog(sent, await alice.response("INVITE", 200));
    alice.send(alice.within(dialog, "ACK"));
    await bob.request("ACK");

    from = performance.now();
    alice.send(alice.within(dialog, "BYE"));
    const ended = await notify(carol, "<state>terminated</state>", from);
    expect(ended.tookMs).toBeLessThan(LAMP_MS);
    expect(ended.body).toContain(`call-id="${sent.callId}"`);
    bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
    await alice.response("BYE", 200);

    const versions = carol.received.filter((m) => m.method === "NOTIFY").map((m) => Number(/version="(\d+)"/.exec(m.body)?.[1]));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
  });

  test("the caller's lamp is an initiator's, and a call that is cancelled goes dark", async () => {
    const [alice, bob] = [await registered("101", protocol), await registered("102", protocol)];
    const carol = watcher(await registered("103", protocol));
    await subscribe(carol, "101", "dialog");
    await subscribe(carol, "102", "dialog");
    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
    await notify(carol, 'direction="initiator"', 0);
    await notify(carol, 'direction="recipient"', 0);
    await alice.response("INVITE", 180);
    alice.send(alice.cancelOf(sent));
    bob.send(bob.answer(await bob.request("CANCEL"), 200, "OK"));
    bob.send(bob.answer(got, 487, "Request Terminated", { tag: "b" }));
    for (const user of ["101", "102"]) {
      await carol.request("NOTIFY", (m) => m.body.includes(`entity="sip:${user}@`) && m.body.includes(`call-id="${sent.callId}"`) && m.body.includes("<state>terminated</state>"));
    }
  });
});

test("presence follows the call by itself: on the phone and back, and closed when the phone leaves", async () => {
  const [alice, bob] = [await registered("101"), await registered("102")];
  const carol = watcher(await registered("103"));
  expect((await subscribe(carol, "102", "presence")).body).toContain("<basic>open</basic>");
  const sent = await invite(alice, `sip:102@${DOMAIN}`);
  const got = await bob.request("INVITE");
  let from = performance.now();
  bob.send(bob.answer(got, 200, "OK", { tag: "b" }));
  const talking = await notify(carol, "on-the-phone", from);
  expect(talking.tookMs).toBeLessThan(LAMP_MS);
  expect(talking.body.match(/<tuple/g)).toHaveLength(1);
  expect(talking.body.match(/<dm:person/g)).toHaveLength(1);
  const dialog = alice.callerDialog(sent, await alice.response("INVITE", 200));
  alice.send(alice.within(dialog, "ACK"));
  await bob.request("ACK");
  from = performance.now();
  alice.send(alice.within(dialog, "BYE"));
  const back = await notify(carol, "Available", from);
  expect(back.body).not.toContain("on-the-phone");
  bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
  await bob.register("Expires: 0\r\n");
  await notify(carol, "<basic>closed</basic>", 0);
});

test("published presence reaches watchers, loses to a call, and comes back after it; a removed one is gone", async () => {
  const [alice, bob] = [await registered("101"), await registered("102")];
  const carol = watcher(await registered("103"));
  await subscribe(carol, "102", "presence");
  const publish = async (headers: string, body: string): Promise<Message> =>
    (await bob.ask(bob.text("PUBLISH", `sip:102@${DOMAIN}`, { headers: `Event: presence\r\n${headers}${body === "" ? "" : "Content-Type: application/pidf+xml\r\n"}`, body }))).final;
  const away =
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:102@x"><tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><r:activities><r:away/></r:activities><dm:note>Gone fishing</dm:note></dm:person></presence>';
  const published = await publish("Expires: 600\r\n", away);
  expect(published.status).toBe(200);
  const etag = published.header(Header.sipEtag) ?? "";
  expect((await notify(carol, "Gone fishing", 0)).body).toContain("<rpid:away/>");
  const sent = await invite(alice, `sip:102@${DOMAIN}`);
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 200, "OK", { tag: "b" }));
  expect((await notify(carol, "on-the-phone", 0)).body).not.toContain("away");
  const dialog = alice.callerDialog(sent, await alice.response("INVITE", 200));
  alice.send(alice.within(dialog, "ACK"));
  await bob.request("ACK");
  alice.send(alice.within(dialog, "BYE"));
  bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
  await notify(carol, "Gone fishing", 0);
  expect((await publish("SIP-If-Match: nonsense\r\nExpires: 600\r\n", "")).status).toBe(412);
  expect((await publish(`SIP-If-Match: ${etag}\r\nExpires: 0\r\n`, "")).status).toBe(200);
  await notify(carol, "Available", 0);
});

test.each([
  ["no Event", "Expires: 600\r\n", 489],
  ["an event that nobody knows", "Event: weather\r\nExpires: 600\r\n", 489],
  ["too short a time", "Event: dialog\r\nExpires: 5\r\n", 423],
  ["a document that we do not write", "Event: dialog\r\nAccept: text/html\r\n", 406],
])("SUBSCRIBE with %s is refused: %s -> %i", async (_name, headers, status) => {
  const carol = watcher(await registered("103"));
  const { final } = await carol.ask(carol.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers }));
  expect(final.status).toBe(status);
  if (status === 489) expect(final.headerNamed("Allow-Events")).toBe("presence, dialog, message-summary, reg, as-feature-event, presence.winfo, dialog.winfo");
  if (status === 423) expect(final.header(Header.minExpires)).toBe("60");
});

test("a subscription is refreshed and ended within its dialog, by our Contact", async () => {
  const carol = watcher(await registered("103"));
  const { final, sent } = await carol.ask(carol.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: presence\r\nExpires: 600\r\n" }));
  await carol.request("NOTIFY");
  const target = parseNameAddr(final.header(Header.contact) ?? "").uri;
  const within = (cseq: number, expires: number): string =>
    carol
      .text("SUBSCRIBE", target, { to: "X", cseq, callId: final.callId, fromTag: tagOf(sent.header(Header.from)), headers: `Event: presence\r\nExpires: ${expires}\r\n` })
      .replace("To: <X>", `To: ${final.header(Header.to) ?? ""}`);
  expect((await carol.ask(within(10, 300))).final.status).toBe(200);
  expect((await carol.request("NOTIFY")).header(Header.subscriptionState)).toMatch(/^active;expires=(?:300|299)/);
  expect((await carol.ask(within(20, 0))).final.status).toBe(200);
  expect((await carol.request("NOTIFY")).header(Header.subscriptionState)).toMatch(/^terminated/);
  expect((await carol.ask(within(30, 300))).final.status).toBe(481);
  expect(stage.server.subscriptions.list()).toEqual([]);
});

test("a watcher whose socket is never read delays no other watcher", async () => {
  const [alice, bob] = [await registered("101"), await registered("102")];
  const dave = watcher(await registered("104", "tcp"));
  await subscribe(dave, "102", "dialog");
  // A hundred subscriptions over one connection that nobody reads again.
  const deaf = await stage.phone("105", "tcp");
  expect((await deaf.register()).status).toBe(200);
  const address = stage.address("tcp");
  const socket = connect(address.port, address.address);
  await once(socket, "connect");
  const template = deaf.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: dialog\r\nExpires: 600\r\n" });
  deaf.send(template);
  const challenge = await deaf.response("SUBSCRIBE", 407);
  socket.pause();
  socket.write(deaf.withCredentials(template, challenge));
  const sent = await invite(alice, `sip:102@${DOMAIN}`);
  const got = await bob.request("INVITE");
  const from = performance.now();
  bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
  expect((await notify(dave, "<state>early</state>", from)).tookMs).toBeLessThan(LAMP_MS);
  await alice.response("INVITE", 180);
  alice.send(alice.cancelOf(sent));
  const cancelled = performance.now();
  bob.send(bob.answer(await bob.request("CANCEL"), 200, "OK"));
  bob.send(bob.answer(got, 487, "Request Terminated", { tag: "b" }));
  expect((await notify(dave, `call-id="${sent.callId}"`, cancelled)).tookMs).toBeLessThan(1000);
  socket.destroy();
});

test("a subscription outlives a restart: the next change reaches the watcher, with a higher CSeq and version", async () => {
  const [alice, bob] = [await registered("101"), await registered("102")];
  const carol = watcher(await registered("103"));
  const before = await subscribe(carol, "102", "dialog");
  await stage.restart();
  const sent = await invite(alice, `sip:102@${DOMAIN}`);
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
  const after = await notify(carol, "<state>early</state>", 0);
  expect(after.headers.cseq).toBeGreaterThan(before.cseq);
  expect(Number(/version="(\d+)"/.exec(after.body)?.[1])).toBeGreaterThan(0);
  expect(after.headers.callId).toBe(before.callId);
  await alice.response("INVITE", 180);
  alice.send(alice.cancelOf(sent));
});

describe("every body that was written here", () => {
  test.skipIf(skipsWithoutXmllint)("validates against the schemas of the RFCs", () => {
    expect(bodies.size).toBeGreaterThan(10);
    expect([...schemaMistakes(bodies)]).toEqual([]);
  });
});
