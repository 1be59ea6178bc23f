import { describe, expect, test } from "vitest";
import { merge, nextChange } from "../../src/presence/merge.ts";
import { overrideEnd } from "../../src/presence/override-end.ts";
import type { SourceReport } from "../../src/presence/report.ts";
import { bob, calendar, defaults, noon, override, publication, registered } from "./reports.ts";

const minute = 60_000;
const choice = override({ publishedAt: noon, untilBoundary: true, activities: [{ name: "working" }] });
const meeting = (from: number, until: number, key = "m"): SourceReport => calendar({ key, from: noon + from * minute, until: noon + until * minute, publishedAt: noon + from * minute });

describe("a person's own choice ends", () => {
  test.each([
    ["with the meeting it was made in", choice, [meeting(-30, 20)], 20],
    ["with the meeting that begins next", choice, [meeting(45, 60), meeting(-90, -60, "n")], 45],
    ["at the first of several boundaries", choice, [meeting(-30, 20), meeting(10, 40, "n")], 10],
    ["at its own expiry when that is sooner", { ...choice, until: noon + 5 * minute }, [meeting(-30, 20)], 5],
    ["at the boundary when that is sooner than its expiry", { ...choice, until: noon + 50 * minute }, [meeting(-30, 20)], 20],
    ["never, when there is no calendar", choice, [publication({ until: noon + minute }), registered()], undefined],
    ["never, when all of the calendar is over", choice, [meeting(-90, -60)], undefined],
    ["not with a calendar that has gone silent", choice, [{ ...meeting(-30, 20), silence: "it does not answer" }], undefined],
    ["not at a boundary when it was not made so", override({ publishedAt: noon }), [meeting(-30, 20)], undefined],
  ] as const)("%s", (_, made, others, minutes) => {
    const expected = minutes === undefined ? undefined : noon + minutes * minute;
    expect(overrideEnd(made, [made, ...others])).toBe(expected);
    expect(overrideEnd(made, [...others.toReversed(), made])).toBe(expected);
  });
});

test("the merge lets a choice win until the boundary, says when that is, and why it gave way after it", () => {
  const all = [choice, meeting(-30, 20), registered()];
  expect(merge(bob, all, noon + 19 * minute, defaults).document).toMatchObject({ source: "override", activities: [{ name: "working" }] });
  expect(nextChange(all, noon)).toBe(noon + 20 * minute);
  const after = merge(bob, [choice, meeting(20, 50), registered()], noon + 25 * minute, defaults);
  expect(after.document).toMatchObject({ source: "calendar" });
  expect(after.inputs.find(({ report }) => report.source === "override")).toMatchObject({ rank: null, reason: "Gave way at 2026-11-20T12:20:00Z: a choice holds until its own end or the calendar's next boundary." });
});

test("a report that begins later takes no part before, and nextChange knows when", () => {
  const later = meeting(30, 60);
  const { inputs, document } = merge(bob, [later, registered()], noon, defaults);
  expect(document.source).toBe("registration");
  expect(inputs[1]).toMatchObject({ rank: null, reason: "Begins at 2026-11-20T12:30:00Z: it does not count yet." });
  expect(nextChange([later, registered()], noon)).toBe(noon + 30 * minute);
  expect(merge(bob, [later, registered()], noon + 30 * minute, defaults).document.source).toBe("calendar");
});
