import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderPidf } from "../../src/documents/pidf.ts";
import type { MergeSettings } from "../../src/presence/merge-settings.ts";
import { merge, nextChange } from "../../src/presence/merge.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { golden } from "../documents/golden.ts";
import { apiState, bob, calendar, call, defaults, doNotDisturb, noon, override, publication, registered, ringing } from "./reports.ts";

const names = (report: { activities: readonly { name: string }[] }): string[] => report.activities.map((activity) => activity.name);
/** `basic activities "note" source` in one line. */
const state = (reports: readonly SourceReport[], settings: Partial<MergeSettings> = {}): string => {
  const { document } = merge(bob, reports, noon, { ...defaults, ...settings });
  return `${document.basic} [${names(document).join(" ")}] "${document.note}" ${document.source}`;
};
const winner = (reports: readonly SourceReport[], settings: Partial<MergeSettings> = {}): string => {
  const { inputs } = merge(bob, reports, noon, { ...defaults, ...settings });
  return inputs.filter((input) => input.won).map((input) => `${input.report.source}/${input.report.key}`).join(" and ");
};
const away = publication({ activities: [{ name: "away" }], note: "Away", basic: "open" });

describe("the golden states of a registered person", () => {
  const since = Date.UTC(2026, 10, 20, 14, 3, 7);
  const hour = { from: Date.UTC(2026, 10, 20, 14), until: Date.UTC(2026, 10, 20, 15) };
  const at = { publishedAt: since };
  const table: readonly (readonly [string, readonly SourceReport[]])[] = [
    ["available", [registered(at)]],
    ["on-the-phone", [registered(), call(at)]],
    ["ringing", [registered(), ringing(at)]],
    ["hold", [registered(), call({ ...at, onHold: true })]],
    ["away", [registered(), publication({ ...at, activities: [{ name: "away" }], until: since + 1 })]],
    ["busy", [registered(), publication({ ...at, activities: [{ name: "busy" }], until: since + 1 })]],
    ["do-not-disturb", [registered(), doNotDisturb({ ...at, activities: [] })]],
    ["meeting", [registered(), calendar({ ...at, activities: [{ name: "meeting", ...hour }], until: hour.until })]],
    ["meeting-unregistered", [calendar({ ...at, activities: [{ name: "meeting", ...hour }], until: hour.until })]],
    ["vacation", [registered(), calendar({ ...at, activities: [{ name: "vacation" }] })]],
    ["offline", [registered({ ...at, basic: "closed" })]],
    ["offline", [publication({ until: since })]],
  ];
  test.each(table)("%s", (name, reports) => {
    expect(renderPidf(merge(bob, reports, since, defaults).document, bob)).toBe(golden(`presence-${name}`));
  });
});

describe("the rule", () => {
  const ladder: readonly (readonly [string, SourceReport, string])[] = [
    ["a call", call({ publishedAt: 1 }), 'open [on-the-phone] "On the phone" dialog'],
    ["a ringing call", ringing({ publishedAt: 1 }), 'open [on-the-phone] "Ringing" dialog'],
    ["his own choice", override({ activities: [{ name: "meal" }], publishedAt: 2 }), 'open [meal] "Lunch" override'],
    ["do-not-disturb", doNotDisturb({ publishedAt: 3 }), 'open [busy] "Do not disturb" do-not-disturb'],
    ["the calendar", calendar({ publishedAt: 4 }), 'open [meeting] "In a meeting" calendar'],
    ["a publication", { ...away, publishedAt: 5 }, 'open [away] "Away" publish'],
    ["a registration", registered({ publishedAt: 6 }), 'open [] "Available" registration'],
  ];
  test.each(ladder.map((step, index) => [step[0], index] as const))("%s wins over everything after it, newer as that may be", (_, index) => {
    expect(state(ladder.slice(index).map(([, report]) => report))).toBe(ladder[index]?.[2]);
  });

  test("nothing known is offline, since the last report lapsed", () => {
    expect(state([])).toBe('closed [] "Offline" registration');
    expect(merge(bob, [], noon, defaults).document.since).toBe(0);
    expect(merge(bob, [publication({ until: noon - 5 }), publication({ key: "b", until: noon - 9 })], noon, defaults).document.since).toBe(noon - 5);
  });

  test("with nothing known there is still one winner, of rank 7", () => {
    expect(merge(bob, [], noon, defaults).inputs).toMatchObject([{ rank: 7, won: true, report: { source: "registration", basic: "closed" } }]);
  });

  test("a meeting gives way to a call and comes back after it", () => {
    expect(state([registered(), calendar(), call()])).toBe('open [on-the-phone] "On the phone" dialog');
    expect(state([registered(), calendar()])).toBe('open [meeting] "In a meeting" calendar');
  });

  test("a phone that publishes available during a meeting changes nothing; after it, it does, without a new PUBLISH", () => {
    const available = publication({ note: "Available", basic: "open", publishedAt: noon - 1 });
    const meeting = calendar({ until: noon + 1000, publishedAt: noon - 100 });
    expect(state([registered(), meeting, available])).toBe('open [meeting] "In a meeting" calendar');
    expect(merge(bob, [registered(), meeting, available], noon + 1000, defaults).document).toMatchObject({ note: "Available", source: "publish" });
  });

  test.each([
    ["calendar", "calendar/exchange"],
    ["api", "api/script"],
    ["publish", "publish/old"],
    ["none", "publish/new"],
  ] as const)("primary source %s: %s wins", (primarySource, won) => {
    const old = primarySource === "publish" ? [publication({ key: "old", publishedAt: 5 })] : [publication({ key: "new", publishedAt: 9 })];
    expect(winner([calendar({ publishedAt: 7 }), apiState({ publishedAt: 6 }), ...old, registered()], { primarySource })).toBe(won);
  });

  test("of publications and API states the newest wins", () => {
    expect(winner([publication({ publishedAt: 10 }), apiState({ publishedAt: 11 }), publication({ key: "b", publishedAt: 9 })])).toBe("api/script");
    expect(winner([publication({ publishedAt: 12 }), apiState({ publishedAt: 11 })])).toBe("publish/etag-1");
  });

  test("of equally new ones the greater source name wins, then the lesser key", () => {
    expect(winner([apiState({ publishedAt: 9 }), publication({ publishedAt: 9 })])).toBe("publish/etag-1");
    expect(winner([publication({ key: "b", publishedAt: 9 }), publication({ key: "a", publishedAt: 9 })])).toBe("publish/a");
  });

  test("a talking call comes before a held one, a held one before a ringing one", () => {
    const [talks, held, rings] = [call({ key: "t", publishedAt: 1 }), call({ key: "h", onHold: true, publishedAt: 2 }), ringing({ publishedAt: 3 })];
    expect(state([rings, held, talks])).toContain('"On the phone"');
    expect(state([rings, held])).toContain('"On hold"');
    expect(state([rings])).toContain('"Ringing"');
  });

  test.each([
    ["ringing", 'open [on-the-phone] "Ringing" dialog'],
    ["busy", 'open [busy] "Busy" dialog'],
    ["ignore", 'open [away] "Away" publish'],
  ] as const)("early: %s makes a ringing call %s", (early, expected) => {
    expect(state([registered(), away, ringing()], { early })).toBe(expected);
  });

  test("what a ringing call means for reachability is ignored with it", () => {
    expect(state([ringing()], { early: "ignore" })).toBe('closed [] "Offline" registration');
  });

  test("a published note is shown unchanged when its source wins, and not otherwise", () => {
    const note = "Back at 3 — ring Zoë <instead>";
    expect(state([registered(), publication({ note })])).toBe(`open [] "${note}" publish`);
    expect(state([registered(), publication({ note }), call()])).toBe('open [on-the-phone] "On the phone" dialog');
  });

  test("a registration is the least important: any publication comes before it", () => {
    expect(state([registered({ publishedAt: noon }), publication({ activities: [{ name: "away" }], basic: "closed", publishedAt: noon + 1 })])).toBe('closed [away] "Away" publish');
    expect(state([registered()])).toBe('open [] "Available" registration');
  });

  test("one binding that is there outweighs another that has gone since", () => {
    expect(state([registered({ publishedAt: 1 }), registered({ key: "binding-2", basic: "closed", publishedAt: 2 })])).toBe('open [] "Available" registration');
    expect(state([registered({ publishedAt: 1 }), registered({ key: "binding-2", basic: "closed", publishedAt: 2 })], { basicFrom: "winner" })).toContain("open");
  });

  test("an old im: status is passed on with its document only", () => {
    expect(merge(bob, [publication({ im: "Lunch", note: "Lunch" })], noon, defaults).document.im).toBe("Lunch");
    expect(merge(bob, [publication({ im: "Lunch" }), call()], noon, defaults).document.im).toBeUndefined();
  });

  test("since is the winner's time", () => {
    expect(merge(bob, [registered(), call({ publishedAt: 77 })], noon, defaults).document.since).toBe(77);
  });
});

describe("why", () => {
  test("a lapsed report is explained, takes no part and has no rank", () => {
    const { inputs } = merge(bob, [registered(), publication({ until: noon })], noon, defaults);
    expect(inputs[1]).toMatchObject({ rank: null, won: false, reason: "Lapsed at 2026-11-20T12:00:00Z: it no longer counts." });
  });

  test("an ignored call says which setting ignores it", () => {
    const { inputs } = merge(bob, [registered(), ringing()], noon, { ...defaults, early: "ignore" });
    expect(inputs[1]).toMatchObject({ rank: null, won: false, reason: "early: ignore leaves ringing calls out." });
  });

  test("inputs come best first, each with its rank", () => {
    const { inputs } = merge(bob, [registered(), away, calendar(), doNotDisturb(), override(), call(), publication({ key: "x", until: 1 })], noon, defaults);
    expect(inputs.map((input) => input.rank)).toEqual([1, 2, 3, 4, 5, 6, null]);
  });

  test("it is said who decides basic, though another wins", () => {
    const { inputs } = merge(bob, [registered(), calendar()], noon, defaults);
    expect(inputs[1]?.reason).toBe("Beaten by the calendar. A registered phone can be reached: basic open.");
  });
});

// Everything that can be said about one person, few times so that there are many ties, with keys of their own.
const report: fc.Arbitrary<SourceReport> = fc
  .record({
    shape: fc.constantFrom(registered, publication, apiState, override, doNotDisturb, calendar, call, ringing),
    key: fc.constantFrom("a", "b", "c", "d"),
    publishedAt: fc.integer({ min: noon - 3, max: noon }),
    until: fc.constantFrom(undefined, noon - 1, noon, noon + 1),
    basic: fc.constantFrom(undefined, "open" as const, "closed" as const),
    note: fc.constantFrom(undefined, "x"),
    onHold: fc.boolean(),
    from: fc.constantFrom(undefined, undefined, noon - 1, noon, noon + 1),
    silence: fc.constantFrom(undefined, undefined, undefined, "the last 3 polls failed"),
    untilBoundary: fc.boolean(),
  })
  .map(({ shape, key, publishedAt, until, basic, note, onHold, from, silence, untilBoundary }) => {
    const { until: _, ...made } = shape({ key, publishedAt });
    return { ...made, ...(until === undefined ? {} : { until }), ...(basic === undefined ? {} : { basic }), ...(note === undefined ? {} : { note }), ...(onHold ? { onHold } : {}), ...(from === undefined ? {} : { from }), ...(silence === undefined ? {} : { silence }), ...(untilBoundary && made.source === "override" ? { untilBoundary } : {}) };
  });
const reports = fc.uniqueArray(report, { maxLength: 8, selector: (made) => `${made.source}/${made.key}` });
const settings: fc.Arbitrary<MergeSettings> = fc.record({
  primarySource: fc.constantFrom("calendar" as const, "api" as const, "publish" as const, "none" as const),
  early: fc.constantFrom("ringing" as const, "busy" as const, "ignore" as const),
  basicFrom: fc.constantFrom("reachability" as const, "winner" as const),
});
const runs = { seed: 534, numRuns: 3000 };
const shuffled = fc.tuple(reports, fc.infiniteStream(fc.nat())).map(([list, noise]) => {
  const order = new Map(list.map((entry) => [entry, noise.next().value ?? 0]));
  return [list, list.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))] as const;
});

describe("whatever is said (seed 534)", () => {
  test("the order of arrival does not matter", () => {
    fc.assert(
      fc.property(shuffled, settings, ([list, otherwise], chosen) => {
        expect(merge(bob, otherwise, noon, chosen)).toEqual(merge(bob, list, noon, chosen));
      }),
      runs,
    );
  });

  test("exactly one input wins, every input has a reason, every report is explained", () => {
    fc.assert(
      fc.property(reports, settings, (list, chosen) => {
        const { inputs, document } = merge(bob, list, noon, chosen);
        const won = inputs.filter((input) => input.won);
        expect(won).toHaveLength(1);
        expect(won[0]?.report.source).toBe(document.source);
        expect(inputs.every((input) => input.reason.length > 10 && input.reason.endsWith("."))).toBe(true);
        for (const said of list) expect(inputs.filter(({ report: found }) => found.source === said.source && found.key === said.key && (found.until === said.until || said.untilBoundary))).toHaveLength(1);
        expect(document.note).not.toBe("");
      }),
      runs,
    );
  });

  test("the winner has the least rank of all that take part, and a lapsed report never wins", () => {
    fc.assert(
      fc.property(reports, settings, (list, chosen) => {
        const { inputs } = merge(bob, list, noon, chosen);
        const won = inputs.find((input) => input.won);
        expect(inputs.every((input) => input.rank === null || input.rank >= (won?.rank ?? 99))).toBe(true);
        expect(won?.report.until ?? noon + 1).toBeGreaterThan(noon);
        expect(won?.report.from ?? noon).toBeLessThanOrEqual(noon);
        expect(won?.report.silence).toBeUndefined();
      }),
      runs,
    );
  });

  test("taking away a loser changes nothing but reachability", () => {
    fc.assert(
      fc.property(reports, settings, fc.nat(), (list, chosen, which) => {
        const before = merge(bob, list, noon, chosen);
        const losers = before.inputs.filter((input) => !input.won);
        const gone = losers[which % Math.max(1, losers.length)]?.report;
        // A calendar entry that is over, or to come, may still end a choice: that is no loser's affair.
        if (gone?.source === "calendar" && list.some(({ untilBoundary }) => untilBoundary)) return;
        const after = merge(bob, list.filter((said) => said.source !== gone?.source || said.key !== gone.key), noon, chosen).document;
        const hasOwnNote = before.document.note !== "Available" && before.document.note !== "Offline";
        if (before.inputs[0]?.rank === 7) return;
        expect({ ...after, basic: "", note: hasOwnNote ? after.note : "" }).toEqual({ ...before.document, basic: "", note: hasOwnNote ? before.document.note : "" });
      }),
      runs,
    );
  });

  test("nothing changes before nextChange says so", () => {
    fc.assert(
      fc.property(reports, settings, (list, chosen) => {
        const next = nextChange(list, noon - 2);
        expect(merge(bob, list, (next ?? noon + 9) - 1, chosen).document).toEqual(merge(bob, list, noon - 2, chosen).document);
      }),
      runs,
    );
  });

  test("every result can be written", () => {
    fc.assert(
      fc.property(reports, settings, (list, chosen) => {
        const body = renderPidf(merge(bob, list, noon, chosen).document, bob);
        expect(body.match(/<tuple /g)).toHaveLength(1);
        expect(body.match(/<dm:person /g)).toHaveLength(1);
      }),
      { ...runs, numRuns: 500 },
    );
  });
});

test("nextChange is the first lapse to come, or null", () => {
  expect(nextChange([registered(), publication({ until: noon + 5 }), apiState({ until: noon + 3 }), calendar({ until: noon })], noon)).toBe(noon + 3);
  expect(nextChange([registered()], noon)).toBeNull();
});
