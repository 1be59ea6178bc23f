import { afterEach, beforeEach, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import { invite, passes, registered } from "./calling.ts";
import { DOMAIN, Stage } from "./stage.ts";

// Everything that takes time (timers B, C, ringing times) is in test/proxy/fork.test.ts, in made-up time.

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

const BOB = `sip:102@${DOMAIN}`;

test("CANCEL before any provisional answer waits for the first one (RFC 3261 §9.1)", async () => {
  const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102")];
  const sent = await invite(alice, BOB);
  const got = await bob.request("INVITE");
  alice.send(alice.cancelOf(sent));
  await alice.response("CANCEL", 200);
  bob.send(bob.answer(got, 100, "Trying"));
  const cancel = await bob.request("CANCEL");
  bob.send(bob.answer(cancel, 200, "OK"));
  bob.send(bob.answer(got, 487, "Request Terminated", { tag: "b" }));
  await alice.response("INVITE", 487);
});

test("CANCEL racing a 200: the 200 arrives, and the call can be ended by BYE", async () => {
  const [alice, bob] = [await registered(stage, "101"), await registered(stage, "102", "tcp")];
  const sent = await invite(alice, BOB);
  const got = await bob.request("INVITE");
  bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
  await alice.response("INVITE", 180);
  bob.send(bob.answer(got, 200, "OK", { tag: "b" }));
  alice.send(alice.cancelOf(sent));
  const ok = await alice.response("INVITE", 200);
  await alice.response("CANCEL", 200);
  const mine = alice.callerDialog(sent, ok);
  alice.send(alice.within(mine, "ACK"));
  await bob.request("ACK");
  await passes(alice, bob, mine, "BYE");
  expect(stage.server.dialogs.calls()).toEqual([]);
});

test("two devices answer at once: the caller hears both, acknowledges each by its own route and ends the second; 100 reaches nobody", async () => {
  const [alice, desk, mobile] = [await registered(stage, "101"), await registered(stage, "102"), await registered(stage, "102", "tcp")];
  const sent = await invite(alice, BOB);
  const [atDesk, atMobile] = [await desk.request("INVITE"), await mobile.request("INVITE")];
  desk.send(desk.answer(atDesk, 100, "Trying from a phone"));
  desk.send(desk.answer(atDesk, 200, "OK", { tag: "desk" }));
  const first = await alice.response("INVITE", 200);
  // The mobile answers though it has been cancelled: it was quicker than the CANCEL.
  mobile.send(mobile.answer(atMobile, 200, "OK", { tag: "mobile" }));
  const second = await alice.response("INVITE", 200);
  expect([first, second].map((ok) => tagOf(ok.header(Header.to)))).toEqual(["desk", "mobile"]);
  for (const [phone, ok] of [[desk, first], [mobile, second]] as const) {
    const dialog = alice.callerDialog(sent, ok);
    alice.send(alice.within(dialog, "ACK"));
    await phone.request("ACK");
    if (phone === mobile) await passes(alice, phone, dialog, "BYE");
  }
  expect(alice.received.filter((message) => message.reason === "Trying from a phone")).toEqual([]);
  expect(stage.server.dialogs.calls()).toHaveLength(1);
});

test("a 200 that the callee repeats is repeated to the caller, whose ACK goes through each time", async () => {
  const [alice, bob] = [await registered(stage, "101", "tcp"), await registered(stage, "102")];
  const sent = await invite(alice, BOB);
  const got = await bob.request("INVITE");
  for (let time = 0; time < 3; time++) {
    bob.send(bob.answer(got, 200, "OK", { tag: "b" }));
    const ok = await alice.response("INVITE", 200);
    alice.send(alice.within(alice.callerDialog(sent, ok), "ACK"));
    await bob.request("ACK");
  }
});
