import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { parseDialogInfo, type ParsedDialog } from "../../src/documents/dialog-info.ts";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite, talk } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher, type Watch } from "./watching.ts";

let stage: Stage;
const bodies = new Map<string, string>();
afterEach(async () => {
  await stage.stop();
});

/** What a lamp's document says: one word a dialog. */
function shown(message: Message): readonly string[] {
  bodies.set(`document ${bodies.size}`, message.body);
  return parseDialogInfo(message.body).dialogs.map((dialog) => `${dialog.direction ?? "dummy"} ${dialog.state}${dialog.onHold ? " held" : ""}`);
}

/** The next document in which that can be read. */
async function until(one: Watch, wanted: readonly string[]): Promise<Message> {
  for (;;) {
    const message = await one.next();
    if (shown(message).join() === wanted.join()) return message;
  }
}

function dialogsOf(message: Message): readonly ParsedDialog[] {
  return parseDialogInfo(message.body).dialogs;
}

async function hold(from: Phone, to: Phone, dialog: Parameters<Phone["within"]>[0], way: "sendonly" | "sendrecv"): Promise<void> {
  const sdp = `v=0\r\no=- 1 ${dialog.cseq + 2} IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=${way}\r\n`;
  from.send(from.within(dialog, "INVITE", { headers: "Content-Type: application/sdp\r\n", body: sdp }));
  const got = await to.request("INVITE", (request) => request.callId === dialog.callId && tagOf(request.header(Header.to)) !== "");
  to.send(to.answer(got, 200, "OK", { headers: "Content-Type: application/sdp\r\n", body: sdp.replace(way, way === "sendonly" ? "recvonly" : way) }));
  await from.response("INVITE", 200, dialog.callId);
  from.send(from.within(dialog, "ACK"));
  await to.request("ACK");
}

describe("the documents of a lamp", () => {
  beforeEach(async () => {
    stage = await Stage.start();
  });

  test("idle, ringing, talking, held, talking, over: each once, with what a pickup needs, and the call's end under its own name", async () => {
    const [alice, bob, carol] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103", "udp", "Yealink SIP-T46S")];
    const one = await watch(carol, "102", "dialog");
    expect(shown(one.notify)).toEqual(["dummy terminated"]);
    expect(one.notify.body).toContain(`<dialog id="102"><state>terminated</state></dialog>`);
    const call = await talk(alice, bob, `sip:102@${DOMAIN}`);
    const confirmed = await until(one, ["recipient confirmed"]);
    const [live] = dialogsOf(confirmed);
    expect(live).toMatchObject({ callId: call.sent.callId, localTag: "callee", remoteTag: tagOf(call.sent.header(Header.from)), local: { uri: `sip:102@${DOMAIN}`, display: "Person 102" }, remote: { uri: `sip:101@${DOMAIN}`, display: "Person 101" } });
    await hold(bob, alice, call.his, "sendonly");
    const held = await until(one, ["recipient confirmed held"]);
    expect(held.body).toContain('<param pname="+sip.rendering" pval="no"/>');
    await hold(bob, alice, call.his, "sendrecv");
    await until(one, ["recipient confirmed"]);
    alice.send(alice.within(call.mine, "BYE"));
    bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
    const over = await until(one, ["recipient terminated"]);
    expect(dialogsOf(over)[0]).toMatchObject({ id: live?.id, callId: call.sent.callId, localTag: "callee", remoteTag: live?.remoteTag });
    const versions = carol.received.filter((request) => request.isRequest && request.method === "NOTIFY").map((request) => parseDialogInfo(request.body).version);
    expect(versions).toEqual(versions.map((_, index) => index));
    const count = notifies(carol);
    await carol.register();
    expect(notifies(carol), "no NOTIFY without a change").toBe(count);
  });

  test("a Linksys gets one dialog at most, and a caller's lamp is steady; others get all, in their true states", async () => {
    const [alice, bob, dave] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "104")];
    const spa = await watcher(stage, "103", "udp", "Linksys/SPA962-6.1.5(a)");
    const yealink = await watcher(stage, "105", "udp", "Yealink SIP-T46S");
    const [small, full, caller] = [await watch(spa, "102", "dialog"), await watch(yealink, "102", "dialog"), await watch(spa, "104", "dialog")];
    await talk(alice, bob, `sip:102@${DOMAIN}`);
    await until(small, ["recipient confirmed"]);
    const second = await invite(dave, `sip:102@${DOMAIN}`);
    const got = await bob.request("INVITE", (request) => request.callId === second.callId);
    bob.send(bob.answer(got, 180, "Ringing", { tag: "second" }));
    await dave.response("INVITE", 180);
    await until(small, ["recipient early"]);
    await until(full, ["recipient early", "recipient confirmed"]);
    await until(caller, ["initiator confirmed"]);
    dave.send(dave.cancelOf(second));
    bob.send(bob.answer(await bob.request("CANCEL"), 200, "OK"));
    bob.send(bob.answer(got, 487, "Request Terminated", { tag: "second" }));
    await until(small, ["recipient confirmed"]);
    // Every change was one document with one dialog.
    for (const message of spa.received.filter((request) => request.isRequest && request.method === "NOTIFY")) expect(dialogsOf(message)).toHaveLength(1);
  });

  test("a watcher who names the person by an address gets documents under that name, others keep theirs", async () => {
    const [alice, bob, carol] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103")];
    const { address, port } = stage.address("udp");
    const uri = `sip:user102@${address}:${port}`;
    const { final } = await carol.ask(carol.text("SUBSCRIBE", uri, { headers: "Event: dialog\r\nExpires: 600\r\n" }));
    expect(final.status).toBe(200);
    const plain = await watch(carol, "102", "dialog");
    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    bob.send(bob.answer(await bob.request("INVITE"), 180, "Ringing", { tag: "b" }));
    expect((await until(plain, ["recipient early"])).body).toContain(`entity="sip:102@${DOMAIN}"`);
    expect((await carol.request("NOTIFY", (request) => request.callId === final.callId && request.body.includes("early"))).body).toContain(`entity="${uri}"`);
    await alice.response("INVITE", 180);
    alice.send(alice.cancelOf(sent));
  });

  test("one NOTIFY in flight, the newest state waits: a slow phone sees what is, not all that was", async () => {
    const [alice, bob] = [await watcher(stage, "101"), await watcher(stage, "102")];
    const slow = await watcher(stage, "103", "tcp");
    const one = await watch(slow, "102", "dialog");
    slow.onRequest = null;
    const call = await talk(alice, bob, `sip:102@${DOMAIN}`);
    const first = await one.next();
    alice.send(alice.within(call.mine, "BYE"));
    bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
    await alice.response("BYE", 200);
    expect(notifies(slow)).toBe(2);
    slow.onRequest = (request) => (request.method === "NOTIFY" ? slow.answer(request, 200, "OK", { contact: false }) : null);
    slow.send(slow.answer(first, 200, "OK", { contact: false }));
    expect(shown(await one.next())).toEqual(["recipient terminated"]);
    expect(notifies(slow)).toBe(3);
  });
});

describe("a person who is private", () => {
  beforeEach(async () => {
    stage = await Stage.start({ people: `users:\n  - { id: "101", name: Alice, password: secret-101 }\n  - { id: "102", name: Bob, password: secret-102, private: true }\n  - { id: "103", name: Carol, password: secret-103 }\n` });
  });

  test("shows others that he talks, never with whom; his own phones see all", async () => {
    const [alice, bob, carol] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103")];
    const [his, hers] = [await watch(bob, "102", "dialog"), await watch(carol, "102", "dialog")];
    await talk(alice, bob, `sip:102@${DOMAIN}`);
    const seen = await until(hers, ["recipient confirmed"]);
    expect(seen.body).not.toContain("101");
    expect(dialogsOf(seen)[0]?.remote?.uri).toBe("sip:anonymous@anonymous.invalid");
    expect((await until(his, ["recipient confirmed"])).body).toContain(`sip:101@${DOMAIN}`);
  });
});

describe("the operator's rules", () => {
  beforeEach(async () => {
    stage = await Stage.start({ yaml: 'phones:\n  - { match: "^Acme", idle: empty, remote: none, hold: pvalue, presence: xpidf, accept: ignored, gone: [489] }\n' });
  });

  test("make of a phone what the built-in list does not know", async () => {
    const [alice, bob, acme] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103", "udp", "Acme/1")];
    expect((await watch(acme, "102", "presence", "Expires: 0\r\nAccept: text/html\r\n")).notify.header(Header.contentType)).toBe("application/xpidf+xml");
    const one = await watch(acme, "102", "dialog", "Expires: 600\r\nAccept: text/html\r\n");
    expect(shown(one.notify)).toEqual([]);
    const call = await talk(alice, bob, `sip:102@${DOMAIN}`);
    expect((await until(one, ["recipient confirmed"])).body).not.toContain("<remote>");
    await hold(bob, alice, call.his, "sendonly");
    const held = await one.next();
    expect(held.body).toContain('<param pname="+sip.rendering" pvalue="no"/>');
    acme.onRequest = (request) => (request.method === "NOTIFY" ? acme.answer(request, 489, "Bad Event", { tag: "x" }) : null);
    await hold(bob, alice, call.his, "sendrecv");
    await one.next();
    await acme.register();
    expect(stage.server.subscriptions.watchersOf(aorOf("102", DOMAIN), "dialog")).toEqual([]);
  });
});

describe("every body that was written here", () => {
  beforeEach(async () => {
    stage = await Stage.start();
  });

  test.skipIf(skipsWithoutXmllint)("validates against the schema of RFC 4235", () => {
    expect(bodies.size).toBeGreaterThan(15);
    expect([...schemaMistakes(bodies)]).toEqual([]);
  });
});
