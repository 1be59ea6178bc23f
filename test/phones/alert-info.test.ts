import { expect, test } from "vitest";
import { alertInfo, RING_KINDS } from "../../src/phones/alert-info.ts";

test.each([
  ["urn", "internal", "<urn:alert:source:internal>"],
  ["urn", "priority", "<urn:alert:priority:high>"],
  ["bellcore", "external", "<http://127.0.0.1>;info=Bellcore-dr2"],
  ["yealink", "internal", "<http://127.0.0.1/Bellcore-dr1>"],
  ["snom", "internal", "<http://127.0.0.1>;info=alert-internal"],
  ["polycom", "group", "group"],
] as const)("in the form %s a call of kind %s rings by %s", (form, kind, value) => {
  expect(alertInfo(form, kind)).toEqual([value]);
});

test("every form tells all kinds apart but those that its vocabulary lacks, and adds no line", () => {
  for (const form of ["urn", "bellcore", "yealink", "snom", "polycom"] as const) {
    const values = RING_KINDS.map((kind) => alertInfo(form, kind).join());
    expect(new Set(values).size).toBeGreaterThanOrEqual(RING_KINDS.length - (form === "urn" ? 1 : 0));
    for (const value of values) expect(value).not.toMatch(/[\r\n]/);
  }
});
