import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePidf } from "../../src/documents/pidf.ts";
import { renderAggregate } from "../../src/documents/pidf-aggregate.ts";
import { aggregateOf } from "../../src/presence/aggregate.ts";
import { publicationReport } from "../../src/presence/publication.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { bob, calendar, call, noon, publication, registered } from "./reports.ts";

const NS = 'xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:im="urn:ietf:params:xml:ns:pidf:im"';
function published(key: string, inside: string, publishedAt: number, imToRpid = true): SourceReport {
  return publicationReport(parsePidf(`<presence ${NS} entity="${bob}">${inside}</presence>`), { presentity: bob, key, publishedAt, until: noon + 1000, imToRpid, keepsWritten: true });
}
const away = published("a1", '<tuple id="t"><status><basic>open</basic></status><contact>sip:2101@192.0.2.1</contact><note>Away</note></tuple><dm:person id="p"><r:activities><r:away/></r:activities></dm:person>', noon - 50);
const lunch = published("b2", '<tuple id="t"><status><basic>closed</basic><im:im>Lunch</im:im></status></tuple><tuple id="u"><status><basic>open</basic></status></tuple><note>Gone</note>', noon - 40);

describe("the classic aggregate", () => {
  test("every source has its own tuple and person, the newest first, with ids of their own", () => {
    const { tuples, persons, notes } = aggregateOf([registered(), away, lunch, calendar({ publishedAt: noon - 10 })], noon, "open");
    expect(tuples.map(({ id, basic }) => `${id} ${basic}`)).toEqual(["t-calendar-exchange open", "tb2 closed", "tb2-1 open", "ta1 open", "t-registration-binding-1 open"]);
    expect(tuples.find(({ id }) => id === "ta1")).toMatchObject({ contact: "sip:2101@192.0.2.1", notes: ["Away"] });
    expect(persons.map(({ activities }) => activities.map(({ name }) => name).join())).toEqual(["meeting", "meal", "away"]);
    expect(notes).toEqual(["Gone"]);
  });

  test("an old im: status is passed through only while it is not read as RPID", () => {
    const kept = published("b2", '<tuple id="t"><status><basic>open</basic><im:im>Lunch</im:im></status></tuple>', noon - 40, false);
    expect(aggregateOf([lunch], noon, "open").tuples[0]?.im).toBeUndefined();
    expect(aggregateOf([kept], noon, "open").tuples[0]?.im).toBe("Lunch");
  });

  test("what lapsed is gone, and nobody known is closed", () => {
    expect(aggregateOf([publication({ until: noon }), registered({ basic: "closed" })], noon, "closed")).toEqual({ tuples: [{ id: "t-nothing", basic: "closed", notes: [] }], notes: [], persons: [] });
  });

  test("the order of arrival does not matter (seed 77)", () => {
    const all = [registered(), away, lunch, calendar(), call({ publishedAt: noon - 5 }), publication({ key: "c3" })];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        expect(aggregateOf(shuffled, noon, "open")).toEqual(aggregateOf(all, noon, "open"));
      }),
      { seed: 77, numRuns: 200 },
    );
  });

  test.skipIf(skipsWithoutXmllint)("is valid by the schemas, with all ids different, whatever the keys are", () => {
    const odd = [published("k 1", '<tuple id="1"><note>a &lt;b&gt;</note></tuple>', noon - 1), published("k_1", "", noon - 2), published("k-1", "<tuple/>", noon - 3)];
    const documents = new Map([
      ["many", renderAggregate(aggregateOf([registered(), away, lunch, calendar(), call(), ...odd], noon, "open"), bob)],
      ["none", renderAggregate(aggregateOf([], noon, "closed"), bob)],
    ]);
    expect(schemaMistakes(documents)).toEqual([]);
    const ids = [...(documents.get("many") ?? "").matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
