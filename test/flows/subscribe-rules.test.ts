import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { SAME_DEVICE_MAX } from "../../src/subscription/rivals.ts";
import { SUBSCRIBES_AT_ONCE_MAX } from "../../src/subscription/subscribe-rate.ts";
import { invite } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

const EVENTS = ["presence", "dialog", "message-summary", "reg", "as-feature-event", "presence.winfo", "dialog.winfo"];

describe.each(EVENTS)("the event package %s", (event) => {
  test("a fetch gets one NOTIFY with the whole state and leaves nothing behind", async () => {
    const phone = await watcher(stage, "101");
    const { final, notify } = await watch(phone, "101", event, "Expires: 0\r\n");
    expect(final.expires).toBe(0);
    expect(notify.header(Header.subscriptionState)).toBe("terminated;reason=timeout");
    expect(notify.body).not.toBe("");
    expect(stage.server.subscriptions.counts().subscriptions).toBe(0);
    await phone.register();
    expect(notifies(phone)).toBe(1);
  });

  test("too short a time is refused with the least that is granted, too long a one is cut", async () => {
    const phone = await watcher(stage, "101");
    const { final } = await phone.ask(phone.text("SUBSCRIBE", `sip:101@${DOMAIN}`, { headers: `Event: ${event}\r\nExpires: 59\r\n` }));
    expect([final.status, final.header(Header.minExpires)]).toEqual([423, "60"]);
    const long = await watch(phone, "101", event, "Expires: 999999\r\n");
    expect(long.final.expires).toBe(86_400);
    expect(long.notify.header(Header.subscriptionState)).toMatch(/^active;expires=86(?:400|399)$/);
    expect((await long.again("Expires: 30\r\n")).status).toBe(423);
    expect((await long.again("Expires: 60\r\n")).expires).toBe(60);
  });

  test("a SUBSCRIBE without Expires gets the usual time; the end comes within the dialog, and then the dialog is unknown", async () => {
    const phone = await watcher(stage, "101");
    const one = await watch(phone, "101", event, "");
    expect(one.final.expires).toBe(3600);
    expect((await one.again("Expires: 0\r\n")).status).toBe(200);
    expect((await one.next()).header(Header.subscriptionState)).toBe("terminated;reason=timeout");
    expect((await one.again("Expires: 600\r\n")).status).toBe(481);
  });
});

test("an event that nobody knows is refused with those that there are, in SUBSCRIBE and PUBLISH", async () => {
  const phone = await watcher(stage, "101");
  const subscribed = (await phone.ask(phone.text("SUBSCRIBE", `sip:101@${DOMAIN}`, { headers: "Event: conference\r\n" }))).final;
  expect([subscribed.status, subscribed.headerNamed("Allow-Events")]).toEqual([489, EVENTS.join(", ")]);
  const published = (await phone.ask(phone.text("PUBLISH", `sip:101@${DOMAIN}`, { headers: "Event: dialog\r\n" }))).final;
  expect([published.status, published.headerNamed("Allow-Events")]).toEqual([489, "presence, message-summary"]);
  const options = (await phone.ask(phone.text("OPTIONS", `sip:${DOMAIN}`, {}))).final;
  expect(options.headerNamed("Allow-Events")).toBe(EVENTS.join(", "));
});

test.each(["presence", "message-summary"])("an entity tag that is none of Event: %s gets 412", async (event) => {
  const phone = await watcher(stage, "101");
  expect((await phone.ask(phone.text("PUBLISH", `sip:101@${DOMAIN}`, { headers: `Event: ${event}\r\nSIP-If-Match: abc\r\n` }))).final.status).toBe(412);
});

test("another event within a dialog is unknown there", async () => {
  const phone = await watcher(stage, "101");
  const one = await watch(phone, "101", "dialog");
  expect((await one.again("Event: presence\r\nExpires: 600\r\n")).status).toBe(481);
  expect(stage.server.subscriptions.counts().subscriptions).toBe(1);
});

describe("a SUBSCRIBE that comes twice", () => {
  test("by two ways, as a fork does, is answered once with 200 and once with 482", async () => {
    const phone = await watcher(stage, "101");
    const text = phone.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: dialog\r\nExpires: 600\r\n" });
    const { final, sent } = await phone.ask(text);
    expect(final.status).toBe(200);
    const other = phone.withCredentials(sent.text.replace(/(?:Proxy-)?Authorization:[^\r]*\r\n/, "").replace(/CSeq: (\d+)/, (_, cseq: string) => `CSeq: ${Number(cseq) - 1}`), await challenge(phone));
    phone.send(other);
    expect((await phone.wait("a second answer", (message) => !message.isRequest && message.callId === final.callId && message.status > 200 && message.status !== 407)).status).toBe(482);
    expect(stage.server.subscriptions.counts().subscriptions).toBe(1);
  });

  test("from a phone that never got the answer replaces the first one", async () => {
    const phone = await watcher(stage, "101");
    const callId = "the-same@phone";
    const ask = (cseq: number): Promise<Message> => phone.ask(phone.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { callId, fromTag: "same", cseq, headers: "Event: dialog\r\nExpires: 600\r\n" })).then(({ final }) => final);
    expect((await ask(1)).status).toBe(200);
    expect((await ask(10)).status).toBe(200);
    expect(stage.server.subscriptions.counts().subscriptions).toBe(1);
  });

  async function challenge(phone: Phone): Promise<Message> {
    const text = phone.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: dialog\r\n" });
    phone.send(text);
    return await phone.response("SUBSCRIBE", 407, Message.of(text).callId);
  }
});

describe("a watcher that misbehaves hurts no other", () => {
  test("by SUBSCRIBEs in a loop: it keeps a few, the rest end with probation, and others are served at once", async () => {
    const [alice, bob, good] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103", "tcp")];
    await watch(good, "102", "dialog");
    const mad = await watcher(stage, "104");
    for (let round = 0; round < SAME_DEVICE_MAX + 5; round++) await watch(mad, "102", "dialog");
    expect(stage.server.subscriptions.counts().subscriptions).toBe(1 + SAME_DEVICE_MAX);
    expect((await mad.request("NOTIFY", (request) => (request.header(Header.subscriptionState) ?? "").startsWith("terminated"))).header(Header.subscriptionState)).toBe("terminated;reason=probation;retry-after=60");
    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    bob.send(bob.answer(await bob.request("INVITE"), 180, "Ringing", { tag: "b" }));
    await good.request("NOTIFY", (request) => request.body.includes("<state>early</state>"));
    await alice.response("INVITE", 180);
    alice.send(alice.cancelOf(sent));
  });

  test("by more SUBSCRIBEs than anyone needs: they are refused, and nobody else's are", async () => {
    const open = await Stage.start({ yaml: "authentication: { require: none }\n" });
    try {
      const mad = await watcher(open, "104");
      const isRefused = (message: Message): boolean => message.status === 480 && message.header(Header.retryAfter) === "10";
      for (let round = 0; round < SUBSCRIBES_AT_ONCE_MAX + 2000 && !mad.received.some(isRefused); round++) {
        mad.send(mad.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: dialog\r\nExpires: 0\r\n" }));
        // What is sent without a pause would overflow the phone's own socket.
        if (round % 50 === 49) await mad.register();
      }
      await mad.wait("a refusal", isRefused);
      await watch(await watcher(open, "103"), "102", "dialog");
    } finally {
      await open.stop();
    }
  }, 60_000);

  test.each([
    ["garbage", (_phone: Phone, _request: Message): string => "SIP/2.0 2XX what?\r\n\r\n"],
    ["a redirection", (phone: Phone, request: Message): string => phone.answer(request, 302, "Moved", { tag: "x" })],
    ["a challenge", (phone: Phone, request: Message): string => phone.answer(request, 401, "Unauthorized", { tag: "x", headers: 'WWW-Authenticate: Digest realm="x", nonce="y"\r\n' })],
    ["487", (phone: Phone, request: Message): string => phone.answer(request, 487, "Request Terminated", { tag: "x" })],
    ["nothing", (): string => ""],
  ])("by answering NOTIFY with %s: it stays subscribed, and the others' lamps are right", async (_, answer) => {
    const [alice, bob, good] = [await watcher(stage, "101"), await watcher(stage, "102"), await watcher(stage, "103")];
    const odd = await watcher(stage, "104");
    odd.onRequest = (request) => (request.method !== "NOTIFY" ? null : answer(odd, request) || null);
    await watch(odd, "102", "dialog");
    await watch(good, "102", "dialog");
    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
    await good.request("NOTIFY", (request) => request.body.includes("<state>early</state>"));
    await alice.response("INVITE", 180);
    alice.send(alice.cancelOf(sent));
    bob.send(bob.answer(await bob.request("CANCEL"), 200, "OK"));
    bob.send(bob.answer(got, 487, "Request Terminated", { tag: "b" }));
    await good.request("NOTIFY", (request) => request.body.includes("<state>terminated</state>") && request.body.includes(sent.callId));
    expect(stage.server.subscriptions.counts().subscriptions).toBe(2);
  });

  test("by vanishing: its answers are waited for by nobody else, and when it comes back it is told at once", async () => {
    const [alice, bob] = [await watcher(stage, "101"), await watcher(stage, "102")];
    const lost = await watcher(stage, "104", "tcp");
    const one = await watch(lost, "102", "dialog");
    await lost.close();
    const sent = await invite(alice, `sip:102@${DOMAIN}`);
    bob.send(bob.answer(await bob.request("INVITE"), 180, "Ringing", { tag: "b" }));
    await alice.response("INVITE", 180);
    await lost.reconnect();
    expect((await lost.register()).status).toBe(200);
    expect((await one.again("Expires: 600\r\n")).status).toBe(200);
    expect((await lost.request("NOTIFY", (request) => request.callId === one.final.callId && request.body.includes("early"))).cseq).toBeGreaterThan(one.notify.cseq);
    alice.send(alice.cancelOf(sent));
  });

  test.each([481, 404])("by answering %i: its subscription ends", async (status) => {
    const odd = await watcher(stage, "104");
    odd.onRequest = (request) => (request.method === "NOTIFY" ? odd.answer(request, status, "No", { tag: "x" }) : null);
    await watch(odd, "102", "dialog");
    await odd.register();
    expect(stage.server.subscriptions.counts().subscriptions).toBe(0);
  });
});
