import { describe, expect, test } from "vitest";
import { startBaresip } from "./baresip.ts";
import { startLamplight } from "./lamplight.ts";
import { eventually } from "./program.ts";
import { obstacle } from "./surroundings.ts";

const users = [
  { id: "101", name: "Alice Adams", password: "secret-101" },
  { id: "102", name: "Bob Brown", password: "secret-102" },
];

interface Subscribed {
  readonly resource: string;
  readonly event: string;
}

describe.skipIf(obstacle("baresip") !== null)("baresip with mwi=yes, which floods servers that do not answer to its liking", () => {
  test("subscribes, shows the message lamp, and harms nobody's presence", async () => {
    const server = await startLamplight({ users });
    const alice = await startBaresip({ server: server.sip, user: "101", password: "secret-101", mwi: true });
    const bob = await startBaresip({ server: server.sip, user: "102", password: "secret-102", watches: new Map([["Alice", `sip:101@${server.sip}`]]) });
    await bob.contactShows("Alice", /Online/);
    const mine = async (): Promise<readonly Subscribed[]> => ((await server.get("/api/subscriptions")) as readonly Subscribed[]).filter(({ event }) => event === "message-summary");
    await eventually(async () => ((await mine()).length > 0 ? true : null), () => "no subscription to the message lamp");
    await server.setMessages("101", { voice: { new: 3, old: 1 } });
    await alice.program.line(/Voice-Message: 3\/1/i);
    await alice.command("presence_offline");
    await bob.contactShows("Alice", /Offline/);
    expect((await mine()).length).toBeLessThanOrEqual(8);
  });
});
