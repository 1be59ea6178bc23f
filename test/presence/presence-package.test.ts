import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { parsePidf } from "../../src/documents/pidf.ts";
import { presencePackage } from "../../src/presence/presence-package.ts";
import { presenceService } from "../../src/presence/presence-service.ts";
import { registrationSource } from "../../src/presence/registration-source.ts";
import { STANDARD } from "../../src/phones/built-in.ts";
import type { EventPackage, Publication, Watching } from "../../src/subscription/event-package.ts";
import { person } from "../dialog/calls.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";
import { FakeClock } from "../sim/fake-clock.ts";

function worldOf(): { readonly clock: FakeClock; readonly events: EventPackage; readonly presence: ReturnType<typeof presenceService>; readonly told: string[]; readonly registrations: ReturnType<typeof registrationSource> } {
  const clock = new FakeClock();
  const registrations = registrationSource({ clock });
  const presence = presenceService({
    clock,
    wheel: new TimerWheel(clock),
    settings: { primarySource: "calendar", early: "ringing", basicFrom: "reachability" },
    sources: [registrations],
    log: silentLog,
  });
  const told: string[] = [];
  presence.onChange((_, document) => told.push(document.note));
  return { clock, presence, told, registrations, events: presencePackage({ presence, imToRpid: () => true }) };
}

function watching(user: string, entity = `sip:${user}@tel.example.test`): Watching {
  return { resource: person(user), entity, watcher: person("109"), userAgent: "", profile: STANDARD, accept: [], variant: 0, standing: "allow" };
}

const body = (note: string, id = "t1", timestamp = "2026-11-20T14:03:07Z"): string =>
  `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:101@tel.example.test">` +
  `<tuple id="${id}"><status><basic>open</basic></status><note>${note}</note><timestamp>${timestamp}</timestamp></tuple></presence>`;

function publication(user: string, clock: FakeClock, text: string, etag = "e1"): Publication {
  return { resource: person(user), etag, publishedAt: clock.now(), until: clock.now() + 60_000, contentType: "application/pidf+xml", body: text };
}

describe("what watchers get", () => {
  test("the person is named by the URI that the watcher subscribed to, everywhere in the document", () => {
    const { events } = worldOf();
    for (const entity of ["sip:101@tel.example.test", "sip:101@10.0.0.5", "sip:alice@tel.example.test"]) {
      const { head, tail, isVersioned, contentType } = events.render(watching("101", entity));
      expect([tail, isVersioned, contentType]).toEqual(["", false, "application/pidf+xml"]);
      const parsed = parsePidf(head);
      expect(parsed.entity).toBe(entity);
      expect(parsed.tuples.map((tuple) => tuple.contact)).toEqual([entity]);
      expect([parsed.tuples.length, parsed.persons.length]).toEqual([1, 1]);
    }
  });

  test("all who subscribed to one URI share one rendering until something changes", () => {
    const { events, clock, registrations } = worldOf();
    const first = events.render(watching("101"));
    expect(events.render(watching("101"))).toBe(first);
    expect(events.render(watching("101", "sip:101@10.0.0.5"))).not.toBe(first);
    events.published?.("p", publication("101", clock, body("Lunch")));
    const second = events.render(watching("101"));
    expect(second).not.toBe(first);
    expect(second.head).toContain("<note>Lunch</note>");
    registrations.changed(person("101"), true);
    expect(events.render(watching("101"))).toBe(second);
    events.unpublished?.("p", person("101"));
    expect(events.render(watching("101")).head).toContain("<note>Available</note>");
  });

  test("a watcher of the domain is let in, a stranger is not", () => {
    const { events } = worldOf();
    expect(events.admits(watching("101"))).toBeNull();
    expect(events.admits({ ...watching("101"), watcher: null })).toEqual({ status: 403, reason: "Forbidden" });
  });

  test.skipIf(skipsWithoutXmllint)("every document is valid by the schemas", () => {
    const { events, clock, registrations } = worldOf();
    const documents = new Map<string, string>();
    documents.set("nobody knows", events.render(watching("101")).head);
    registrations.changed(person("101"), true);
    documents.set("registered", events.render(watching("101")).head);
    for (const note of ["Lunch", "a &lt;b&gt; &amp; \"c\"", "K\u00c3\u00a4se"]) {
      events.published?.("p", publication("101", clock, body(note)));
      documents.set(note, events.render(watching("101", "sip:101@10.0.0.5:5060")).head);
    }
    expect(schemaMistakes(documents)).toEqual([]);
  });
});

describe("publications", () => {
  test.each([
    ["no XML", "hello", "refused"],
    ["another root", "<a/>", "refused"],
    ["nothing", "", "refused"],
    ["an unclosed element", "<presence xmlns='urn:ietf:params:xml:ns:pidf'>", "refused"],
    ["a document without a tuple", "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:101@tel.example.test'/>", "taken"],
    ["a usual one", body("Lunch"), "taken"],
  ])("%s", (_, text, kind) => {
    const { events, clock, told } = worldOf();
    const answer = events.checkPublication?.("application/pidf+xml", text);
    expect(answer?.kind).toBe(kind);
    if (answer?.kind === "refused") expect(answer.status).toBe(400);
    expect(told, "a check keeps nothing").toEqual([]);
    expect(() => events.published?.("p", publication("101", clock, text))).not.toThrow();
  });

  test.each([
    ["a phone that sends its body again with new ids and times", body("Lunch"), body("Lunch", "t99", "2026-11-20T15:00:00Z"), true],
    ["another note", body("Lunch"), body("Away"), false],
    ["what cannot be read", body("Lunch"), "<", false],
    ["what could not be read", "<", body("Lunch"), false],
  ])("%s: a refresh or not", (_, before, after, isSame) => {
    expect(worldOf().events.sameBody?.("1", before, after)).toBe(isSame);
  });

  test("the newest wins by the time that the engine gives, which a refresh does not change", () => {
    const { events, clock, told } = worldOf();
    const first = publication("101", clock, body("Lunch"));
    events.published?.("snom", first);
    clock.advance(1000);
    events.published?.("other", publication("101", clock, body("Away")));
    clock.advance(1000);
    events.published?.("snom", { ...first, etag: "e2", until: clock.now() + 60_000 });
    expect(told).toEqual(["Lunch", "Away"]);
    clock.advance(1000);
    events.published?.("snom", publication("101", clock, body("Back"), "e3"));
    expect(told).toEqual(["Lunch", "Away", "Back"]);
  });

  test("a refresh without new content lives as long as it says", () => {
    const { events, clock, told } = worldOf();
    const first = publication("101", clock, body("Lunch"));
    events.published?.("p", first);
    clock.advance(50_000);
    events.published?.("p", { ...first, until: clock.now() + 60_000 });
    clock.advance(50_000);
    expect(told).toEqual(["Lunch"]);
    clock.advance(11_000);
    expect(told).toEqual(["Lunch", "Offline"]);
  });
});
