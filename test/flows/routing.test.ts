import { createServer as createTcpServer, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { invite, passes, registered, talk } from "./calling.ts";
import type { Phone, PhoneDialog } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage;
afterEach(async () => {
  await stage.stop();
});

const uri = (user: string): string => `sip:${user}@${DOMAIN}`;
const us = (protocol: "udp" | "tcp" = "udp"): string => `127.0.0.1:${stage.address(protocol).port}`;
/** A host that is none of ours: a socket that speaks what it is told. */
const stranger = (): Promise<Phone> => stage.phone("x", "udp", { domain: "elsewhere.example" });
const calls = (): readonly unknown[] => stage.server.dialogs.calls();

describe("within a dialog", () => {
  test.each([["udp", "udp"], ["tcp", "udp"], ["udp", "tcp"]] as const)("every method passes in both directions, without credentials and by the route set alone (%s to %s)", async (one, other) => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101", one), await registered(stage, "102", other)];
    const { mine, his } = await talk(alice, bob, uri("102"));
    for (const method of ["PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "MESSAGE", "OPTIONS", "NEWMETHOD"]) {
      expect((await passes(alice, bob, mine, method)).requestUri).toBe(mine.target);
      const back = await passes(bob, alice, his, method);
      expect([back.requestUri, back.has(Header.route), back.has(Header.recordRoute)]).toEqual([his.target, false, false]);
    }
    await passes(bob, alice, his, "BYE");
    expect(calls()).toEqual([]);
  });

  test("PRACK acknowledges a provisional answer before the call is answered", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102", "tcp")];
    const sent = await invite(alice, uri("102"));
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 183, "Session Progress", { tag: "b", headers: "Require: 100rel\r\nRSeq: 1\r\n" }));
    const early = alice.callerDialog(sent, await alice.response("INVITE", 183));
    expect((await passes(alice, bob, early, "PRACK", "RAck: 1 2 INVITE\r\n")).headerNamed("RAck")).toBe("1 2 INVITE");
  });

  test("a re-INVITE that is refused is acknowledged hop by hop, and the call stands", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102", "tcp")];
    const { mine, his } = await talk(alice, bob, uri("102"));
    bob.send(bob.within(his, "INVITE"));
    const again = await alice.request("INVITE");
    alice.send(alice.answer(again, 488, "Not Acceptable Here"));
    const ack = await alice.request("ACK");
    expect([ack.cseq, ack.values(Header.via)]).toEqual([again.cseq, again.values(Header.via).slice(0, 1)]);
    await bob.response("INVITE", 488);
    await passes(alice, bob, mine, "INFO");
  });

  test("the caller's connection is gone: what is for him waits until he has registered by a new one (RFC 5626 §5.3)", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101", "tcp"), await registered(stage, "102")];
    const contact = alice.contact.slice(1, -1);
    const { his } = await talk(alice, bob, uri("102"));
    await alice.reconnect();
    bob.send(bob.within(his, "INFO"));
    expect((await bob.final("INFO", his.callId)).status).toBe(430);
    const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: alice.aor, headers: "Expires: 600\r\n" }).replace(alice.contact, `<${contact}>`);
    expect((await alice.ask(text)).final.status).toBe(200);
    await passes(bob, alice, his, "BYE");
  });

  test("a phone that goes straight to its peer's Contact proves who it is, and its BYE ends the call for the lamps too", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    const { mine } = await talk(alice, bob, uri("102"));
    bob.onRequest = (request) => (request.method === "BYE" ? bob.answer(request, 200, "OK") : null);
    const { final } = await alice.ask(alice.within({ ...mine, routes: [`<sip:${us()};lr>`] }, "BYE"));
    expect([final.status, calls()]).toEqual([200, []]);
  });

  test("without answer or way the caller hears of it, and the lamp does not show a hold that was refused", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102", "tcp")];
    const { mine, his } = await talk(alice, bob, uri("102"));
    await bob.close();
    const sdp = "Content-Type: application/sdp\r\n";
    const offer = (direction: string): string => `v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=${direction}\r\n`;
    alice.send(alice.within(mine, "INVITE", { headers: sdp, body: offer("sendonly") }));
    const refused = await alice.wait("a failure", (m) => !m.isRequest && m.method === "INVITE" && m.status === 430);
    expect(refused.callId).toBe(mine.callId);
    const contact = bob.contact.slice(1, -1);
    await bob.reconnect();
    const text = bob.text("REGISTER", `sip:${DOMAIN}`, { to: bob.aor, headers: "Expires: 600\r\n" }).replace(bob.contact, `<${contact}>`);
    expect((await bob.ask(text)).final.status).toBe(200);
    bob.send(bob.within(his, "UPDATE", { headers: sdp, body: offer("sendrecv") }));
    const update = await alice.request("UPDATE");
    alice.send(alice.answer(update, 200, "OK", { headers: sdp, body: offer("sendrecv") }));
    await bob.response("UPDATE", 200);
    const [dialog] = stage.server.dialogs.dialogsOf(stage.server.directory.aorOf("101", DOMAIN) ?? expect.unreachable());
    expect(dialog).toMatchObject({ state: "confirmed" });
    expect(JSON.stringify(dialog)).not.toContain("\"rendering\":\"no\"");
  });
});

describe("Route", () => {
  test("a preloaded Route to us (an outbound proxy setting) comes off, and the call finds the phone", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    await invite(alice, uri("102"), (text) => text.replace("Max-Forwards", `Route: <sip:${us()};lr>\r\nMax-Forwards`));
    const got = await bob.request("INVITE");
    expect([got.has(Header.route), got.requestUri]).toEqual([false, bob.contact.slice(1, -1)]);
  });

  test("what is left of it is the next hop, not the request URI; one that is strict gets itself as request URI (RFC 3261 §16.6)", async () => {
    stage = await Stage.start();
    const [alice, next] = [await registered(stage, "101"), await stranger()];
    for (const [route, line, left] of [
      [`<sip:${next.address};lr>`, "OPTIONS sip:x@elsewhere.example SIP/2.0", [`<sip:${next.address};lr>`]],
      [`<sip:${next.address}>, <sip:later.example;lr>`, `OPTIONS sip:${next.address} SIP/2.0`, ["<sip:later.example;lr>", "<sip:x@elsewhere.example>"]],
    ] as const) {
      next.onRequest = (request) => next.answer(request, 200, "OK", { tag: "n" });
      const { final } = await alice.ask(alice.text("OPTIONS", "sip:x@elsewhere.example", { headers: `Route: <sip:${us()};lr>, ${route}\r\n` }));
      expect(final.status).toBe(200);
      const got = await next.request("OPTIONS");
      expect([got.text.split("\r\n")[0], got.values(Header.route)]).toEqual([line, left]);
    }
  });

  test("within a dialog too: a strict router before us and one behind us", async () => {
    stage = await Stage.start();
    const [alice, bob, router] = [await registered(stage, "101"), await registered(stage, "102"), await stranger()];
    const { mine } = await talk(alice, bob, uri("102"));
    // Before us: our URI in the request URI, the peer's at the end.
    const [ours = ""] = mine.routes;
    const text = alice.within({ ...mine, target: ours.slice(1, -1), routes: [`<${mine.target}>`] }, "INFO");
    alice.send(text);
    const info = await bob.request("INFO");
    expect([info.requestUri, info.has(Header.route)]).toEqual([mine.target, false]);
    bob.send(bob.answer(info, 200, "OK"));
    await alice.response("INFO", 200);
    // Behind us.
    alice.send(alice.within({ ...mine, routes: [ours, `<sip:${router.address}>`] }, "INFO"));
    const got = await router.request("INFO");
    expect([got.requestUri, got.values(Header.route)]).toEqual([`sip:${router.address}`, [`<${mine.target}>`]]);
  });

  test("Path leads to the phone by its edge proxy (RFC 3327)", async () => {
    stage = await Stage.start();
    const edge = await stranger();
    const alice = await registered(stage, "101");
    await registered(stage, "102", "udp", { contact: "sip:102@192.168.7.7", headers: `Supported: path\r\nPath: <sip:edge@${edge.address};lr>\r\n` });
    await invite(alice, uri("102"));
    const got = await edge.request("INVITE");
    expect([got.requestUri, got.values(Header.route)]).toEqual(["sip:102@192.168.7.7", [`<sip:edge@${edge.address};lr>`]]);
  });
});

describe("where phones are", () => {
  test("a Contact with transport=tcp, registered over UDP: a connection is opened to it, for the call and what follows", async () => {
    stage = await Stage.start();
    const alice = await registered(stage, "101");
    const listening = createTcpServer().listen(0, "127.0.0.1");
    await once(listening, "listening");
    const at = listening.address();
    const port = typeof at === "object" && at !== null ? at.port : 0;
    const contact = `sip:102@127.0.0.1:${port};transport=tcp`;
    await registered(stage, "102", "udp", { contact });
    const accepted = once(listening, "connection");
    await invite(alice, uri("102"));
    const [socket] = (await accepted) as [Socket];
    const [bytes] = (await once(socket, "data")) as [Buffer];
    const got = Message.of(bytes.toString("latin1"));
    expect([got.requestUri, got.values(Header.via)[0]?.startsWith("SIP/2.0/TCP"), got.values(Header.recordRoute)]).toMatchObject([contact, true, { length: 2 }]);
    socket.destroy();
    listening.close();
  });

  test("phones behind NAT, whose Contacts are private addresses, are reached where they send from, both ways", async () => {
    stage = await Stage.start();
    const alice = await registered(stage, "101", "udp", { behind: "192.168.1.11:5060" });
    const bob = await registered(stage, "102", "udp", { behind: "192.168.2.22:5060" });
    const { mine, his, got } = await talk(alice, bob, uri("102"), { caller: "sip:101@192.168.1.11:5060", callee: "sip:102@192.168.2.22:5060" });
    expect(got.values(Header.recordRoute)).toHaveLength(2);
    expect((await passes(alice, bob, mine, "INFO")).requestUri).toBe("sip:102@192.168.2.22:5060");
    expect((await passes(bob, alice, his, "BYE")).requestUri).toBe("sip:101@192.168.1.11:5060");
  });

  test("two networks: each side is sent to from its own address, and sees that in Via and Record-Route (RFC 5658)", async () => {
    stage = await Stage.start({ listen: '[{ url: "udp://127.0.0.1:0", network: inside }, { url: "udp://127.0.0.2:0", network: outside }]' });
    const [inside, outside] = stage.transports.listeners;
    if (inside === undefined || outside === undefined) return;
    const alice = await registered(stage, "101");
    const bob = await registered(stage, "102", "udp", { server: { address: outside.address, port: outside.port } });
    const { mine, his, got } = await talk(alice, bob, uri("102"));
    const at = (listener: typeof inside): string => `${listener.address}:${listener.port}`;
    expect(got.values(Header.via)[0]).toContain(at(outside));
    expect(got.values(Header.recordRoute).map((value) => /@([^;>]+)/.exec(value)?.[1])).toEqual([at(outside), at(inside)]);
    expect((await passes(bob, alice, his, "INFO")).values(Header.via)[0]).toContain(at(inside));
    expect((await passes(alice, bob, mine, "BYE")).values(Header.via)[0]).toContain(at(outside));
  });

  test.each([["::1", "127.0.0.1"], ["127.0.0.1", "::1"]])("a call from %s to %s", async (one, other) => {
    stage = await Stage.start({ listen: '["udp://127.0.0.1:0", "udp://[::1]:0"]' });
    const server = (address: string): { address: string; port: number } => ({ address, port: stage.transports.listeners.find((listener) => listener.address === address)?.port ?? 0 });
    const alice = await registered(stage, "101", "udp", { server: server(one) });
    const bob = await registered(stage, "102", "udp", { server: server(other) });
    const { mine, his, got } = await talk(alice, bob, uri("102"));
    expect(got.values(Header.recordRoute)).toHaveLength(2);
    await passes(bob, alice, his, "INFO");
    await passes(alice, bob, mine, "BYE");
  });

  test("a person who registered a colleague's address rings there", async () => {
    stage = await Stage.start();
    const [alice, carol] = [await registered(stage, "101"), await registered(stage, "103")];
    await registered(stage, "102", "udp", { contact: uri("103") });
    await invite(alice, uri("102"));
    expect((await carol.request("INVITE")).requestUri).toBe(carol.contact.slice(1, -1));
  });
});

describe("what is refused", () => {
  test.each([
    ["an extension of proxies that we do not know", "INVITE", uri("102"), "Proxy-Require: x-one, x-two\r\n", 420],
    ["a telephone number", "INVITE", "tel:+32475", "", 416],
    ["another scheme", "MESSAGE", "mailto:a@b", "", 416],
    ["no hops left for somebody", "OPTIONS", uri("102"), "Max-Forwards: 0\r\n", 483],
    ["no hops left, and a Route that leads on", "OPTIONS", `sip:${DOMAIN}`, "Route: <sip:127.0.0.1:9;lr>\r\nMax-Forwards: 0\r\n", 483],
    ["the server itself is no person", "MESSAGE", `sip:${DOMAIN}`, "", 405],
    ["nobody of ours", "MESSAGE", uri("1"), "", 404],
    ["half a number is nobody, we do not know how long ours are", "INVITE", uri("+3247"), "", 404],
    ["somebody who is not there", "MESSAGE", uri("103"), "", 480],
  ])("%s: %s %s -> %i", async (_name, method, to, headers, status) => {
    stage = await Stage.start();
    const alice = await registered(stage, "101");
    const text = alice.text(method, to, { to: uri("102"), headers });
    const { final } = await alice.ask(headers.includes("Max-Forwards") ? text.replace("Max-Forwards: 70\r\n", "") : text);
    expect(final.status).toBe(status);
    if (status === 420) expect(final.header(Header.unsupported)).toBe("x-one, x-two");
    if (status === 405) expect(final.header(Header.allow)).toContain("INVITE");
  });

  test("a server itself that has no hops left to give answers all the same", async () => {
    stage = await Stage.start();
    const alice = await stage.phone("101");
    expect((await alice.ask(alice.text("OPTIONS", `sip:${DOMAIN}`, {}).replace("Max-Forwards: 70", "Max-Forwards: 0"))).final.status).toBe(200);
  });
});

describe("nobody relays through us", () => {
  const OPEN = 'users:\n  - { id: "101", password: secret-101 }\n  - { id: "102", password: secret-102, inbound: anyone }\n';

  test("credentials for us go no further than us", async () => {
    stage = await Stage.start();
    const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
    expect((await invite(alice, uri("102"))).has(Header.proxyAuthorization)).toBe(true);
    expect((await bob.request("INVITE")).has(Header.proxyAuthorization)).toBe(false);
  });

  test("a stranger who talks to one of ours may say what he likes to him, and nothing to anybody else by that call's route", async () => {
    stage = await Stage.start({ people: OPEN });
    const [bob, mallory, victim] = [await registered(stage, "102"), await stranger(), await stranger()];
    const text = mallory.text("INVITE", uri("102"), {});
    mallory.send(text);
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 200, "OK", { tag: "callee" }));
    const mine = mallory.callerDialog(Message.of(text), await mallory.response("INVITE", 200));
    mallory.send(mallory.within(mine, "ACK"));
    await bob.request("ACK");
    const his = bob.calleeDialog(got, "callee");
    await passes(mallory, bob, mine, "INFO");
    await passes(bob, mallory, his, "INFO");
    const [callerSide = "", calleeSide = ""] = mine.routes;
    const elsewhere = `<sip:${victim.address};lr>`;
    const attempts: readonly Partial<PhoneDialog>[] = [
      { target: `sip:v@${victim.address}` },
      { target: `sip:v@${victim.address}`, routes: [callerSide] },
      { target: `sip:v@${victim.address}`, routes: [calleeSide] },
      { routes: [callerSide, calleeSide, elsewhere] },
      { routes: [calleeSide, callerSide, elsewhere] },
      { routes: [callerSide, elsewhere] },
      { target: calleeSide.slice(1, -1), routes: [`<sip:v@${victim.address}>`] },
      { target: callerSide.slice(1, -1), routes: [`<sip:v@${victim.address}>`] },
      { target: `sip:v@elsewhere.example;maddr=127.0.0.1:${victim.address.split(":")[1] ?? ""}` },
      { target: uri("101") },
    ];
    for (const attempt of attempts) {
      for (const method of ["MESSAGE", "ACK"]) mallory.send(mallory.within({ ...mine, ...attempt, cseq: mine.cseq++ }, method));
    }
    // Whatever came of them has come when this has.
    const last = mallory.text("OPTIONS", `sip:${DOMAIN}`, {});
    await mallory.ask(last);
    bob.onRequest = null;
    expect(victim.received).toEqual([]);
    await passes(bob, mallory, his, "BYE");
    expect(victim.received).toEqual([]);
  });

  test("so it is with a stranger whom one of ours has called", async () => {
    stage = await Stage.start();
    const [alice, mallory, victim] = [await registered(stage, "101"), await stranger(), await stranger()];
    const { mine, his } = await talk(alice, mallory, `sip:m@${mallory.address}`);
    await passes(alice, mallory, mine, "INFO");
    await passes(mallory, alice, his, "INFO");
    for (const routes of [his.routes, his.routes.slice(0, 1), his.routes.slice(1), [...his.routes, `<sip:${victim.address};lr>`], [...his.routes].reverse()]) {
      for (const method of ["MESSAGE", "ACK"]) mallory.send(mallory.within({ ...his, target: `sip:v@${victim.address}`, routes, cseq: his.cseq++ }, method));
    }
    await passes(alice, mallory, mine, "BYE");
    expect(victim.received).toEqual([]);
  });

  test.each(["REFER", "NOTIFY", "INFO", "SUBSCRIBE", "PUBLISH", "NEWMETHOD"])("a stranger may call one who lets anyone call, but %s him he may not", async (method) => {
    stage = await Stage.start({ people: OPEN });
    const [bob, phone] = [await registered(stage, "102"), await stranger()];
    expect((await phone.ask(phone.text(method, uri("102"), { headers: "Event: check-sync\r\nRefer-To: <sip:premium@elsewhere.example>\r\n" }))).final.status).toBe(403);
    expect(bob.received.filter((message) => message.isRequest)).toEqual([]);
  });

  test.each([
    ["by maddr", (port: string) => ({ to: `sip:v@elsewhere.example;maddr=127.0.0.1`, headers: `X: ${port}\r\n` })],
    ["at our address and another port", (port: string) => ({ to: `sip:v@127.0.0.1:${port}`, headers: "" })],
    ["by a Route past us", (port: string) => ({ to: uri("102"), headers: `Route: <sip:${DOMAIN};lr>, <sip:127.0.0.1:${port};lr>\r\n` })],
    ["by a Route that is not ours", (port: string) => ({ to: uri("102"), headers: `Route: <sip:127.0.0.1:${port};lr>\r\n` })],
    ["as a GRUU that is none", (port: string) => ({ to: `sip:v%40127.0.0.1%3A${port}@${DOMAIN};gr`, headers: "" })],
    ["with our domain as user", (port: string) => ({ to: `sip:${DOMAIN}@127.0.0.1:${port}`, headers: "" })],
  ])("a stranger's request to a third host %s: 403", async (_name, how) => {
    stage = await Stage.start({ people: OPEN });
    await registered(stage, "102");
    const [phone, victim] = [await stranger(), await stranger()];
    const { to, headers } = how(victim.address.split(":")[1] ?? "");
    expect((await phone.ask(phone.text("INVITE", to, { headers }))).final.status).toBe(403);
    expect(victim.received).toEqual([]);
  });
});
