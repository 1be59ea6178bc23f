import { afterEach, beforeEach, expect, test } from "vitest";
import { registered, talk } from "./calling.ts";
import type { Phone, PhoneDialog } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

/** Two registered phones in a call: the caller's and the callee's view of it. */
async function inCall(protocol: "udp" | "tcp"): Promise<{ alice: Phone; bob: Phone; mine: PhoneDialog; his: PhoneDialog }> {
  const [alice, bob] = [await registered(stage, "101", protocol), await registered(stage, "102", protocol)];
  const { mine, his } = await talk(alice, bob, `sip:102@${DOMAIN}`);
  return { alice, bob, mine, his };
}

test("UDP: after a restart in the middle of a call BYE passes at once, in either direction", async () => {
  for (const side of ["caller", "callee"] as const) {
    const { alice, bob, mine, his } = await inCall("udp");
    await stage.restart();
    const [from, to, dialog] = side === "caller" ? [alice, bob, mine] : [bob, alice, his];
    from.send(from.within(dialog, "BYE"));
    const bye = await to.request("BYE");
    to.send(to.answer(bye, 200, "OK"));
    await from.response("BYE", 200, dialog.callId);
  }
});

test("UDP: the lamp of a call that was confirmed before the restart is dark after its BYE", async () => {
  const { alice, bob, mine } = await inCall("udp");
  await stage.restart();
  expect(stage.server.dialogs.calls()).toMatchObject([{ callId: mine.callId, state: "confirmed" }]);
  alice.send(alice.within(mine, "BYE"));
  bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
  await alice.response("BYE", 200);
  expect(stage.server.dialogs.calls()).toEqual([]);
});

test("TCP: after a restart BYE gets 430 while the phone is away, and passes by its new connection once it has registered again", async () => {
  const { alice, bob, mine } = await inCall("tcp");
  await stage.restart();
  // Bob's phone is behind NAT: its Contact cannot be connected to. Alice is back first.
  await alice.reconnect();
  alice.send(alice.within(mine, "BYE"));
  const early = await alice.final("BYE", mine.callId);
  expect(early.status).toBe(430);
  await bob.reconnect();
  // The same device: its Contact is the one that it had, as phones write a fixed one; the connection is new.
  const before = bob.sent.find((text) => text.startsWith("REGISTER")) ?? "";
  const contact = /Contact: <([^>]+)>/.exec(before)?.[1] ?? "";
  const text = bob.text("REGISTER", `sip:${DOMAIN}`, { to: bob.aor, headers: "Expires: 600\r\n" }).replace(bob.contact, `<${contact}>`);
  expect((await bob.ask(text)).final.status).toBe(200);
  alice.send(alice.within(mine, "BYE"));
  const bye = await bob.request("BYE");
  bob.send(bob.answer(bye, 200, "OK"));
  expect((await alice.response("BYE", 200, mine.callId)).status).toBe(200);
});

test("registrations outlive the restart: a call reaches a UDP phone that has not registered again", async () => {
  const [alice, bob] = [await stage.phone("101"), await stage.phone("102")];
  for (const phone of [alice, bob]) expect((await phone.register()).status).toBe(200);
  await stage.restart();
  bob.onRequest = (request) => (request.method === "INVITE" ? bob.answer(request, 486, "Busy Here", { tag: "b" }) : null);
  const { final } = await alice.ask(alice.text("INVITE", `sip:102@${DOMAIN}`, {}));
  expect(final.status).toBe(486);
});

test("a nonce from before the restart is still good: the phone is not asked for its password again", async () => {
  const alice = await stage.phone("101");
  const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: alice.aor, headers: "Expires: 600\r\n" });
  alice.send(text);
  const challenge = await alice.response("REGISTER", 401);
  await stage.restart();
  alice.send(alice.withCredentials(text, challenge));
  await alice.response("REGISTER", 200);
});
