import { afterEach, describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { tagOf } from "../../src/sip/name-addr.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite } from "./calling.ts";
import { KnownList, shownList } from "./listing.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage | null = null;
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => String(101 + at));

/** A directory of so many people, and a list of all of them. */
function office(count: number, more = ""): string {
  return `users:\n${ids(Math.max(count, 5)).map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}lists:\n  - { id: desk, name: Desk, members: [${ids(count).map((id) => `"${id}"`).join(", ")}] }\n${more}`;
}

/** Subscribes to a list with a phone that answers every NOTIFY; what it knows grows in `list`. */
async function subscribe(phone: Phone, event: string, uri = `sip:desk@${DOMAIN}`): Promise<{ final: Message; list: KnownList; seen: Message[] }> {
  const list = new KnownList();
  const seen: Message[] = [];
  phone.onRequest = (request) => {
    if (request.method !== "NOTIFY") return null;
    if (request.body !== "") list.take(request);
    seen.push(request);
    return phone.answer(request, 200, "OK", { contact: false });
  };
  const { final } = await phone.ask(phone.text("SUBSCRIBE", uri, { headers: `Event: ${event}\r\nExpires: 600\r\nSupported: eventlist\r\nAccept: multipart/related, application/rlmi+xml, application/dialog-info+xml, application/pidf+xml\r\n` }));
  return { final, list, seen };
}

describe.each(["udp", "tcp"] as const)("a list over %s", (protocol) => {
  test.each([1, 60, 500])("of %i members shows everyone, then what changes", async (count) => {
    stage = await Stage.start({ people: office(count) });
    const phone = await stage.phone("101", protocol);
    expect((await phone.register()).status).toBe(200);
    const { final, list, seen } = await subscribe(phone, "dialog");
    expect([final.status, final.header(Header.require), tagOf(final.header(Header.to)) !== ""]).toEqual([200, "eventlist", true]);
    await phone.wait("everyone", () => list.known.size === count && [...list.known.values()].every((body) => body.includes("terminated")));
    expect(seen.every((notify) => notify.header(Header.require) === "eventlist")).toBe(true);
    expect(seen.slice(0, 1).map((notify) => shownList(notify).isFull)).toEqual([true]);
    if (!skipsWithoutXmllint) expect(schemaMistakes(new Map(seen.slice(0, 3).flatMap((notify, at) => [[`rlmi ${String(at)}`, shownList(notify).rlmi] as const, ...shownList(notify).documents.slice(0, 3).map((body, index) => [`part ${String(at)}.${String(index)}`, body] as const)])))).toEqual([]);
    if (protocol === "udp") expect(Math.max(...seen.map((notify) => notify.text.length)), seen.map((notify) => notify.text).sort((a, b) => b.length - a.length)[0]).toBeLessThanOrEqual(1472);
    else expect(Math.max(...seen.map((notify) => notify.body.length))).toBeLessThanOrEqual(66_000);

    // With one member it is the watcher himself who is called.
    const last = count === 1 ? "101" : "102";
    const bob = await stage.phone(last);
    await bob.register();
    const before = seen.length;
    const carol = await stage.phone("103");
    await carol.register();
    const sent = await invite(carol, `sip:${last}@${DOMAIN}`);
    const got = await bob.request("INVITE");
    bob.send(bob.answer(got, 180, "Ringing", { tag: "b" }));
    const ringing = await phone.request("NOTIFY", (m) => m.body.includes("<state>early</state>") && m.body.includes(`entity="sip:${last}@${DOMAIN}"`));
    const shown = shownList(ringing);
    expect(shown.isFull).toBe(false);
    expect(shown.resources.length).toBeLessThanOrEqual(2);
    expect(seen.length - before).toBeLessThanOrEqual(4);
    await carol.response("INVITE", 180);
    carol.send(carol.cancelOf(sent));
  });
});
