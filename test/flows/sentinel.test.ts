import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { registered, talk, type Talk } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start({ yaml: "dialogs: { probe: 1s }\n" });
});
afterEach(async () => {
  await stage.stop();
});

interface InCall extends Talk {
  readonly alice: Phone;
  readonly bob: Phone;
}

/** 101 and 102 in a call; both answer OPTIONS as they are told: null is silence. */
async function inCall(answers: { caller: number | null; callee: number | null }, protocol: "udp" | "tcp" = "udp", behind?: string): Promise<InCall> {
  const [alice, bob] = [await registered(stage, "101", protocol, behind === undefined ? {} : { behind }), await registered(stage, "102", protocol)];
  const found = await talk(alice, bob, `sip:102@${DOMAIN}`, behind === undefined ? {} : { caller: `sip:101@${behind}` });
  for (const [phone, status] of [[alice, answers.caller], [bob, answers.callee]] as const) {
    phone.onRequest = (request) => (request.method === "OPTIONS" && status !== null ? phone.answer(request, status, "Whatever", { contact: false }) : null);
  }
  return { ...found, alice, bob };
}

/** Waits until it is so, at most for a while; the last answer when it is not. */
async function until(isSo: () => boolean, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end && !isSo(); ) await new Promise((done) => setTimeout(done, 50));
  return isSo();
}

const lit = (): number => stage.server.dialogs.people().length;

describe("a probe", () => {
  test.each(["udp", "tcp"] as const)("speaks for the other side of the dialog, with a CSeq that hurts nobody, by %s", async (protocol) => {
    const { alice, bob, mine, his } = await inCall({ caller: 200, callee: 200 }, protocol);
    const toBob = await bob.request("OPTIONS");
    const toAlice = await alice.request("OPTIONS");
    expect([toBob.callId, toBob.fromTag, toBob.toTag]).toEqual([mine.callId, mine.localTag, mine.remoteTag]);
    expect([toAlice.callId, toAlice.fromTag, toAlice.toTag]).toEqual([his.callId, his.localTag, his.remoteTag]);
    // The caller's INVITE had CSeq 2; of the callee nothing was seen yet.
    expect([toBob.cseq, toAlice.cseq]).toEqual([2, 0]);
    expect([toBob.text.includes("\r\nContact:"), toBob.text.includes("\r\nRoute:"), toBob.requestUri]).toEqual([false, false, /<(.*)>/.exec(bob.contact)?.[1]]);
    // And the call goes on: BYE passes.
    bob.send(bob.within(his, "BYE"));
    alice.send(alice.answer(await alice.request("BYE"), 200, "OK"));
    await bob.response("BYE", 200);
    expect(lit()).toBe(0);
  });

  test("goes on with the CSeq that a side has used since", async () => {
    const { alice, bob, his } = await inCall({ caller: 200, callee: 200 });
    bob.send(bob.within(his, "INFO", { cseq: 777 }));
    alice.send(alice.answer(await alice.request("INFO"), 200, "OK"));
    await bob.response("INFO", 200);
    expect((await alice.request("OPTIONS", (request) => request.cseq !== 0)).cseq).toBe(777);
  });
});

describe("lamps of a call", () => {
  test("go dark when its BYE was lost for ever: one phone knows of no call any more", async () => {
    await inCall({ caller: 481, callee: 200 });
    expect(lit()).toBe(2);
    expect(await until(() => lit() === 0, 10_000)).toBe(true);
    expect(stage.server.sentinel.counts.healed.lost).toBe(1);
  });

  test("go dark when both phones have lost their power and do not come back", async () => {
    const { alice, bob } = await inCall({ caller: null, callee: null }, "tcp");
    await alice.close();
    await bob.close();
    expect(lit()).toBe(2);
    expect(await until(() => lit() === 0, 25_000)).toBe(true);
    expect(stage.server.sentinel.counts.healed).toMatchObject({ unreachable: 1 });
  });

  test.each([[405, 501], [404, 500], [200, 200], [401, 480], [400, 603]])("stay lit when the phones answer %d and %d: they are there", async (caller, callee) => {
    const { mine, alice, bob } = await inCall({ caller, callee });
    await bob.request("OPTIONS");
    await bob.request("OPTIONS");
    expect(lit()).toBe(2);
    alice.send(alice.within(mine, "BYE"));
    bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
    await alice.response("BYE", 200);
    expect(lit()).toBe(0);
  });

  test("come back when a call that was given up turns out to live, and that phone is not believed again", async () => {
    const { alice, bob, mine } = await inCall({ caller: 481, callee: 200 });
    expect(await until(() => lit() === 0, 10_000)).toBe(true);
    alice.send(alice.within(mine, "INVITE"));
    bob.send(bob.answer(await bob.request("INVITE", (request) => request.hasToTag), 200, "OK"));
    await alice.response("INVITE", 200);
    alice.send(alice.within(mine, "ACK"));
    expect(await until(() => lit() === 2, 2000)).toBe(true);
    for (let round = 0; round < 3; round++) await alice.request("OPTIONS");
    await until(() => lit() === 0, 3000);
    expect([lit(), stage.server.sentinel.counts.mistaken]).toEqual([2, 1]);
  });

  test("survive a restart, and the call is asked after as before it", async () => {
    const { alice, bob } = await inCall({ caller: 481, callee: 200 });
    await stage.restart("dialogs: { probe: 1s }\n");
    expect(lit()).toBe(2);
    expect(await until(() => lit() === 0, 10_000)).toBe(true);
    expect([alice, bob].every((phone) => phone.received.some((message) => message.method === "OPTIONS"))).toBe(true);
  });
});

test("a phone behind NAT whose port changes in the middle of a call is reached by its new one, once it has registered from there", async () => {
  const { alice, bob, his, sent } = await inCall({ caller: 200, callee: 200 }, "udp", "192.168.1.10:5060");
  await alice.reconnect();
  const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: alice.aor, headers: "Expires: 600\r\n" }).replaceAll(alice.address, "192.168.1.10:5060");
  expect((await alice.ask(text)).final.status).toBe(200);
  bob.send(bob.within(his, "BYE"));
  const bye = await alice.request("BYE", (request) => request.callId === sent.callId);
  alice.send(alice.answer(bye, 200, "OK"));
  await bob.response("BYE", 200);
});

test("a watcher behind NAT whose port changes is told at its new one, once it has registered from there", async () => {
  const [alice, bob] = [await registered(stage, "101", "udp", { behind: "192.168.1.10:5060" }), await registered(stage, "102")];
  alice.onRequest = (request) => (request.method === "NOTIFY" ? alice.answer(request, 200, "OK") : null);
  const subscribe = alice.text("SUBSCRIBE", bob.aor, { headers: "Event: dialog\r\nExpires: 600\r\n" }).replaceAll(alice.address, "192.168.1.10:5060");
  expect((await alice.ask(subscribe)).final.status).toBe(200);
  await alice.request("NOTIFY");
  await alice.reconnect();
  const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: alice.aor, headers: "Expires: 600\r\n" }).replaceAll(alice.address, "192.168.1.10:5060");
  expect((await alice.ask(text)).final.status).toBe(200);
  const carole = await registered(stage, "103");
  await talk(carole, bob, `sip:102@${DOMAIN}`);
  expect((await alice.request("NOTIFY", (request) => request.body.includes("<state>confirmed</state>"))).body).toContain('entity="sip:102@');
});
