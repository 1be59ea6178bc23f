import { describe, expect, test } from "vitest";
import { startBaresip } from "./baresip.ts";
import { startLamplight, type Lamplight } from "./lamplight.ts";
import { startLinphonec } from "./linphonec.ts";
import { eventually } from "./program.ts";
import { obstacle } from "./surroundings.ts";

const users = [
  { id: "101", password: "secret-101" },
  { id: "102", password: "secret-102" },
] as const;
const [alice, bob] = users;

interface SentinelAnswer {
  readonly lamps_unexplained: number;
  readonly probes: { readonly alive: number; readonly lost: number };
  readonly calls_healed: Readonly<Record<string, number>>;
}

const asked = async (server: Lamplight): Promise<SentinelAnswer> => (await server.get("/api/sentinel")) as SentinelAnswer;
const callCount = async (server: Lamplight): Promise<number> => ((await server.get("/api/calls")) as readonly unknown[]).length;

describe.skipIf(obstacle("baresip", "linphonec") !== null)("the sentinel and real phones", () => {
  test.each(["udp", "tcp"] as const)("baresip and linphonec answer its questions, and their call goes on and ends as always, over %s", async (transport) => {
    const server = await startLamplight({ users, yaml: "dialogs: { probe: 1s }\n" });
    const [linphonec, baresip] = await Promise.all([startLinphonec({ server: server.sip, user: bob.id, password: bob.password, transport }), startBaresip({ server: server.sip, user: alice.id, password: alice.password, transport })]);
    // Whoever calls, the other is asked with a CSeq that it has not heard of yet: 0.
    for (const caller of ["baresip", "linphonec"] as const) {
      const { alive: before } = (await asked(server)).probes;
      if (caller === "baresip") await baresip.command("dial", `sip:102@${server.sip}`);
      else linphonec.type(`call sip:101@${server.sip}`);
      await baresip.event("CALL_ESTABLISHED");
      await eventually(async () => ((await asked(server)).probes.alive >= before + 6 ? true : null), () => `the phones do not answer:\n${server.program().lines().slice(-60).join("\n")}`);
      expect(await callCount(server)).toBe(1);
      // The callee hangs up: its BYE is the first request that the caller hears of.
      if (caller === "baresip") {
        linphonec.type("terminate");
        await baresip.event("CALL_CLOSED");
      } else {
        await baresip.command("hangup");
        await linphonec.line(/Call 2 with .* ended/);
      }
      await eventually(async () => ((await callCount(server)) === 0 ? true : null), () => "the call has not ended");
    }
    expect(await asked(server)).toMatchObject({ lamps_unexplained: 0, calls_healed: { lost: 0, silent: 0, unreachable: 0, session: 0 } });
  });
});
