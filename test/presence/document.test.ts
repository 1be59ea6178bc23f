import { expect, test } from "vitest";
import { sameDocument, succeeding, type PresenceDocument } from "../../src/presence/document.ts";
import { aorOf } from "../../src/base/ids.ts";
import { bob, noon } from "./reports.ts";

const document: PresenceDocument = {
  aor: bob,
  basic: "open",
  activities: [{ name: "meeting", from: 1, until: 2 }],
  note: "In a meeting",
  since: noon,
  source: "calendar",
  kind: "calendar",
};

test.each([
  ["itself", {}, true],
  ["another time", { since: noon + 1 }, true],
  ["another source", { source: "publish", kind: "publish" }, true],
  ["an equal list", { activities: [{ name: "meeting", from: 1, until: 2 }] }, true],
  ["another person", { aor: aorOf("2102", "tel.beip.be") }, false],
  ["another basic", { basic: "closed" }, false],
  ["another note", { note: "Meeting" }, false],
  ["another end", { activities: [{ name: "meeting", from: 1, until: 3 }] }, false],
  ["one activity more", { activities: [{ name: "meeting", from: 1, until: 2 }, { name: "travel" }] }, false],
  ["none", { activities: [] }, false],
  ["an im: status", { im: "Meeting" }, false],
] as const)("a document with %s: same is %s for %s", (_, change, same) => {
  expect(sameDocument(document, { ...document, ...change })).toBe(same);
  expect(sameDocument({ ...document, ...change }, document)).toBe(same);
});

test("a document that says the same keeps the time of the one before, and its own source", () => {
  const next: PresenceDocument = { ...document, since: noon + 9, source: "publish", kind: "publish" };
  expect(succeeding(document, next)).toEqual({ ...next, since: noon });
  expect(succeeding(document, { ...next, note: "x" }).since).toBe(noon + 9);
  expect(succeeding(null, next)).toBe(next);
});
