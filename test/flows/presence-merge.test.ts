import { afterEach, describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { seededRandom } from "../../src/base/random.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { invite, talk, type Talk } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

let stage: Stage;
const bodies = new Map<string, string>();

async function begin(presence = ""): Promise<void> {
  stage = await Stage.start({ yaml: presence === "" ? "" : `presence: { ${presence} }\n` });
}
afterEach(async () => {
  await stage.stop();
});

const BOB = aorOf("102", DOMAIN);

/** A calendar as an adapter will be: it says what it knows by the port that all sources use. */
function calendar(minutes: number, more: Partial<SourceReport> = {}): void {
  const now = stage.server.now();
  stage.server.presence.report({
    source: "calendar", presentity: BOB, key: "exchange", kind: "calendar", activities: [{ name: "meeting", from: now, until: now + minutes * 60_000 }],
    publishedAt: now, from: now, until: now + minutes * 60_000, ...more,
  });
}

const pidf = (note: string, activity: string, basic = "open", id = "t"): string =>
  `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="${BOB}">` +
  `<tuple id="${id}"><status><basic>${basic}</basic></status></tuple><dm:person id="p${id}"><r:activities>${activity === "" ? "" : `<r:${activity}/>`}</r:activities><dm:note>${note}</dm:note></dm:person></presence>`;

/** A PUBLISH; the entity tag of its answer. */
async function publish(phone: Phone, body: string, etag = "", expires = 600): Promise<string> {
  const headers = `Event: presence\r\nExpires: ${expires}\r\n${etag === "" ? "" : `SIP-If-Match: ${etag}\r\n`}${body === "" ? "" : "Content-Type: application/pidf+xml\r\n"}`;
  const { final } = await phone.ask(phone.text("PUBLISH", BOB, { headers, body }));
  expect(final.status).toBe(200);
  return final.header(Header.sipEtag) ?? "";
}

/** `open [meeting] In a meeting`. */
function inShort(message: Message): string {
  bodies.set(`${bodies.size}`, message.body);
  const { tuples, persons, notes, entity } = parsePidf(message.body);
  expect([tuples.length, persons.length], message.body).toEqual([1, 1]);
  expect([entity, tuples[0]?.contact]).toEqual([BOB, BOB]);
  return `${tuples[0]?.basic ?? ""} [${persons[0]?.activities.map(({ name }) => name).join(" ") ?? ""}] ${notes.join()}`;
}

async function hangUp(from: Phone, to: Phone, { mine }: Talk): Promise<void> {
  from.send(from.within(mine, "BYE"));
  to.send(to.answer(await to.request("BYE"), 200, "OK"));
}

test("the whole ladder over real sockets: each rank gives way to the one above it and comes back, one NOTIFY a change", async () => {
  await begin();
  const [bob, carol, alice] = [await watcher(stage, "102"), await watcher(stage, "103"), await watcher(stage, "101")];
  const { notify, next, final } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [] Available");
  await publish(bob, pidf("Gone fishing", "away"));
  expect(inShort(await next())).toBe("open [away] Gone fishing");
  calendar(30);
  expect(inShort(await next())).toBe("open [meeting] In a meeting");
  stage.server.spoken.set(BOB, true);
  expect(inShort(await next())).toBe("open [busy] Do not disturb");
  stage.server.spoken.choose(BOB, { activities: [{ name: "working" }], note: "Writing" });
  expect(inShort(await next())).toBe("open [working] Writing");
  const call = await talk(alice, bob, `sip:102@${DOMAIN}`);
  expect(inShort(await next())).toBe("open [on-the-phone] On the phone");
  await publish(bob, pidf("Nobody sees this", "meal"));
  await hangUp(alice, bob, call);
  expect(inShort(await next())).toBe("open [working] Writing");
  stage.server.spoken.takeBack(BOB, "override");
  expect(inShort(await next())).toBe("open [busy] Do not disturb");
  stage.server.spoken.set(BOB, false);
  expect(inShort(await next())).toBe("open [meeting] In a meeting");
  stage.server.presence.withdraw("calendar", BOB, "exchange");
  expect(inShort(await next())).toBe("open [meal] Nobody sees this");
  expect(notifies(carol, final.callId)).toBe(10);
});

test("the newest publication wins, and neither refresh makes one newer: without a body, or with the same body as Snom sends it", async () => {
  await begin();
  const [bob, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const desk = await publish(bob, pidf("At the desk", "working"));
  const { notify, next, final } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [working] At the desk");
  const mobile = await publish(bob, pidf("On the way", "in-transit"));
  expect(inShort(await next())).toBe("open [in-transit] On the way");
  const refreshed = await publish(bob, "", desk);
  const again = await publish(bob, pidf("At the desk", "working", "open", "other-ids"), refreshed);
  await publish(bob, pidf("Arrived", "meeting"), mobile);
  expect(inShort(await next()), "the two refreshes were no news").toBe("open [meeting] Arrived");
  await publish(bob, pidf("Back at the desk", "working"), again);
  expect(inShort(await next())).toBe("open [working] Back at the desk");
  expect(notifies(carol, final.callId)).toBe(4);
});

test.each([
  ["primary_source: calendar", "open [meeting] In a meeting"],
  ["primary_source: publish", "open [away] Away"],
  ["primary_source: api", "open [meal] Canteen"],
  ["primary_source: none", "open [meal] Canteen"],
])("%s: of one situation another source wins", async (setting, expected) => {
  await begin(setting);
  const bob = await watcher(stage, "102");
  await publish(bob, pidf("Away", "away"));
  calendar(30, { publishedAt: stage.server.now() - 1000 });
  stage.server.spoken.say(BOB, "api", { activities: [{ name: "meal" }], note: "Canteen" });
  const carol = await watcher(stage, "103");
  expect(inShort((await watch(carol, "102", "presence")).notify)).toBe(expected);
});

test.each([
  ["early: ringing", "open [on-the-phone] Ringing"],
  ["early: busy", "open [busy] Busy"],
  ["early: ignore", "open [] Available"],
])("%s", async (setting, expected) => {
  await begin(setting);
  const [bob, alice, carol] = [await watcher(stage, "102"), await watcher(stage, "101"), await watcher(stage, "103")];
  await invite(alice, `sip:102@${DOMAIN}`);
  bob.send(bob.answer(await bob.request("INVITE"), 180, "Ringing", { tag: "b" }));
  await alice.response("INVITE", 180);
  expect(inShort((await watch(carol, "102", "presence")).notify)).toBe(expected);
});

test.each([
  ["basic_from: reachability", "closed [meeting] In a meeting", "open [meeting] In a meeting"],
  ["basic_from: winner", "closed [meeting] In a meeting", "closed [meeting] In a meeting"],
])("%s: a meeting of someone without and with a phone", async (setting, without, withPhone) => {
  await begin(setting);
  const carol = await watcher(stage, "103");
  calendar(30, { basic: "closed" });
  const { notify } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe(without);
  await watcher(stage, "102");
  expect(inShort((await watch(carol, "102", "presence")).notify)).toBe(withPhone);
});

test("a choice ends with the meeting it was made in, and a calendar that has gone silent says nothing", async () => {
  await begin();
  const [, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const now = stage.server.now();
  calendar(30, { from: now - 60_000, until: now + 400 });
  stage.server.spoken.choose(BOB, { activities: [{ name: "presentation" }] });
  const { notify, next } = await watch(carol, "102", "presence");
  expect(inShort(notify)).toBe("open [presentation] Presentation");
  expect(inShort(await next()), "both ended at the boundary").toBe("open [] Available");
  calendar(30);
  expect(inShort(await next()), "the choice stays ended").toBe("open [meeting] In a meeting");
  calendar(30, { silence: "the last 3 polls failed" });
  expect(inShort(await next())).toBe("open [] Available");
  expect(stage.server.presence.why(BOB).inputs.find(({ report }) => report.source === "calendar")).toMatchObject({ rank: null, reason: "Silent: the last 3 polls failed. What it said before no longer counts." });
});

test("merge: false gives every source's tuple in one document", async () => {
  await begin("merge: false");
  const [bob, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const { next } = await watch(carol, "102", "presence");
  await publish(bob, pidf("One", "away"));
  await next();
  await publish(bob, pidf("Two", "busy"));
  const { body } = await next();
  bodies.set("aggregate", body);
  const { tuples, persons } = parsePidf(body);
  expect(tuples).toHaveLength(3);
  expect(persons.map(({ activities, notes }) => `${activities[0]?.name ?? ""} ${notes.join()}`)).toEqual(["busy Two", "away One"]);
  expect(new Set([...tuples, ...persons].map(({ id }) => id)).size).toBe(5);
});

test("notify_interval: the first change is told at once, of those that follow the last alone", async () => {
  await begin("notify_interval: 1s");
  const [bob, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const { next, final } = await watch(carol, "102", "presence");
  const from = performance.now();
  let etag = "";
  for (const note of ["One", "Two", "Three", "Four"]) etag = await publish(bob, pidf(note, "away"), etag);
  expect(inShort(await next())).toBe("open [away] One");
  expect(inShort(await next())).toBe("open [away] Four");
  expect(performance.now() - from).toBeGreaterThan(950);
  expect(notifies(carol, final.callId)).toBe(3);
});

test("whatever happens, each watcher is told of every change once, of nothing else, and knows the truth at rest", async () => {
  await begin();
  const [bob, carol, alice] = [await watcher(stage, "102"), await watcher(stage, "103"), await watcher(stage, "101")];
  const { notify, final } = await watch(carol, "102", "presence");
  let last = inShort(notify);
  const seed = Math.floor(Math.random() * 1e9);
  const random = seededRandom(seed);
  const etags: string[] = [];
  let call: Talk | null = null;
  for (let step = 0; step < 40; step++) {
    switch (random.below(7)) {
      case 0:
        etags.push(await publish(bob, pidf(`Note ${random.below(3)}`, ["away", "meal", ""][random.below(3)] ?? "", random.below(4) === 0 ? "closed" : "open")));
        break;
      case 1: {
        const etag = etags.shift();
        if (etag !== undefined) etags.push(await publish(bob, "", etag));
        break;
      }
      case 2: {
        const etag = etags.pop();
        if (etag !== undefined) await publish(bob, "", etag, 0);
        break;
      }
      case 3:
        stage.server.spoken.set(BOB, random.below(2) === 0);
        break;
      case 4:
        if (random.below(2) === 0) stage.server.spoken.takeBack(BOB);
        else stage.server.spoken.choose(BOB, { activities: [{ name: "working" }] });
        break;
      case 5:
        if (call === null) call = await talk(alice, bob, `sip:102@${DOMAIN}`);
        else {
          await hangUp(alice, bob, call);
          call = null;
        }
        break;
      default:
        if (random.below(2) === 0) calendar(30);
        else stage.server.presence.withdraw("calendar", BOB, "exchange");
    }
  }
  const truth = stage.server.presence.status(BOB);
  const told = (): readonly Message[] => carol.received.filter((message) => message.isRequest && message.method === "NOTIFY" && message.callId === final.callId);
  const lastTold = (): string => inShort(told().at(-1) ?? notify);
  await expect.poll(lastTold, { message: `seed ${seed}` }).toBe(`${truth.basic} [${truth.activities.map(({ name }) => name).join(" ")}] ${truth.note}`);
  for (const message of told().slice(1)) {
    const now = inShort(message);
    expect(now, `seed ${seed}: told of no change`).not.toBe(last);
    last = now;
  }
});

describe("every document that was told here", () => {
  test.skipIf(skipsWithoutXmllint)("is valid by the schemas", async () => {
    await begin();
    expect(bodies.size).toBeGreaterThan(10);
    expect(schemaMistakes(bodies)).toEqual([]);
  });
});
