import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { invite as inviteOf } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

const uri = (user: string): string => `sip:${user}@${DOMAIN}`;
const reasonOf = (message: Message): string => message.header(Header.reason) ?? "";

/** A phone that is registered. */
async function registered(user: string, protocol: "udp" | "tcp" = "udp", headers?: string): Promise<Phone> {
  const phone = await stage.phone(user, protocol);
  expect((await phone.register(headers)).status).toBe(200);
  return phone;
}

/** Sends an INVITE with its credentials and waits until it has gone through authentication. */
async function invite(phone: Phone, to: string): Promise<Message> {
  const sent = await inviteOf(phone, to);
  await phone.response("INVITE", 100, sent.callId);
  return sent;
}

describe.each(["udp", "tcp"] as const)("a call over %s", (protocol) => {
  test("rings, is answered, acknowledged and ended by either side, and goes by the route set", async () => {
    const alice = await registered("101", protocol);
    const bob = await registered("102", protocol);
    const sent = await invite(alice, uri("102"));
    const got = await bob.request("INVITE");
    expect(got.requestUri).toBe(bob.contact.slice(1, -1));
    expect(got.maxForwards).toBe(69);
    expect(got.values(Header.via)).toHaveLength(2);
    expect(got.values(Header.recordRoute).length).toBe(protocol === "udp" ? 1 : 2);
    bob.send(bob.answer(got, 180, "Ringing", { tag: "bob" }));
    expect((await alice.response("INVITE", 180)).values(Header.via)).toHaveLength(1);
    bob.send(bob.answer(got, 200, "OK", { tag: "bob", body: "v=0\r\n" }));
    const ok = await alice.response("INVITE", 200);
    expect(ok.body).toBe("v=0\r\n");
    const mine = alice.callerDialog(sent, ok);
    alice.send(alice.within(mine, "ACK"));
    expect((await bob.request("ACK")).has(Header.route)).toBe(false);
    // Bob puts on hold, Alice hangs up.
    const his = bob.calleeDialog(got, "bob");
    bob.send(bob.within(his, "INVITE", { headers: "Content-Type: application/sdp\r\n", body: "v=0\r\na=sendonly\r\n" }));
    const hold = await alice.request("INVITE");
    alice.send(alice.answer(hold, 200, "OK"));
    await bob.response("INVITE", 200);
    bob.send(bob.within(his, "ACK"));
    await alice.request("ACK");
    alice.send(alice.within(mine, "BYE"));
    const bye = await bob.request("BYE");
    bob.send(bob.answer(bye, 200, "OK"));
    await alice.response("BYE", 200);
    expect(stage.server.dialogs.calls()).toEqual([]);
  });

  test("a busy callee: the failure is acknowledged hop by hop and reaches the caller", async () => {
    const alice = await registered("101", protocol);
    const bob = await registered("102", protocol);
    const sent = await invite(alice, uri("102"));
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 486, "Busy Here", { tag: "bob" }));
    expect((await bob.request("ACK")).cseq).toBe(sent.cseq);
    const busy = await alice.response("INVITE", 486);
    alice.send(alice.ackOf(sent, busy));
  });

  test("CANCEL reaches the callee with its reason, and ends with 487", async () => {
    const alice = await registered("101", protocol);
    const bob = await registered("102", protocol);
    const sent = await invite(alice, uri("102"));
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 180, "Ringing", { tag: "bob" }));
    await alice.response("INVITE", 180);
    alice.send(alice.cancelOf(sent, 'Reason: SIP;cause=487;text="Bye"\r\n'));
    await alice.response("CANCEL", 200);
    const cancel = await bob.request("CANCEL");
    expect(reasonOf(cancel)).toBe('SIP;cause=487;text="Bye"');
    expect(cancel.values(Header.via)).toEqual(got.values(Header.via).slice(0, 1));
    bob.send(bob.answer(cancel, 200, "OK"));
    bob.send(bob.answer(got, 487, "Request Terminated", { tag: "bob" }));
    await bob.request("ACK");
    alice.send(alice.ackOf(sent, await alice.response("INVITE", 487)));
  });
});

test("a call between transports gets two Record-Routes, one for each side, and in-dialog requests pass both ways", async () => {
  const alice = await registered("101", "tcp");
  const bob = await registered("102", "udp");
  const sent = await invite(alice, uri("102"));
  const got = await bob.request("INVITE");
  const routes = got.values(Header.recordRoute);
  expect(routes).toHaveLength(2);
  expect(routes[0]).not.toContain("transport=tcp");
  expect(routes[1]).toContain("transport=tcp");
  bob.send(bob.answer(got, 200, "OK", { tag: "bob" }));
  const mine = alice.callerDialog(sent, await alice.response("INVITE", 200));
  alice.send(alice.within(mine, "ACK"));
  await bob.request("ACK");
  bob.send(bob.within(bob.calleeDialog(got, "bob"), "BYE"));
  const bye = await alice.request("BYE");
  alice.send(alice.answer(bye, 200, "OK"));
  await bob.response("BYE", 200);
});

test("two devices ring together; the first to answer wins, the other is told that the call was completed elsewhere", async () => {
  const alice = await registered("101");
  const desk = await registered("102");
  const mobile = await registered("102", "tcp");
  const sent = await invite(alice, uri("102"));
  const [atDesk, atMobile] = [await desk.request("INVITE"), await mobile.request("INVITE")];
  desk.send(desk.answer(atDesk, 180, "Ringing", { tag: "desk" }));
  mobile.send(mobile.answer(atMobile, 180, "Ringing", { tag: "mobile" }));
  await alice.response("INVITE", 180);
  await alice.response("INVITE", 180);
  mobile.send(mobile.answer(atMobile, 200, "OK", { tag: "mobile" }));
  const cancel = await desk.request("CANCEL");
  expect(reasonOf(cancel)).toBe('SIP;cause=200;text="Call completed elsewhere"');
  desk.send(desk.answer(cancel, 200, "OK"));
  desk.send(desk.answer(atDesk, 487, "Request Terminated", { tag: "desk" }));
  await desk.request("ACK");
  const ok = await alice.response("INVITE", 200);
  alice.send(alice.within(alice.callerDialog(sent, ok), "ACK"));
  await mobile.request("ACK");
  // The callee repeats its 200 until it sees the ACK: each copy goes through.
  mobile.send(mobile.answer(atMobile, 200, "OK", { tag: "mobile" }));
  await alice.response("INVITE", 200);
});

test("devices with a lower q ring only when the higher ones have failed", async () => {
  const alice = await registered("101");
  const first = await stage.phone("102");
  const second = await stage.phone("102");
  for (const [phone, q] of [[first, "0.9"], [second, "0.4"]] as const) {
    const text = phone.text("REGISTER", `sip:${DOMAIN}`, { to: phone.aor, headers: "Expires: 600\r\n" }).replace(phone.contact, `${phone.contact};q=${q}`);
    expect((await phone.ask(text)).final.status).toBe(200);
  }
  await invite(alice, uri("102"));
  const got = await first.request("INVITE");
  expect(second.received.some((message) => message.method === "INVITE")).toBe(false);
  first.send(first.answer(got, 480, "Gone", { tag: "one" }));
  const later = await second.request("INVITE");
  second.send(second.answer(later, 603, "Decline", { tag: "two" }));
  expect((await alice.wait("a final", (m) => m.method === "INVITE" && m.status >= 300 && m.status !== 407)).status).toBe(603);
});

test("the best failure of a fork is the caller's: 6xx before 4xx, and a phone's own word before a time-out", async () => {
  const alice = await registered("101");
  const one = await registered("102");
  const two = await registered("102");
  const sent = await invite(alice, uri("102"));
  const [a, b] = [await one.request("INVITE"), await two.request("INVITE")];
  one.send(one.answer(a, 486, "Busy Here", { tag: "one" }));
  two.send(two.answer(b, 600, "Busy Everywhere", { tag: "two" }));
  const best = await alice.wait("a failure", (m) => m.method === "INVITE" && m.status >= 480);
  expect(best.status).toBe(600);
  alice.send(alice.ackOf(sent, best));
});

test("a phone that redirects to a colleague is followed; one that redirects elsewhere is the caller's to follow", async () => {
  const alice = await registered("101");
  const bob = await registered("102");
  const carol = await registered("103");
  await invite(alice, uri("102"));
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 302, "Moved", { tag: "bob", contact: false, headers: `Contact: <${uri("103")}>\r\n` }));
  const atCarol = await carol.request("INVITE");
  carol.send(carol.answer(atCarol, 486, "Busy Here", { tag: "carol" }));
  await alice.response("INVITE", 486);
  await invite(alice, uri("102"));
  const again = await bob.request("INVITE");
  bob.send(bob.answer(again, 302, "Moved", { tag: "bob", contact: false, headers: "Contact: <sip:x@elsewhere.example>\r\n" }));
  expect((await alice.response("INVITE", 302)).header(Header.contact)).toContain("elsewhere.example");
});

test.each([
  ["somebody who is not registered", uri("103"), 480],
  ["nobody of ours", uri("999"), 404],
  ["no hops left", uri("102"), 483],
])("%s: %s -> %i", async (name, to, status) => {
  const alice = await registered("101");
  await registered("102");
  const text = alice.text("INVITE", to, {});
  const { final } = await alice.ask(name === "no hops left" ? text.replace("Max-Forwards: 70", "Max-Forwards: 0") : text);
  expect(final.status).toBe(status);
});

test("aliases and listen addresses name the same person", async () => {
  const alice = await registered("101");
  const bob = await registered("102");
  for (const to of [`sip:user102@${DOMAIN}`, `sip:102@127.0.0.1`, `sip:102@127.0.0.1:${stage.address("udp").port}`]) {
    await invite(alice, to);
    bob.send(bob.answer(await bob.request("INVITE"), 486, "Busy Here", { tag: "b" }));
    await alice.response("INVITE", 486);
  }
});

test("a call that comes back to us unchanged is a loop; one that comes back changed is a spiral and goes on", async () => {
  const alice = await registered("101");
  const bob = await registered("102");
  await invite(alice, uri("102"));
  const got = await bob.request("INVITE");
  // Bob's phone sends what it got back to the server, as a broken forwarder would: first unchanged in what routing sees, then to someone else.
  const back = got.text.replace(got.requestUri, uri("102")).replace(/^Via/m, `${bob.via()}Via`).replace(/Proxy-Authorization[^\n]*\n/, "");
  bob.send(back);
  const answer = await bob.wait("an answer to what came back", (m) => !m.isRequest && m.method === "INVITE" && m.status >= 400);
  expect([482, 407]).toContain(answer.status);
  expect(answer.status).toBe(482);
});

test("a retransmitted INVITE is absorbed: the callee sees one, the caller the last answer again", async () => {
  const alice = await registered("101");
  const bob = await registered("102");
  const sent = await invite(alice, uri("102"));
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 180, "Ringing", { tag: "bob" }));
  await alice.response("INVITE", 180);
  alice.send(sent.text);
  await alice.response("INVITE", 180);
  expect(bob.received.filter((message) => message.method === "INVITE")).toHaveLength(1);
});

test("MESSAGE and other methods reach the person as well", async () => {
  const alice = await registered("101");
  const bob = await registered("102");
  bob.onRequest = (request) => (request.method === "MESSAGE" ? bob.answer(request, 200, "OK", { tag: "b", contact: false }) : null);
  const { final } = await alice.ask(alice.text("MESSAGE", uri("102"), { headers: "Content-Type: text/plain\r\n", body: "hello" }));
  expect(final.status).toBe(200);
  expect((await bob.request("MESSAGE")).body).toBe("hello");
});

test("64 devices of one person ring at once", async () => {
  await stage.stop();
  stage = await Stage.start({ yaml: "contacts_per_user: 64\n" });
  const alice = await registered("101");
  const devices = await Promise.all(Array.from({ length: 64 }, () => registered("102")));
  await invite(alice, uri("102"));
  const last = devices.pop();
  const all = await Promise.all(devices.map((device) => device.request("INVITE")));
  expect(all).toHaveLength(63);
  if (last === undefined) throw new Error("no device");
  last.send(last.answer(await last.request("INVITE"), 200, "OK", { tag: "last" }));
  await alice.response("INVITE", 200);
});

test("a phone that gives its GRUU as Contact is found by it within the call", async () => {
  const alice = await registered("101");
  const bob = await stage.phone("102");
  const instance = "<urn:uuid:f04faf72-f5b3-0050-b21d-4394cba20af4>";
  const text = bob.text("REGISTER", `sip:${DOMAIN}`, { to: bob.aor, headers: "Expires: 600\r\nSupported: gruu\r\n" }).replace(bob.contact, `${bob.contact};+sip.instance="${instance}"`);
  const { final } = await bob.ask(text);
  const gruu = /pub-gruu="([^"]+)"/.exec(final.text)?.[1] ?? "";
  expect(gruu).toContain(";gr=");
  const sent = await invite(alice, uri("102"));
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 200, "OK", { tag: "bob", contact: false, headers: `Contact: <${gruu}>\r\n` }));
  const dialog = alice.callerDialog(sent, await alice.response("INVITE", 200));
  expect(dialog.target).toBe(gruu);
  alice.send(alice.within(dialog, "ACK"));
  expect((await bob.request("ACK")).requestUri).toBe(bob.contact.slice(1, -1));
  alice.send(alice.within(dialog, "BYE"));
  const bye = await bob.request("BYE");
  expect(bye.requestUri).toBe(bob.contact.slice(1, -1));
  bob.send(bob.answer(bye, 200, "OK"));
  await alice.response("BYE", 200);
});
