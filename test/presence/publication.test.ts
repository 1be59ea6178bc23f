import { describe, expect, test } from "vitest";
import { parsePidf } from "../../src/documents/pidf.ts";
import { ACTIVITIES_MAX, NOTE_LENGTH_MAX, publicationReport } from "../../src/presence/publication.ts";
import { contentHash } from "../../src/presence/publication-news.ts";
import { merge } from "../../src/presence/merge.ts";
import { renderPidf } from "../../src/documents/pidf.ts";
import { samples } from "../documents/samples.ts";
import { bob, defaults, noon } from "./reports.ts";

const facts = { presentity: bob, key: "etag-1", publishedAt: noon, until: noon + 60_000, imToRpid: true };
const presence = (inside: string): string =>
  `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:2101@d">${inside}</presence>`;
const report = (inside: string, changed: Partial<typeof facts> = {}) => publicationReport(parsePidf(presence(inside)), { ...facts, ...changed });
const tuple = (basic: string, more = "", contact = ""): string => `<tuple id="t"><status>${basic === "" ? "" : `<basic>${basic}</basic>`}${more}</status>${contact}</tuple>`;
const person = (activities: string, more = ""): string => `<dm:person id="p"><rpid:activities>${activities}</rpid:activities>${more}</dm:person>`;
const snom = (status: string, basic = "open"): string => `<tuple id="s"><status><basic>${basic}</basic><im:im>${status}</im:im></status><note>${status}</note></tuple>`;

describe("one publication, one report", () => {
  test("carries whose it is and how long it holds", () => {
    expect(report(tuple("open"))).toEqual({ source: "publish", kind: "publish", presentity: bob, key: "etag-1", basic: "open", activities: [], publishedAt: noon, until: noon + 60_000 });
  });

  test.each([
    ["one open tuple among closed ones", tuple("closed") + tuple("open"), "open"],
    ["closed tuples only", tuple("closed") + tuple(""), "closed"],
    ["tuples that do not say", tuple(""), undefined],
    ["no tuple", person("<rpid:away/>"), undefined],
  ])("%s", (_, inside, basic) => {
    expect(report(inside).basic).toBe(basic);
  });

  test("the newest of several persons speaks; of equally new ones the first that says something", () => {
    const old = person("<rpid:away/>", "<dm:timestamp>2026-11-20T10:00:00Z</dm:timestamp>");
    const recent = person("<rpid:meal/>", "<dm:note>lunch</dm:note><dm:timestamp>2026-11-20T11:00:00Z</dm:timestamp>");
    expect(report(old + recent)).toMatchObject({ activities: [{ name: "meal" }], note: "lunch" });
    expect(report(`<dm:person id="empty"/>${person("<rpid:away/>")}${person("<rpid:busy/>")}`).activities).toEqual([{ name: "away" }]);
  });

  test("a newest person who does nothing is available again", () => {
    const old = person("<rpid:away/>", "<dm:timestamp>2026-11-20T10:00:00Z</dm:timestamp>");
    expect(report(`${old}<dm:person id="x"><dm:timestamp>2026-11-20T11:00:00Z</dm:timestamp></dm:person>`).activities).toEqual([]);
  });

  test.each([
    ["the person's note", `<note>document</note>${person("<rpid:busy/>", "<dm:note>person</dm:note>")}`, "person"],
    ["the activities' note", `<note>document</note>${person("<rpid:note>doing</rpid:note><rpid:busy/>")}`, "doing"],
    ["the document's note", `<note>document</note>${tuple("open", "", "<note>tuple</note>")}`, "document"],
    ["the best tuple's note", `${tuple("open", "", '<contact priority="0.2">sip:a@d</contact><note>second</note>')}${tuple("open", "", '<contact priority="0.9">sip:b@d</contact><note>first</note>')}`, "first"],
    ["the status", tuple("open", "<im:im>Lunch</im:im>"), "Lunch"],
    ["none", tuple("open"), undefined],
  ])("the note is %s", (_, inside, note) => {
    expect(report(inside).note).toBe(note);
  });

  test("a note is cut, repeated activities are left out", () => {
    expect(report(`<note>${"x".repeat(9000)}</note>`).note).toHaveLength(NOTE_LENGTH_MAX);
    expect(report(person("<rpid:busy/>".repeat(500) + "<rpid:away/>")).activities).toEqual([{ name: "busy" }, { name: "away" }]);
    expect(report(person(Array.from({ length: 99 }, (_, index) => `<rpid:other>${index}</rpid:other>`).join(""))).activities).toHaveLength(ACTIVITIES_MAX);
  });
});

describe("Snom's im: status", () => {
  test.each([
    ["Lunch", "open", ["meal"], "Lunch"],
    ["Available", "open", [], "Available"],
    ["Do not disturb", "open", ["busy"], "Do not disturb"],
    ["Offline", "closed", [], "Offline"],
    ["Gone fishing", "open", ["other"], "Gone fishing"],
  ])("%s is read as RPID", (status, basic, activities, note) => {
    const made = report(snom(status));
    expect([made.basic, made.activities.map((activity) => activity.name), made.note, made.im]).toEqual([basic, activities, note, undefined]);
  });

  test("watchers get RPID and never im:", () => {
    const body = renderPidf(merge(bob, [report(snom("Lunch"))], noon, defaults).document, bob);
    expect(body).toContain("<rpid:meal/>");
    expect(body).not.toContain("im:im");
  });

  test("with im_to_rpid off it is passed through, and nothing is made of it", () => {
    const made = report(snom("Offline"), { imToRpid: false });
    expect(made).toMatchObject({ basic: "open", activities: [], note: "Offline", im: "Offline" });
    expect(renderPidf(merge(bob, [made], noon, defaults).document, bob)).toContain("<im:im");
  });

  test("RPID in the same document comes first", () => {
    expect(report(snom("Lunch") + person("<rpid:meeting/>")).activities).toEqual([{ name: "meeting" }]);
  });
});

describe("news", () => {
  const body = presence(`${tuple("open", "", "<note>Idle</note><timestamp>2026-11-20T10:00:00Z</timestamp>")}${person("<rpid:busy/><rpid:away/>")}`);
  const again = (from: string | RegExp, to: string): boolean => contentHash(parsePidf(body)) === contentHash(parsePidf(body.replace(from, to)));

  test.each([
    ["the same body", "nothing", "nothing"],
    ["another timestamp", "T10:00", "T11:00"],
    ["another tuple id", 'id="t"', 'id="pj98536423"'],
    ["other white space", "<tuple", "\n\n  <tuple"],
    ["another declaration", "<presence", '<?xml version="1.0"?><presence'],
  ])("%s is no news", (_, from, to) => {
    expect(again(from, to)).toBe(true);
  });

  test.each([
    ["another basic", "open", "closed"],
    ["another note", "Idle", "idle"],
    ["another activity", "<rpid:away/>", "<rpid:meal/>"],
    ["one activity less", "<rpid:away/>", ""],
    ["an im: status", "</basic>", "</basic><im:im>Busy</im:im>"],
    ["a person less", /<dm:person.*<\/dm:person>/, ""],
  ])("%s is news", (_, from, to) => {
    expect(again(from, to)).toBe(false);
  });

  test("other prefixes and another order of tuples are no news", () => {
    const a = parsePidf(presence(tuple("open") + tuple("closed")));
    const b = parsePidf(
      '<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="x"><p:tuple id="2"><p:status><p:basic>closed</p:basic></p:status></p:tuple><p:tuple id="1"><p:status><p:basic>open</p:basic></p:status></p:tuple></p:presence>',
    );
    expect(contentHash(a)).toBe(contentHash(b));
  });

  test("a hash is short", () => {
    expect(contentHash(parsePidf(body))).toMatch(/^[\w-]{22}$/);
  });
});

test.each([...samples].filter(([name]) => name.includes("-publish-pidf")))("%s makes a report", (_, body) => {
  const made = publicationReport(parsePidf(body), facts);
  expect(made.basic).toMatch(/^(open|closed)$/);
  expect(merge(bob, [made], noon, defaults).document.note).not.toBe("");
});

test("pjsua on the phone: its activity and its note", () => {
  const [, body = ""] = [...samples].find(([name]) => name.startsWith("27-")) ?? [];
  expect(publicationReport(parsePidf(body), facts)).toMatchObject({ basic: "open", activities: [{ name: "busy" }], note: "On the phone" });
});
