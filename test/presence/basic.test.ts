import { describe, expect, test } from "vitest";
import { merge } from "../../src/presence/merge.ts";
import { reachability } from "../../src/presence/basic.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { apiState, bob, calendar, call, defaults, doNotDisturb, noon, override, publication, registered, ringing } from "./reports.ts";

const early = { publishedAt: noon - 100 };
const late = { publishedAt: noon - 50 };

describe("basic from reachability", () => {
  const table: readonly (readonly [string, "open" | "closed", readonly SourceReport[]])[] = [
    ["nobody knows him", "closed", []],
    ["registered", "open", [registered()]],
    ["not registered", "closed", [registered({ basic: "closed" })]],
    ["in a call on somebody else's phone", "open", [call()]],
    ["ringing", "open", [ringing()]],
    ["a publication says open", "open", [publication({ basic: "open" })]],
    ["an API state says open", "open", [apiState({ basic: "open" })]],
    ["a publication says nothing of it", "closed", [publication({ activities: [{ name: "away" }] })]],
    ["a meeting, and no phone", "closed", [calendar()]],
    ["do-not-disturb, and no phone", "closed", [doNotDisturb()]],
    ["a meeting, and a phone", "open", [calendar(), registered()]],
    ["away, and a phone", "open", [publication({ activities: [{ name: "away" }] }), registered()]],
    ["a registered phone that publishes closed", "closed", [registered(early), publication({ ...late, basic: "closed" })]],
    ["… at the same moment", "closed", [registered(late), publication({ ...late, basic: "closed" })]],
    ["… and then a phone registers anew", "open", [registered(late), publication({ ...early, basic: "closed" })]],
    ["… and then an API state says open", "open", [registered(early), publication({ ...early, basic: "closed" }), apiState({ ...late, basic: "open" })]],
    ["… and then another publication that does not say", "closed", [registered(early), publication({ ...early, basic: "closed" }), publication({ ...late, key: "b" })]],
    ["… and then he takes a call", "open", [registered(early), publication({ ...early, basic: "closed" }), call(late)]],
    ["… in a call that began before", "closed", [registered(early), publication({ ...late, basic: "closed" }), call(early)]],
    ["an older publication says closed, a newer one open", "open", [publication({ ...early, basic: "closed" }), publication({ ...late, key: "b", basic: "open" })]],
    ["an older publication says open, a newer one closed", "closed", [publication({ ...early, basic: "open" }), publication({ ...late, key: "b", basic: "closed" })]],
    ["he chose to be closed, then his phone published and registered", "closed", [override({ ...early, basic: "closed" }), publication({ ...late, basic: "open" }), registered(late)]],
    ["he chose to be closed, then took a call", "open", [override({ ...early, basic: "closed" }), call(late)]],
    ["he chose to be open, without a phone", "open", [override({ ...early, basic: "open" }), publication({ ...late, basic: "closed" })]],
    ["he chose lunch, which says nothing of it", "open", [override({ activities: [{ name: "meal" }] }), registered()]],
  ];
  test.each(table)("%s: %s", (_, basic, reports) => {
    expect(reachability(reports).basic).toBe(basic);
    expect(reachability(reports.toReversed())).toEqual(reachability(reports));
    expect(merge(bob, reports, noon, defaults).document.basic).toBe(basic);
  });
});

describe("basic from the winner", () => {
  const table: readonly (readonly [string, "open" | "closed", readonly SourceReport[]])[] = [
    ["a call is open", "open", [call(), publication({ basic: "closed" })]],
    ["a publication that says closed", "closed", [publication({ ...early, basic: "closed" }), registered(late)]],
    ["a publication that says open", "open", [publication({ basic: "open" })]],
    ["a publication that does not say falls back on reachability", "open", [publication(), registered()]],
    ["a meeting falls back on reachability", "closed", [calendar()]],
    ["nothing", "closed", []],
  ];
  test.each(table)("%s: %s", (_, basic, reports) => {
    expect(merge(bob, reports, noon, { ...defaults, basicFrom: "winner" }).document.basic).toBe(basic);
  });
});
