import { expect, test } from "vitest";
import type { DialogView } from "../../src/documents/dialog-info.ts";
import { dialogReport } from "../../src/presence/dialog-report.ts";
import { merge } from "../../src/presence/merge.ts";
import { bob, defaults, noon, registered } from "./reports.ts";

const dialog: DialogView = { id: "d1", callId: "c", localTag: "l", remoteTag: "r", direction: "recipient", state: "early", local: { uri: bob }, remote: { uri: "sip:2102@d" } };

test.each([
  ["recipient", "trying", false, null],
  ["recipient", "proceeding", false, "early Ringing"],
  ["recipient", "early", false, "early Ringing"],
  ["recipient", "confirmed", false, "confirmed On the phone"],
  ["recipient", "confirmed", true, "confirmed On hold"],
  ["recipient", "terminated", false, null],
  ["initiator", "trying", false, "early On the phone"],
  ["initiator", "early", false, "early On the phone"],
  ["initiator", "confirmed", false, "confirmed On the phone"],
  ["initiator", "terminated", false, null],
] as const)("%s, %s, on hold %s: %s", (direction, state, onHold, expected) => {
  const report = dialogReport(bob, { ...dialog, direction, state, onHold }, noon);
  expect(report === null ? null : `${report.kind} ${report.note ?? ""}`).toBe(expected);
});

test("a report is keyed by its dialog and dated by its state", () => {
  expect(dialogReport(bob, dialog, noon)).toMatchObject({ source: "dialog", presentity: bob, key: "d1", publishedAt: noon });
});

test("presence prefers confirmed to early: a second call that rings changes nothing", () => {
  const talking = dialogReport(bob, { ...dialog, id: "d2", state: "confirmed" }, noon - 9);
  const rings = dialogReport(bob, dialog, noon);
  const reports = [talking, rings, registered()].filter((report) => report !== null);
  expect(merge(bob, reports, noon, defaults).document).toMatchObject({ note: "On the phone", kind: "confirmed", since: noon - 9 });
});
