import { expect, test } from "vitest";
import { merge } from "../../src/presence/merge.ts";
import { explain, presenceAnswer } from "../../src/presence/why.ts";
import { bob, calendar, call, defaults, noon, publication } from "./reports.ts";

test("a merge is answered as the contract says", () => {
  const result = merge(bob, [calendar({ activities: [{ name: "meeting", from: noon, until: noon + 1 }] }), call({ publishedAt: noon })], noon, defaults);
  const sent = { at: noon, what: "open · On the phone", answeredAt: noon + 20, status: 200 };
  const watchers = [{ watcher: "sip:2102@tel.beip.be", event: "presence", expiresAt: noon + 1000, userAgent: null, sent }];
  expect(explain(result, { at: noon, settings: defaults, watchers, nextChangeAt: noon + 5 })).toEqual({
    aor: "sip:2101@tel.beip.be",
    at: "2026-11-20T12:00:00.000Z",
    document: { aor: "sip:2101@tel.beip.be", basic: "open", activities: ["on-the-phone"], note: "On the phone", since: "2026-11-20T12:00:00.000Z", source: "dialog" },
    inputs: [
      {
        source: "dialog",
        kind: "confirmed",
        key: "dialog-1",
        basic: null,
        activities: ["on-the-phone"],
        note: null,
        since: "2026-11-20T12:00:00.000Z",
        from: null,
        until: null,
        rank: 1,
        won: true,
        reason: "A call in progress beats every other source. Being in a call, the person can be reached: basic open.",
      },
      {
        source: "calendar",
        kind: "calendar",
        key: "exchange",
        basic: null,
        activities: ["meeting"],
        note: null,
        since: "2026-11-20T11:59:00.000Z",
        from: null,
        until: null,
        rank: 4,
        won: false,
        reason: "Beaten by the call: a call beats every other source.",
      },
    ],
    watchers: [
      {
        watcher: "sip:2102@tel.beip.be",
        event: "presence",
        expires_at: "2026-11-20T12:00:01.000Z",
        user_agent: null,
        sent: { at: "2026-11-20T12:00:00.000Z", what: "open · On the phone", answered_at: "2026-11-20T12:00:00.020Z", status: 200 },
      },
    ],
    settings: { primary_source: "calendar", early: "ringing", basic_from: "reachability" },
    next_change_at: "2026-11-20T12:00:00.005Z",
  });
});

test("activities are always a list, times that nobody knows are null", () => {
  expect(presenceAnswer(merge(bob, [], noon, defaults).document)).toMatchObject({ activities: [], since: null, basic: "closed", note: "Offline" });
});

test("a publication says when it lapses; a time beyond all calendars does no harm", () => {
  const { inputs } = explain(merge(bob, [publication(), publication({ key: "b", until: Number.POSITIVE_INFINITY, publishedAt: 1 })], noon, defaults), { at: noon, settings: defaults, watchers: [], nextChangeAt: null });
  expect(inputs.map((input) => input.until)).toEqual(["2026-11-20T13:00:00.000Z", null]);
});
