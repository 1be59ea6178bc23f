import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import { realServer, type RealServer } from "../impair/real-server.ts";
import { eventually } from "../interop/program.ts";
import { Phone } from "./phone.ts";
import { DOMAIN } from "./stage.ts";

/** What a test compares: who is registered, what 101 says, who watches whom. */
interface State {
  readonly registered: readonly string[];
  readonly notes: readonly (string | null)[];
  readonly api: readonly (string | null)[];
  readonly watched: readonly string[];
}

async function stateOf(server: RealServer): Promise<State> {
  const get = async <T>(path: string): Promise<T> => JSON.parse(await server.get(path)) as T;
  const registrations = await get<readonly { aor: string; contacts: readonly unknown[] }[]>("/api/registrations");
  const { inputs } = await get<{ inputs: readonly { source: string; note: string | null }[] }>("/api/presence/101/why");
  const subscriptions = await get<readonly { resource: string; watcher: string }[]>("/api/subscriptions");
  const of = (source: string): readonly (string | null)[] => inputs.filter((input) => input.source === source).map(({ note }) => note);
  return { registered: registrations.filter(({ contacts }) => contacts.length > 0).map(({ aor }) => aor).sort(), notes: of("publish"), api: of("api"), watched: subscriptions.map(({ watcher, resource }) => `${watcher} ${resource}`).sort() };
}

test("a running server is backed up and restored with the command line: everything is as it was, its phones go on, and the old store is kept", { timeout: 120_000 }, async () => {
  const server = await realServer(DOMAIN, ["101", "102", "103"], "");
  const open = async (user: string): Promise<Phone> => {
    const phone = await Phone.open({ user, domain: DOMAIN, password: `secret-${user}`, protocol: "udp", server: { address: "127.0.0.1", port: server.port } });
    phone.onRequest = (request) => (request.method === "NOTIFY" ? phone.answer(request, 200, "OK", { contact: false }) : null);
    onTestFinished(() => phone.close());
    return phone;
  };
  const [alice, bob, carol] = [await open("101"), await open("102"), await open("103")];
  const publish = async (note: string, match = ""): Promise<string> => {
    const body = `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${alice.aor}"><tuple id="t"><status><basic>open</basic></status><note>${note}</note></tuple></presence>`;
    const { final } = await alice.ask(alice.text("PUBLISH", alice.aor, { headers: `Event: presence\r\nExpires: 3600\r\n${match}Content-Type: application/pidf+xml\r\n`, body }));
    expect(final.status).toBe(200);
    return final.header(Header.sipEtag) ?? "";
  };
  const say = async (note: string): Promise<void> => {
    const answer = await fetch(`${server.web}/api/presence/101`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ note, activities: ["meeting"], expires_seconds: 3600 }) });
    expect(answer.status).toBeLessThan(300);
  };
  const watch = async (phone: Phone): Promise<(seconds: number) => Promise<number>> => {
    const { final, sent } = await phone.ask(phone.text("SUBSCRIBE", alice.aor, { headers: "Event: presence\r\nExpires: 3600\r\n" }));
    expect(final.status).toBe(200);
    let cseq = sent.cseq;
    return async (seconds) => {
      cseq += 10;
      const text = phone.text("SUBSCRIBE", parseNameAddr(final.header(Header.contact) ?? "").uri, { to: "X", cseq, callId: sent.callId, fromTag: tagOf(sent.header(Header.from)), headers: `Event: presence\r\nExpires: ${String(seconds)}\r\n` });
      return (await phone.ask(text.replace("To: <X>", `To: ${final.header(Header.to) ?? ""}`))).final.status;
    };
  };

  expect((await alice.register("Expires: 3600\r\n", "alice@registers")).status).toBe(200);
  const first = await publish("before");
  await say("api before");
  const bobs = await watch(bob);
  const before = await stateOf(server);
  expect(before).toEqual({ registered: [alice.aor], notes: ["before"], api: ["api before"], watched: [`${bob.aor} ${alice.aor}`] });

  const file = join(server.folder, "copy.backup");
  const saved = await server.command("backup", file);
  expect([saved.code, saved.out]).toEqual([0, expect.stringMatching(/copy\.backup: \d+ records\n$/)]);
  expect((await server.command("backup", file)).code, "an old backup is not overwritten").toBe(2);

  // What changes afterwards.
  await publish("after", `SIP-If-Match: ${first}\r\n`);
  await say("api after");
  expect((await alice.register("Expires: 0\r\n", "alice@registers", 20)).status).toBe(200);
  expect((await carol.register("Expires: 3600\r\n")).status).toBe(200);
  expect(await bobs(0)).toBe(200);
  const carols = await watch(carol);
  const after = await stateOf(server);
  expect(after).toEqual({ registered: [carol.aor], notes: ["after"], api: ["api after"], watched: [`${carol.aor} ${alice.aor}`] });

  // Nothing is restored by mistake, nor from what is damaged.
  const unsure = await server.command("restore", file);
  expect([unsure.code, unsure.err]).toEqual([2, expect.stringContaining("--overwrite")]);
  const damaged = join(server.folder, "damaged.backup");
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(damaged, bytes);
  expect((await server.command("restore", damaged, "--overwrite")).code).toBe(1);
  writeFileSync(damaged, bytes.subarray(0, bytes.length >> 1));
  expect((await server.command("restore", damaged, "--overwrite")).code).toBe(1);
  expect(await stateOf(server)).toEqual(after);

  const restored = await server.command("restore", file, "--overwrite");
  expect([restored.code, restored.out], restored.err).toEqual([0, expect.stringMatching(/^\d+ records restored/)]);
  const data = join(server.folder, "data");
  await eventually(
    async () => ((await fetch(`${server.web}/healthz`).catch(() => null))?.status === 200 && (await stateOf(server).catch(() => null))?.notes[0] === "before" ? true : null),
    () => `the server is not back:\n${server.lines().slice(-20).join("\n")}`,
    { everyMs: 50, withinMs: 60_000 },
  );
  expect(await stateOf(server)).toEqual(before);
  expect(readdirSync(data).filter((name) => name.startsWith("store-before-restore-")).length).toBe(1);
  expect(readdirSync(data).filter((name) => name.startsWith("restore."))).toEqual([]);
  // Dialogs and entity tags of then live again, those from between do not.
  expect(await bobs(3600)).toBe(200);
  expect(await carols(3600)).toBe(481);
  await publish("again", `SIP-If-Match: ${first}\r\n`);
  // And what comes now outlives a crash as ever.
  await server.kill();
  await server.start();
  expect(await stateOf(server)).toEqual({ ...before, notes: ["again"] });
});
