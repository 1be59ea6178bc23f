import { afterEach, describe, expect, test } from "vitest";
import { parseAor } from "../../src/base/ids.ts";
import { Header } from "../../src/sip/header-name.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite } from "./calling.ts";
import { shownList } from "./listing.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

let stage: Stage | null = null;
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

/** 101 is watched; `rules` are his. */
const people = (rules: string): string =>
  `users:\n  - { id: "101", name: Alice, password: secret-101${rules === "" ? "" : `, ${rules}`} }\n${["102", "103", "104", "105"].map((id) => `  - { id: "${id}", name: Person ${id}, password: secret-${id} }\n`).join("")}` +
  'groups:\n  - { name: sales, members: ["101", "103"] }\nlists:\n  - { id: desk, members: ["101", "102"] }\n';

const EVENTS = ["presence", "dialog", "reg"] as const;
const LIST = "Expires: 600\r\nSupported: eventlist\r\n";

/** Takes over another directory, as SIGHUP does. */
function reload(on: Stage, rules: string): void {
  on.reload(people(rules));
}

async function refusedWith(phone: Phone, user: string, event: string, headers = "Expires: 600\r\n"): Promise<number> {
  return (await phone.ask(phone.text("SUBSCRIBE", `sip:${user}@${DOMAIN}`, { headers: `Event: ${event}\r\n${headers}` }))).final.status;
}

/** 104 calls 101, whose phone rings and answers, and hangs up. */
async function call(on: Stage): Promise<void> {
  const [dan, alice] = [await on.phone("104"), await on.phone("101")];
  await dan.register();
  await alice.register();
  const sent = await invite(dan, `sip:101@${DOMAIN}`);
  const got = await alice.request("INVITE");
  alice.send(alice.answer(got, 180, "Ringing", { tag: "a" }));
  alice.send(alice.answer(got, 200, "OK", { tag: "a" }));
  const dialog = dan.callerDialog(sent, await dan.response("INVITE", 200));
  dan.send(dan.within(dialog, "ACK"));
  await alice.request("ACK");
  dan.send(dan.within(dialog, "BYE"));
  alice.send(alice.answer(await alice.request("BYE"), 200, "OK"));
  await dan.response("BYE", 200);
  await alice.register("Expires: 0\r\n");
}

describe("somebody who is blocked", () => {
  test.each(EVENTS)("is refused %s, as a subscription and as a fetch", async (event) => {
    stage = await Stage.start({ people: people('watchers: { block: ["102"] }') });
    const bob = await watcher(stage, "102");
    expect(await refusedWith(bob, "101", event)).toBe(403);
    expect(await refusedWith(bob, "101", event, "Expires: 0\r\n")).toBe(403);
    const carol = await watcher(stage, "103");
    await watch(carol, "101", event);
  });

  test("within a list is shown the member as rejected, and hears nothing of him", async () => {
    stage = await Stage.start({ people: people('watchers: { block: ["102"] }') });
    const bob = await watcher(stage, "102", "tcp");
    const { notify } = await watch(bob, "desk", "dialog", LIST);
    const shown = shownList(notify).resources;
    expect(shown.map(({ uri, state, reason, body }) => [uri, state, reason, body === ""])).toEqual([[`sip:101@${DOMAIN}`, "terminated", "rejected", true], [`sip:102@${DOMAIN}`, "active", "", false]]);
    const before = notifies(bob);
    await call(stage);
    expect(notifies(bob)).toBe(before);
  });

  test("by a new rule has his subscriptions ended at once, in a list the member alone", async () => {
    stage = await Stage.start({ people: people("") });
    const bob = await watcher(stage, "102");
    const lamp = await watch(bob, "101", "dialog");
    const desk = await watch(bob, "desk", "dialog", LIST);
    reload(stage, "watchers: { allow: groups }");
    const end = await lamp.next();
    expect([end.header(Header.subscriptionState), end.body]).toEqual(["terminated;reason=rejected", ""]);
    const change = await desk.next();
    const [alice] = shownList(change).resources;
    expect([change.header(Header.subscriptionState)?.startsWith("active"), alice?.state, alice?.reason]).toEqual([true, "terminated", "rejected"]);
    reload(stage, "");
    expect(shownList(await desk.next()).resources[0]).toMatchObject({ state: "active" });
  });
});

describe("somebody who is politely blocked", () => {
  test.each([["presence", "<basic>closed</basic>"], ["dialog", "<state>terminated</state>"], ["reg", 'state="init"']] as const)("sees of %s what never changes, and no NOTIFY tells him that something does", async (event, always) => {
    stage = await Stage.start({ people: people('watchers: { polite_block: ["102"] }') });
    const bob = await watcher(stage, "102", "tcp");
    const one = await watch(bob, "101", event);
    expect(one.notify.body).toContain(always);
    const desk = await watch(bob, "desk", event, LIST);
    expect(shownList(desk.notify).resources[0]?.body).toContain(always);
    const before = notifies(bob);
    await call(stage);
    expect(notifies(bob)).toBe(before);
    await one.again("Expires: 600\r\n");
    const refreshed = await one.next();
    expect(refreshed.body.replace(/version="\d+"/, "")).toBe(one.notify.body.replace(/version="\d+"/, ""));
  });

  test("is answered as somebody is who watches one that is always offline", async () => {
    stage = await Stage.start({ people: people('watchers: { polite_block: ["102"] }') });
    const bob = await watcher(stage, "102");
    const polite = await watch(bob, "101", "presence");
    const offline = await watch(bob, "105", "presence");
    const plain = (text: string): string => text.replaceAll("105", "101").replace(/(tag=|branch=|Call-ID: |CSeq: |Contact: |To: |rport=)[^\r;]*/g, "$1");
    expect(plain(polite.notify.body)).toBe(plain(offline.notify.body));
    expect(plain(polite.final.text)).toBe(plain(offline.final.text));
  });

  test("by a new rule is told once that the person has gone offline, and again of the truth when the rule goes", async () => {
    stage = await Stage.start({ people: people("") });
    const alice = await stage.phone("101");
    await alice.register();
    const bob = await watcher(stage, "102");
    const lamp = await watch(bob, "101", "presence");
    expect(lamp.notify.body).toContain("open");
    reload(stage, 'watchers: { polite_block: ["102"] }');
    await bob.request("NOTIFY", ({ body }) => body.includes("<basic>closed"));
    reload(stage, "");
    await bob.request("NOTIFY", ({ body, cseq }) => body.includes("<basic>open") && cseq === lamp.notify.cseq + 2);
  });
});

test("a message lamp is its owner's, and that of those whom he names", async () => {
  stage = await Stage.start({ people: people('watchers: { messages: ["103"] }') });
  const [bob, carol, alice] = [await watcher(stage, "102"), await watcher(stage, "103"), await watcher(stage, "101")];
  expect(await refusedWith(bob, "101", "message-summary")).toBe(403);
  await watch(carol, "101", "message-summary");
  await watch(alice, "101", "message-summary");
});

test("who must ask waits without a word until he is allowed, and the watched sees him wait", async () => {
  stage = await Stage.start({ people: people("watchers: { allow: [sales], others: ask }") });
  const [alice, bob] = [await watcher(stage, "101"), await watcher(stage, "102")];
  const audience = await watch(alice, "101", "presence.winfo");
  expect(audience.notify.body).toContain('state="full"');
  const lamp = await watch(bob, "101", "presence");
  expect([lamp.notify.header(Header.subscriptionState)?.slice(0, 16), lamp.notify.body]).toEqual(["pending;expires=", ""]);
  const came = await audience.next();
  expect(came.body).toMatch(/state="partial"[\s\S]*<watcher id="\w+" status="pending" event="subscribe" expiration="\d+" display-name="Person 102">sip:102@/);
  reload(stage, "watchers: { allow: [sales, \"102\"], others: ask }");
  const allowed = await lamp.next();
  expect([allowed.header(Header.subscriptionState)?.slice(0, 15), allowed.body.includes("<basic>open</basic>")]).toEqual(["active;expires=", true]);
  const active = await audience.next();
  expect(active.body).toMatch(/state="partial"[\s\S]*status="active"/);
  await lamp.again("Expires: 0\r\n");
  const left = await audience.next();
  expect(left.body).toMatch(/state="partial"[\s\S]*status="terminated" event="timeout"/);
  expect([audience.notify, came, active, left].map(({ body }) => /version="(\d+)"/.exec(body)?.[1])).toEqual(["0", "1", "2", "3"]);
  if (!skipsWithoutXmllint) expect(schemaMistakes(new Map([audience.notify, came, active, left].map(({ body }, at) => [`winfo ${String(at)}`, body])))).toEqual([]);
});

test("nobody learns who watches another", async () => {
  stage = await Stage.start({ people: people("") });
  const bob = await watcher(stage, "102");
  for (const event of ["presence.winfo", "dialog.winfo"]) expect(await refusedWith(bob, "101", event)).toBe(403);
  expect(await refusedWith(bob, "desk", "presence.winfo", LIST)).toBe(489);
});

test("the rules hold for the API's readers who signed in as themselves, from the moment they change", async () => {
  stage = await Stage.start({ people: people('watchers: { block: ["102"], polite_block: ["103"] }') });
  const { viewOf } = await import("../../src/web-view.ts");
  const seenBy = (id: string): string => {
    const [viewer, alice] = [parseAor(`sip:${id}@${DOMAIN}`), stage?.server.directory.users()[0]];
    if (viewer === null || alice === undefined) throw new Error("nobody");
    return viewOf({ kind: "person", aor: viewer }, alice);
  };
  expect(["101", "102", "103", "104"].map(seenBy)).toEqual(["all", "none", "offline", "all"]);
  reload(stage, 'private: true, watchers: { block: ["104"] }');
  expect(["101", "102", "103", "104"].map(seenBy)).toEqual(["all", "state", "state", "none"]);
});
