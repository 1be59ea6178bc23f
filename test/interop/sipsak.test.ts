import { describe, expect, test } from "vitest";
import { startLamplight } from "./lamplight.ts";
import { startProgram } from "./program.ts";
import { obstacle } from "./surroundings.ts";

describe.skipIf(obstacle("sipsak") !== null)("sipsak", () => {
  test("its OPTIONS to the server is answered 200", async () => {
    // sipsak 0.9.8 cuts the last digit off a port of five.
    const server = await startLamplight({ users: [{ id: "101", password: "secret-101" }], sipPort: 5060 });
    const sipsak = startProgram("sipsak", ["-vv", "-s", `sip:${server.sip}`]);
    expect(await sipsak.exit(), sipsak.lines().join("\n")).toBe(0);
    expect(sipsak.lines().join("\n")).toContain("SIP/2.0 200");
  });
});
