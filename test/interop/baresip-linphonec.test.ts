import { describe, expect, test } from "vitest";
import { startBaresip } from "./baresip.ts";
import { startLamplight } from "./lamplight.ts";
import { startLinphonec } from "./linphonec.ts";
import { eventually } from "./program.ts";
import { obstacle } from "./surroundings.ts";

const users = [
  { id: "101", name: "Alice Adams", password: "secret-101" },
  { id: "102", name: "Bob Brown", password: "secret-102" },
];
const [alice, bob] = users;
if (alice === undefined || bob === undefined) throw new Error("two users");

describe.skipIf(obstacle("baresip", "linphonec") !== null)("baresip and linphonec", () => {
  test.each(["udp", "tcp"] as const)("register with digest, call each other both ways and hang up, over %s", async (transport) => {
    const server = await startLamplight({ users });
    const [linphonec, baresip] = await Promise.all([
      startLinphonec({ server: server.sip, user: bob.id, password: bob.password, transport }),
      startBaresip({ server: server.sip, user: alice.id, password: alice.password, transport }),
    ]);
    await server.registered(alice.id);
    await server.registered(bob.id);

    await baresip.command("dial", `sip:102@${server.sip}`);
    await baresip.event("CALL_ESTABLISHED");
    await linphonec.line(/Call 1 with .* connected/);
    expect(await server.get("/api/calls")).toHaveLength(1);
    await baresip.command("hangup");
    await linphonec.line(/Call 1 with .* ended/);

    linphonec.type(`call sip:101@${server.sip}`);
    await baresip.event("CALL_ESTABLISHED");
    await linphonec.line(/Call 2 with .* connected/);
    linphonec.type("terminate");
    await baresip.event("CALL_CLOSED");
    await linphonec.line(/Call 2 with .* ended/);
  });

  test("a wrong password does not register", async () => {
    const server = await startLamplight({ users });
    await expect(startBaresip({ server: server.sip, user: alice.id, password: "wrong" })).rejects.toThrow(/could not register/);
    expect(await server.get("/api/registrations")).toEqual([]);
  });

  test("each shows the presence that the other publishes", async () => {
    const server = await startLamplight({ users });
    const linphonec = await startLinphonec({ server: server.sip, user: bob.id, password: bob.password, watches: [`sip:101@${server.sip}`] });
    await linphonec.line(/Friend .*101.* is Offline/);
    const baresip = await startBaresip({ server: server.sip, user: alice.id, password: alice.password, watches: new Map([["Bob", `sip:102@${server.sip}`]]) });
    await linphonec.line(/Friend .*101.* is Online/);
    await baresip.contactShows("Bob", /Online/);

    await baresip.command("presence_offline");
    await linphonec.line(/Friend .*101.* is Offline/);
    await baresip.command("presence_online");
    await linphonec.line(/Friend .*101.* is Online/);

    await linphonec.quit();
    await baresip.contactShows("Bob", /Offline/);
  });

  test("linphonec shows a list of friends that it subscribes to at once, as they come, talk and go", async () => {
    const server = await startLamplight({ users: [...users, { id: "103", name: "Carol Clark", password: "secret-103" }] });
    await server.setPresence("103", { activities: ["away"] });
    const linphonec = await startLinphonec({ server: server.sip, user: bob.id, password: bob.password, transport: "tcp", watches: [`sip:101@${server.sip}`, `sip:103@${server.sip}`], listServer: `sip:rls@${server.sip}` });
    await linphonec.line(/Friend .*103.* is Away/);
    const subscriptions = (await server.get("/api/subscriptions")) as readonly { readonly event: string; readonly members?: number }[];
    expect(subscriptions.map(({ event }) => event)).toEqual(["presence"]);
    const baresip = await startBaresip({ server: server.sip, user: alice.id, password: alice.password });
    await linphonec.line(/Friend .*101.* is Online/);
    await baresip.command("dial", `sip:102@${server.sip}`);
    await baresip.event("CALL_ESTABLISHED");
    await linphonec.line(/Friend .*101.* is On the phone/);
    await baresip.command("hangup");
    await linphonec.line(/Friend .*101.* is Online/);
    await server.setPresence("103", { activities: ["busy"] });
    await linphonec.line(/Friend .*103.* is Busy/);
  });

  test("each shows a call of the other, and what was set on a page, and goes back after it", async () => {
    const server = await startLamplight({ users });
    const linphonec = await startLinphonec({ server: server.sip, user: bob.id, password: bob.password, watches: [`sip:101@${server.sip}`] });
    const baresip = await startBaresip({ server: server.sip, user: alice.id, password: alice.password, watches: new Map([["Bob", `sip:102@${server.sip}`]]) });
    await linphonec.line(/Friend .*101.* is Online/);
    await baresip.contactShows("Bob", /Online/);

    await baresip.command("dial", `sip:102@${server.sip}`);
    await baresip.event("CALL_ESTABLISHED");
    await baresip.contactShows("Bob", /Busy/);
    await linphonec.line(/Friend .*101.* is On the phone/);
    await baresip.command("hangup");
    await baresip.contactShows("Bob", /Online/);
    await linphonec.line(/Friend .*101.* is Online/);

    await server.setPresence("102", { do_not_disturb: true });
    await baresip.contactShows("Bob", /Busy/);
    await server.setPresence("102", { do_not_disturb: false });
    await baresip.contactShows("Bob", /Online/);
    await server.setPresence("101", { activities: ["away"], override: true });
    await linphonec.line(/Friend .*101.* is Away/);

    interface Why {
      readonly inputs: readonly { readonly source: string; readonly won: boolean }[];
      readonly watchers: readonly { readonly sent: { readonly status: number | null } }[];
    }
    // linphonec shows what it was told before it answers.
    const why = await eventually(
      async () => {
        const now = (await server.get("/api/presence/101/why")) as Why;
        return now.watchers.every(({ sent }) => sent.status !== null) ? now : null;
      },
      () => "a NOTIFY has no answer",
    );
    // baresip may publish more than once: it begins before it is registered.
    expect(new Set(why.inputs.map(({ source, won }) => `${source} ${String(won)}`))).toEqual(new Set(["override true", "publish false", "registration false"]));
    expect(why.watchers.map(({ sent }) => sent.status)).toEqual([200]);
  });

  test("a call outlives the server: after kill -9 and a new start the BYE passes at once over UDP", async () => {
    const server = await startLamplight({ users });
    const [linphonec, baresip] = await Promise.all([
      startLinphonec({ server: server.sip, user: bob.id, password: bob.password }),
      startBaresip({ server: server.sip, user: alice.id, password: alice.password }),
    ]);
    await baresip.command("dial", `sip:102@${server.sip}`);
    await baresip.event("CALL_ESTABLISHED");
    await linphonec.line(/Call 1 with .* connected/);
    await server.crash();
    await server.start();
    await baresip.command("hangup");
    await linphonec.line(/Call 1 with .* ended/);
  });
});
