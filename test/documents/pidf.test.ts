import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { parsePidf, renderPidf, type PidfState } from "../../src/documents/pidf.ts";
import { ACTIVITY_NAMES, type Activity } from "../../src/documents/rpid.ts";
import { golden } from "./golden.ts";
import { samples } from "./samples.ts";
import { schemaMistakes, skipsWithoutXmllint } from "./xmllint.ts";

const since = Date.UTC(2026, 10, 20, 14, 3, 7);
const hour = { from: Date.UTC(2026, 10, 20, 14), until: Date.UTC(2026, 10, 20, 15) };
const state = (basic: "open" | "closed", note: string, ...activities: Activity[]): PidfState => ({ basic, note, activities, since });

/** The table of golden documents, presence. */
const states: readonly (readonly [string, PidfState])[] = [
  ["available", state("open", "Available")],
  ["on-the-phone", state("open", "On the phone", { name: "on-the-phone" })],
  ["ringing", state("open", "Ringing", { name: "on-the-phone" })],
  ["hold", state("open", "On hold", { name: "on-the-phone" })],
  ["away", state("open", "Away", { name: "away" })],
  ["busy", state("open", "Busy", { name: "busy" })],
  ["do-not-disturb", state("open", "Do not disturb", { name: "busy" })],
  ["meeting", state("open", "In a meeting", { name: "meeting", ...hour })],
  ["meeting-unregistered", state("closed", "In a meeting", { name: "meeting", ...hour })],
  ["vacation", state("open", "Out of office", { name: "vacation" })],
  ["offline", state("closed", "Offline")],
];

const presence = (inside: string, attributes = ""): string =>
  `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"` +
  ` entity="sip:101@d"${attributes}>${inside}</presence>`;

describe("renderPidf", () => {
  test.each(states)("writes %s as the golden document", (name, value) => {
    expect(renderPidf(value, "sip:2101@tel.beip.be")).toBe(golden(`presence-${name}`));
  });

  test("names the presentity by the watcher's URI in entity and contact", () => {
    const parsed = parsePidf(renderPidf(state("open", "x"), "sips:a%20b&c@192.0.2.1:5061"));
    expect([parsed.entity, parsed.tuples[0]?.contact]).toEqual(["sips:a%20b&c@192.0.2.1:5061", "sips:a%20b&c@192.0.2.1:5061"]);
  });

  test("leaves out an empty note and an unknown time", () => {
    const body = renderPidf({ basic: "closed", activities: [], note: "", since: 0 }, "sip:101@d");
    expect(body).not.toMatch(/note|timestamp|activities/);
  });

  test("activities with different spans stand in elements of their own", () => {
    const body = renderPidf(state("open", "", { name: "meeting", ...hour }, { name: "travel", ...hour }, { name: "away" }), "sip:101@d");
    expect(body.match(/<rpid:activities[^>]*>.*?<\/rpid:activities>/g)).toEqual([
      '<rpid:activities from="2026-11-20T14:00:00Z" until="2026-11-20T15:00:00Z"><rpid:meeting/><rpid:travel/></rpid:activities>',
      "<rpid:activities><rpid:away/></rpid:activities>",
    ]);
  });

  test("an old im: status stands in the tuple's status", () => {
    expect(renderPidf({ ...state("open", "Lunch"), im: "Lunch" }, "sip:101@d")).toContain(
      '<status><basic>open</basic><im:im xmlns:im="urn:ietf:params:xml:ns:pidf:im">Lunch</im:im></status>',
    );
  });
});

const uris = fc.oneof(
  fc.constantFrom("sip:101@d", "sips:alice@tel.example.test", "sip:tel.example.test", "sip:+32-2.333@192.0.2.1:5060", "tel:+3223331111", "sip:100%@d", "sip:a%zz@d"),
  fc.stringMatching(/^[A-Za-z0-9\-_.!~*#\[\]'()&=+$,;?/%"<>é ]{1,20}$/).map((user) => `sip:${user}@d.test`),
);
const anyState: fc.Arbitrary<PidfState> = fc.record({
  basic: fc.constantFrom("open" as const, "closed" as const),
  note: fc.string({ unit: "binary", maxLength: 40 }),
  since: fc.oneof(fc.constant(0), fc.integer({ min: -1e12, max: 1e15 })),
  activities: fc.array(
    fc.record(
      { name: fc.constantFrom(...ACTIVITY_NAMES), from: fc.integer({ min: 0, max: 4e12 }), until: fc.integer({ min: 0, max: 4e12 }), text: fc.string({ unit: "binary", maxLength: 20 }) },
      { requiredKeys: ["name"] },
    ),
    { maxLength: 4 },
  ),
});

describe.skipIf(skipsWithoutXmllint)("the schemas of RFC 3863, 4479 and 4480", () => {
  test("accept every golden presence document", () => {
    expect(schemaMistakes(new Map(states.map(([name]) => [name, golden(`presence-${name}`)])))).toEqual([]);
  });

  test("accept 500 made-up states under made-up addresses", () => {
    const made = fc.sample(fc.tuple(anyState, uris), { numRuns: 500, seed: 4479 });
    const documents = new Map(made.map(([value, uri], index) => [`state ${index} of ${uri}`, renderPidf({ ...value, ...(index % 5 === 0 ? { im: value.note } : {}) }, uri)]));
    expect(schemaMistakes(documents)).toEqual([]);
  });

  test("refuse a document in the wrong order, so that this check checks", () => {
    expect(schemaMistakes(new Map([["wrong", presence('<dm:person id="p1"/><tuple id="t1"><status/></tuple>')]]))).not.toEqual([]);
  });
});

test("what is written is read back: one tuple, one person, the same state (seed 3863)", () => {
  fc.assert(
    fc.property(anyState, uris, (value, uri) => {
      const parsed = parsePidf(renderPidf(value, uri));
      expect(parsed.tuples.map((tuple) => tuple.basic)).toEqual([value.basic]);
      expect(parsed.persons).toHaveLength(1);
      const names = value.activities.map((activity) => activity.name);
      const written = names.every((name) => name === "unknown") ? [...new Set(names)] : names.filter((name) => name !== "unknown");
      if (!value.activities.some((activity) => activity.name === "unknown")) expect(parsed.persons[0]?.activities.map((activity) => activity.name)).toEqual(written);
      expect(parsed.persons[0]?.notes[0]).toBe(parsed.notes[0]);
    }),
    { seed: 3863, numRuns: 300 },
  );
});

describe("parsePidf", () => {
  const pidf = [...samples].filter(([name]) => name.includes("-pidf"));
  test.each(pidf)("reads %s", (_, body) => {
    const parsed = parsePidf(body);
    expect(parsed.entity).toMatch(/^sip:100[12]@127\.0\.0\.1/);
    expect(parsed.tuples).toHaveLength(1);
    expect(parsed.tuples[0]?.basic).toMatch(/^(open|closed)$/);
  });

  test("baresip: a person before the tuple, with nothing to do", () => {
    const parsed = parsePidf(samples.get("01-baresip-v1.0.0-publish-pidf.xml") ?? "");
    expect(parsed.persons).toEqual([{ id: "p4159", activities: [], notes: [] }]);
    expect(parsed.tuples).toEqual([{ id: "t4109", basic: "open", contact: "sip:1001@127.0.0.1:5060", priority: 0, notes: [], activities: [] }]);
  });

  test("linphone: a priority, a timestamp, an element of its own that is skipped", () => {
    const parsed = parsePidf(samples.get("13-linphonec-5.1.65-publish-pidf.xml") ?? "");
    expect(parsed.tuples[0]).toMatchObject({ basic: "open", priority: 0.8, timestamp: Date.UTC(2026, 10, 20, 23, 9, 14) });
  });

  test("pjsua: notes of tuple and person, an activity", () => {
    const name = [...samples.keys()].find((key) => key.startsWith("27-")) ?? "";
    const parsed = parsePidf(samples.get(name) ?? "");
    expect(parsed.tuples[0]?.notes).toEqual(["On the phone"]);
    expect(parsed.persons[0]).toMatchObject({ activities: [{ name: "busy" }], notes: ["On the phone"] });
  });

  test("Snom: the old im: status and the note that says it again", () => {
    const parsed = parsePidf(
      '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" entity="pres:431@d">' +
        '<tuple id="s1"><status><basic>open</basic><im:im>Lunch</im:im></status><note>Lunch</note></tuple></presence>',
    );
    expect(parsed.tuples[0]).toMatchObject({ basic: "open", im: "Lunch", notes: ["Lunch"] });
  });

  test("eyeBeam: activities in a person's status, in the namespace of a draft", () => {
    const parsed = parsePidf(
      '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:ep="urn:ietf:params:xml:ns:pidf:rpid:rpid-person" entity="sip:1@d">' +
        '<tuple id="x"><status><basic>OPEN</basic></status></tuple><dm:person id="p"><dm:status><ep:activities><ep:away/></ep:activities></dm:status></dm:person></presence>',
    );
    expect([parsed.tuples[0]?.basic, parsed.persons[0]?.activities]).toEqual(["open", [{ name: "away" }]]);
  });

  test("several tuples, persons, devices and notes, in any order", () => {
    const parsed = parsePidf(
      presence(
        '<note>out</note><dm:device id="d1"><dm:deviceID>urn:x</dm:deviceID><dm:note>desk</dm:note></dm:device>' +
          '<dm:person id="p1"><dm:timestamp>2026-11-20T14:00:00Z</dm:timestamp><dm:note>one</dm:note><rpid:activities from="2026-11-20T15:00:00+01:00"><rpid:note>two</rpid:note><rpid:meeting/><rpid:other>golf</rpid:other></rpid:activities></dm:person>' +
          '<tuple id="t1"><status><basic>closed</basic></status></tuple><dm:person id="p2"/><tuple id="t2"><status/></tuple><note xml:lang="fr">sorti</note>',
      ),
    );
    const from = Date.UTC(2026, 10, 20, 14);
    expect(parsed.tuples.map((tuple) => [tuple.id, tuple.basic])).toEqual([["t1", "closed"], ["t2", undefined]]);
    expect(parsed.persons).toEqual([
      { id: "p1", activities: [{ name: "meeting", from }, { name: "other", from, text: "golf" }], notes: ["one", "two"], timestamp: from },
      { id: "p2", activities: [], notes: [] },
    ]);
    expect(parsed.devices).toEqual([{ id: "d1", deviceId: "urn:x", notes: ["desk"] }]);
    expect(parsed.notes).toEqual(["out", "sorti"]);
  });

  test("a note is told from another by its namespace, whatever the prefix", () => {
    const parsed = parsePidf(presence('<x:note xmlns:x="urn:other">no</x:note><y:note xmlns:y="urn:ietf:params:xml:ns:pidf">yes</y:note>'));
    expect(parsed.notes).toEqual(["yes"]);
  });

  test("contact information of RFC 4482 is found wherever it stands", () => {
    const parsed = parsePidf(presence('<tuple id="t"><status/><c:display-name xmlns:c="urn:ietf:params:xml:ns:pidf:cipid">Zo&#235;</c:display-name></tuple>'));
    expect([...parsed.cipid]).toEqual([["display-name", "Zoë"]]);
  });

  test("an activity that RPID does not know is other, named as it was written", () => {
    expect(parsePidf(presence('<dm:person id="p"><rpid:activities><rpid:dnd/></rpid:activities></dm:person>')).persons[0]?.activities).toEqual([{ name: "other", text: "dnd" }]);
  });

  test("an empty presence says nothing", () => {
    expect(parsePidf(presence(""))).toMatchObject({ entity: "sip:101@d", tuples: [], persons: [], devices: [], notes: [] });
  });

  test.each([["another document", "<dialog-info/>"], ["no XML", "open"], ["nothing", ""]])("refuses %s", (_, body) => {
    expect(() => parsePidf(body)).toThrow(ParseError);
  });
});
