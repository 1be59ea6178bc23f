import { describe, expect, test } from "vitest";
import { startLamplight } from "./lamplight.ts";
import { runSipp, startSippAnswerer } from "./sipp.ts";
import { obstacle } from "./surroundings.ts";

const callees = Array.from({ length: 10 }, (_, at) => `u${at}`);
const users = [...callees, "caller"].map((id) => ({ id, password: "secret" }));
const domain = "bench.example";

describe.skipIf(obstacle("sipp") !== null)("sipp", () => {
  test.each([
    { caller: "udp", callee: "udp" },
    { caller: "tcp", callee: "tcp" },
    { caller: "tcp", callee: "udp" },
    { caller: "udp", callee: "tcp" },
  ] as const)("calls along the route set without a failure: caller on $caller, callee on $callee", async ({ caller, callee }) => {
    const server = await startLamplight({ domain, users, require: "none" });
    const answerer = await startSippAnswerer(callee, server.sip);
    const registered = await runSipp({ server: server.sip, scenario: "sipp_register.xml", users: callees, calls: callees.length, callsPerSecond: 100, contact: answerer.contact });
    expect(registered).toEqual({ exitCode: 0, successful: callees.length, failed: 0, unexpected: "" });

    const calls = 200;
    const called = await runSipp({ server: server.sip, scenario: "sipp_uac.xml", transport: caller, users: callees, calls, callsPerSecond: 100 });
    expect(called).toEqual({ exitCode: 0, successful: calls, failed: 0, unexpected: "" });
    expect(await server.get("/api/calls")).toEqual([]);
  });

  test("registers with a digest challenge", async () => {
    const server = await startLamplight({ domain, users, require: "register" });
    const registered = await runSipp({ server: server.sip, scenario: "sipp_register_auth.xml", users: callees, calls: 50, callsPerSecond: 50 });
    expect(registered).toEqual({ exitCode: 0, successful: 50, failed: 0, unexpected: "" });
    await server.registered("u9");
  });
});
