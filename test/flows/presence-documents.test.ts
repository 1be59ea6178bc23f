import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import { Header } from "../../src/sip/header-name.ts";
import type { Message } from "../../src/sip/message.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { samples } from "../documents/samples.ts";
import { talk } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";
import { notifies, watch, watcher } from "./watching.ts";

let stage: Stage;
const bodies = new Map<string, string>();
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await stage.stop();
});

const PERSON = aorOf("102", DOMAIN);

async function publish(phone: Phone, body: string, headers = "Expires: 600\r\n"): Promise<Message> {
  const { final } = await phone.ask(phone.text("PUBLISH", `sip:102@${DOMAIN}`, { headers: `Event: presence\r\n${headers}${body === "" ? "" : "Content-Type: application/pidf+xml\r\n"}`, body }));
  expect(final.status, body).toBe(200);
  return final;
}

function kept(name: string, message: Message): string {
  bodies.set(`${name} ${bodies.size}`, message.body);
  return message.body;
}

/** What Snom phones publish: the old vocabulary in the status, the note beside it. */
const snom = (word: string): string =>
  `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="pres:102@${DOMAIN}">` +
  `<tuple id="102"><status><basic>open</basic><im:im>${word}</im:im></status><note>${word}</note></tuple><note>${word}</note></presence>`;

describe("what an old phone publishes in the im: vocabulary, watchers get as RPID", () => {
  test.each([
    ["Online", null, "open"],
    ["Away", "away", "open"],
    ["Busy", "busy", "open"],
    ["Lunch", "meal", "open"],
    ["Be right back", "away", "open"],
    ["On the phone", "on-the-phone", "open"],
    ["Do not disturb", "busy", "open"],
    ["Out to lunch", "meal", "open"],
    ["Meeting", "meeting", "open"],
    ["Holiday", "vacation", "open"],
    ["Offline", null, "closed"],
    ["Feeding the cat", "other", "open"],
  ])("%s", async (word, activity, basic) => {
    const [phone, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
    const one = await watch(carol, "102", "presence");
    await publish(phone, snom(word));
    const body = kept(word, await one.next());
    const parsed = parsePidf(body);
    expect(body).not.toContain("im:im");
    expect([parsed.tuples.length, parsed.persons.length]).toEqual([1, 1]);
    expect(parsed.persons[0]?.activities.map(({ name }) => name)).toEqual(activity === null ? [] : [activity]);
    expect([parsed.tuples[0]?.basic, parsed.notes]).toEqual([basic, [word]]);
    // The same body again, with the tag, is a refresh: nobody is told.
    const before = notifies(carol);
    await publish(phone, snom(word));
    await carol.register();
    expect(notifies(carol)).toBe(before);
  });
});

test("with im_to_rpid off the old status passes through, but for phones that a rule of the operator's names", async () => {
  const kind = await Stage.start({ yaml: 'presence: { im_to_rpid: false }\nphones:\n  - { match: "^Acme", publish: im }\n' });
  try {
    const carol = await watcher(kind, "103");
    const one = await watch(carol, "102", "presence");
    await publish(await watcher(kind, "102", "udp", "snomD785/10.1"), snom("Lunch"));
    // The phone's registration is news too.
    let message = await one.next();
    while (!message.body.includes("Lunch")) message = await one.next();
    expect(message.body).toMatch(/<im:im [^>]*>Lunch<\/im:im>/);
    expect(message.body).not.toContain("rpid:meal");
    await publish(await watcher(kind, "102", "udp", "Acme/1"), snom("Busy"));
    expect((await one.next()).body).toContain("<rpid:busy/>");
  } finally {
    await kind.stop();
  }
});

const WATCHERS = [
  ["yealink", "Yealink SIP-T46S 66.86", "application/pidf+xml"],
  ["polycom", "PolycomVVX-VVX_410-UA/5.9", "application/xpidf+xml"],
  ["snom-old", "snom300/7.3.30", "application/pidf+xml"],
  ["digium", "Digium D70 2_9_21", "application/pidf+xml"],
] as const;

describe.each(WATCHERS)("a watcher on a %s phone", (profile, userAgent, contentType) => {
  test("sees every state of the table in its own form, one NOTIFY a change", async () => {
    const phone = await watcher(stage, "102");
    const carol = await watcher(stage, "103", "udp", userAgent);
    const one = await watch(carol, "102", "presence");
    const states: readonly (readonly [string, () => unknown, string, string])[] = [
      ["away", () => stage.server.spoken.choose(PERSON, { activities: [{ name: "away" }] }), "rpid:away", 'substatus="away"'],
      ["vacation", () => stage.server.spoken.choose(PERSON, { activities: [{ name: "vacation" }] }), "rpid:vacation", 'substatus="away"'],
      ["meeting", () => stage.server.spoken.choose(PERSON, { activities: [{ name: "meeting", from: Date.UTC(2026, 10, 20, 14), until: Date.UTC(2026, 10, 20, 15) }] }), 'until="2026-11-20T15:00:00Z"><rpid:meeting/>', 'substatus="busy"'],
      ["busy", () => stage.server.spoken.choose(PERSON, { activities: [{ name: "busy" }] }), "rpid:busy", 'status="inuse"'],
      ["do-not-disturb", () => { stage.server.spoken.takeBack(PERSON); stage.server.spoken.set(PERSON, true); }, "Do not disturb", 'substatus="busy"'],
      ["available", () => stage.server.spoken.set(PERSON, false), "Available", 'substatus="online"'],
      ["offline", () => phone.register("Expires: 0\r\n"), "<basic>closed</basic>", 'status status="closed"'],
    ];
    const seen = [one.notify];
    for (const [state, bring, inPidf, inXpidf] of states) {
      // XPIDF has one word for both: what looks the same is not sent again.
      if (profile === "polycom" && (state === "vacation" || state === "busy")) {
        const before = notifies(carol);
        await bring();
        await carol.register();
        expect(notifies(carol), state).toBe(before);
        continue;
      }
      await bring();
      // Taking back an override and switching do-not-disturb on are two changes: the state between them is seen too.
      let message = await one.next();
      const wanted = profile === "polycom" ? inXpidf : inPidf;
      if (!message.body.includes(wanted)) message = await one.next();
      expect(message.body, state).toContain(wanted);
      seen.push(message);
    }
    for (const message of seen) {
      expect(message.header(Header.contentType)).toBe(contentType);
      expect(message.body).toContain(`sip:102@${DOMAIN}`);
      if (profile === "snom-old") expect(message.body).toMatch(/<im:im [^>]*>[A-Z]/);
      else expect(message.body).not.toContain("<im:im");
      expect(message.body.includes("<digium_presence")).toBe(profile === "digium");
      if (profile !== "polycom") kept(profile, message);
    }
  });

  test("sees a call as on the phone, on hold, and over", async () => {
    const [alice, bob] = [await watcher(stage, "101"), await watcher(stage, "102")];
    const carol = await watcher(stage, "103", "udp", userAgent);
    const one = await watch(carol, "102", "presence");
    const call = await talk(alice, bob, `sip:102@${DOMAIN}`);
    let message = await one.next();
    while (message.body.includes("Ringing")) message = await one.next();
    expect(message.body).toContain(profile === "polycom" ? 'substatus="onthephone"' : "<rpid:on-the-phone/>");
    alice.send(alice.within(call.mine, "BYE"));
    bob.send(bob.answer(await bob.request("BYE"), 200, "OK"));
    expect((await one.next()).body).toContain(profile === "polycom" ? 'substatus="online"' : "Available");
  });
});

test("an Accept header that names one form alone is followed, whatever the phone's profile prefers", async () => {
  await watcher(stage, "102");
  const polycom = await watcher(stage, "103", "udp", "PolycomVVX-VVX_410-UA/5.9");
  expect((await watch(polycom, "102", "presence", "Expires: 0\r\nAccept: application/pidf+xml\r\n")).notify.header(Header.contentType)).toBe("application/pidf+xml");
  const other = await watcher(stage, "104", "udp", "Other/1");
  expect((await watch(other, "102", "presence", "Expires: 0\r\nAccept: application/xpidf+xml\r\n")).notify.header(Header.contentType)).toBe("application/xpidf+xml");
  expect((await watch(other, "102", "presence", "Expires: 0\r\nAccept: application/xpidf+xml, application/pidf+xml\r\n")).notify.header(Header.contentType)).toBe("application/pidf+xml");
});

test("contact information that is published goes on to watchers, and addresses that are none do not", async () => {
  const [phone, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const one = await watch(carol, "102", "presence");
  await publish(phone, `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:c="urn:ietf:params:xml:ns:pidf:cipid" entity="sip:102@${DOMAIN}"><tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><c:display-name>Bob &amp; Co</c:display-name><c:homepage>https://example.test/~bob</c:homepage><c:icon>javascript:alert(1)</c:icon></dm:person></presence>`);
  const body = kept("cipid", await one.next());
  expect(body).toContain('<c:display-name xmlns:c="urn:ietf:params:xml:ns:pidf:cipid">Bob &amp; Co</c:display-name>');
  expect(body).toContain(">https://example.test/~bob</c:homepage>");
  expect(body).not.toContain("javascript");
});

test("what real programs publish is taken, and each gives watchers one tuple and one person", async () => {
  const [phone, carol] = [await watcher(stage, "102"), await watcher(stage, "103")];
  const one = await watch(carol, "102", "presence");
  const real = [...samples].filter(([name]) => name.includes("-publish-pidf"));
  expect(real.length).toBeGreaterThan(5);
  for (const [name, body] of real) {
    const { headers } = { headers: await publish(phone, body) };
    expect((await publish(phone, "", `SIP-If-Match: ${headers.header(Header.sipEtag) ?? ""}\r\nExpires: 0\r\n`)).status, name).toBe(200);
  }
  for (const message of carol.received.filter((request) => request.isRequest && request.method === "NOTIFY")) {
    const parsed = parsePidf(kept("real", message));
    expect([parsed.tuples.length, parsed.persons.length]).toEqual([1, 1]);
  }
  expect(one.final.status).toBe(200);
});

describe("every body that was written here", () => {
  test.skipIf(skipsWithoutXmllint)("validates against the schemas, but for Digium's own element", () => {
    expect(bodies.size).toBeGreaterThan(30);
    expect([...schemaMistakes(new Map([...bodies].map(([name, body]) => [name, body.replace(/<digium_presence.*?<\/digium_presence>/, "")])))]).toEqual([]);
  });
});
