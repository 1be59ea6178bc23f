import { describe, expect, test } from "vitest";
import { startBaresip } from "./baresip.ts";
import { startJsSip } from "./jssip-phone.ts";
import { startLamplight } from "./lamplight.ts";
import { obstacle } from "./surroundings.ts";

const users = [
  { id: "101", password: "secret-101" },
  { id: "102", password: "secret-102" },
];

describe.skipIf(obstacle() !== null)("JsSIP over WebSocket", () => {
  test("registers, calls another JsSIP, and the callee hangs up", async () => {
    const server = await startLamplight({ users });
    const [caller, callee] = await Promise.all(users.map(({ id, password }) => startJsSip({ ...server, user: id, password })));
    if (caller === undefined || callee === undefined) throw new Error("two phones");
    await server.registered("101");
    const outgoing = caller.call("sip:102@tel.example.test");
    const incoming = await callee.incoming();
    incoming.answer();
    await Promise.all([outgoing.confirmed, incoming.confirmed]);
    incoming.hangUp();
    expect(await outgoing.ended).toMatchObject({ by: "remote" });
  });

  test("a caller that gives up while it rings cancels the call", async () => {
    const server = await startLamplight({ users });
    const [caller, callee] = await Promise.all(users.map(({ id, password }) => startJsSip({ ...server, user: id, password })));
    if (caller === undefined || callee === undefined) throw new Error("two phones");
    const outgoing = caller.call("sip:102@tel.example.test");
    const incoming = await callee.incoming();
    outgoing.hangUp();
    expect(await incoming.ended).toMatchObject({ by: "remote", cause: "Canceled" });
  });
});

describe.skipIf(obstacle("baresip") !== null)("JsSIP and baresip", () => {
  test("call each other both ways, from WebSocket to UDP and back", async () => {
    const server = await startLamplight({ users });
    const [browser, desk] = await Promise.all([startJsSip({ ...server, user: "101", password: "secret-101" }), startBaresip({ server: server.sip, user: "102", password: "secret-102" })]);
    const outgoing = browser.call("sip:102@tel.example.test");
    await Promise.all([outgoing.confirmed, desk.event("CALL_ESTABLISHED")]);
    outgoing.hangUp();
    await desk.event("CALL_CLOSED");

    await desk.command("dial", `sip:101@${server.sip}`);
    const incoming = await browser.incoming();
    incoming.answer();
    await Promise.all([incoming.confirmed, desk.event("CALL_ESTABLISHED")]);
    await desk.command("hangup");
    expect(await incoming.ended).toMatchObject({ by: "remote" });
  });

  test("a restart in mid-call: the browser comes back on a new connection, and the desk phone's BYE finds it there", async () => {
    const server = await startLamplight({ users });
    const [browser, desk] = await Promise.all([startJsSip({ ...server, user: "101", password: "secret-101" }), startBaresip({ server: server.sip, user: "102", password: "secret-102" })]);
    await desk.command("dial", `sip:101@${server.sip}`);
    const call = await browser.incoming();
    call.answer();
    await Promise.all([call.confirmed, desk.event("CALL_ESTABLISHED")]);
    const back = browser.registeredAgain(20_000);
    await server.crash();
    await server.start();
    await back;
    await desk.command("hangup");
    expect(await call.ended).toMatchObject({ by: "remote" });
  });

  test("a restart in mid-call: the browser's BYE reaches the desk phone", async () => {
    const server = await startLamplight({ users });
    const [browser, desk] = await Promise.all([startJsSip({ ...server, user: "101", password: "secret-101" }), startBaresip({ server: server.sip, user: "102", password: "secret-102" })]);
    const call = browser.call("sip:102@tel.example.test");
    await Promise.all([call.confirmed, desk.event("CALL_ESTABLISHED")]);
    const back = browser.registeredAgain(20_000);
    expect(await server.stop()).toBe(0);
    await server.start();
    await back;
    call.hangUp();
    await desk.event("CALL_CLOSED");
  });
});
