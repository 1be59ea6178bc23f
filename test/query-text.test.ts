import { describe, expect, test } from "vitest";
import { listText, objectsOf, SUBJECTS, textOf, whyText } from "../src/query-text.ts";

const now = Date.parse("2026-11-20T14:03:00Z");
const long = "sip:somebody.with.a.very.long.name@telephone.exchange.example.test";
const time = "2026-11-20T14:00:00.000Z";
const later = "2026-11-20T15:03:00.000Z";

const full = {
  registrations: [{ aor: long, contacts: [{ uri: `${long}:5060;transport=tcp`, expires_at: later, user_agent: "Some Phone With A Long Name/10.1.141.13", transport: "tcp", received: "192.0.2.7:5060" }] }],
  calls: [{ call_id: "0123456789abcdef0123456789abcdef@192.0.2.7", state: "confirmed", from: long, to: long, since: time }],
  presence: [{ aor: long, basic: "open", activities: ["on-the-phone", "meeting"], note: "On the phone, and more to say", since: time, source: "do-not-disturb" }],
  lamps: [{ aor: long, state: "ringing", since: time, dialogs: [{ direction: "recipient", remote: { uri: long, display: "Somebody With A Very Long Name Indeed, Esquire" } }] }],
  subscriptions: [{ resource: long, watcher: long, event: "presence", expires_at: later, user_agent: "Some Phone With A Long Name/10.1.141.13" }],
  sentinel: [{ a_count_with_a_very_long_name_that_says_all_there_is: { and_its_part: 1234567 } }],
};

describe("a list", () => {
  test.each(SUBJECTS)("of %s fits 100 columns, however long its texts are", (subject) => {
    const lines = listText(subject, full[subject], now).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines).toHaveLength(3);
  });

  test.each(SUBJECTS)("of no %s says so in words", (subject) => {
    expect(listText(subject, [], now)).toMatch(/^(nobody|no ).*\n$/);
  });

  test.each(SUBJECTS)("of %s takes what another version may answer", (subject) => {
    for (const odd of [null, 7, "x", [null, 7, [], {}], { [subject]: 1 }, [{ contacts: 3, dialogs: [null], activities: "x", since: 5 }]]) expect(typeof listText(subject, odd, now)).toBe("string");
  });

  test("shows addresses without a scheme, and times as lengths", () => {
    const state = { aor: "sip:101@tel.example.test", basic: "open", activities: ["meeting"], note: "In a meeting", since: time, source: "calendar" };
    expect(listText("presence", [state], now)).toBe(
      "WHO                   BASIC  ACTIVITY  NOTE          SINCE      SOURCE\n101@tel.example.test  open   meeting   In a meeting  3 min ago  calendar\n",
    );
  });
});

describe("why", () => {
  test("names the state, each source with its reason, the one that won, and who is told", () => {
    const text = whyText(
      {
        aor: "sip:101@tel.example.test",
        document: { basic: "open", activities: ["on-the-phone"], note: "On the phone", since: time, source: "dialog" },
        inputs: [
          { source: "dialog", kind: "confirmed", basic: null, activities: ["on-the-phone"], note: "On the phone", since: time, until: null, rank: 1, won: true, reason: "A call beats all." },
          { source: "publish", kind: "publish", basic: "open", activities: [], note: null, since: time, until: later, rank: 5, won: false, reason: "Beaten by the call." },
          { source: "publish", kind: "publish", basic: "closed", activities: [], note: null, since: null, until: time, rank: null, won: false, reason: "Lapsed." },
        ],
        watchers: [{ watcher: "sip:102@tel.example.test", event: "dialog", expires_at: later, user_agent: null }],
      },
      now,
    );
    expect(text).toBe(
      [
        "101@tel.example.test: On the phone · open · on-the-phone",
        "source: dialog, 3 min ago",
        "",
        "what each source says; * won",
        " * dialog (confirmed): On the phone · on-the-phone (3 min ago)",
        "     A call beats all.",
        "   publish: open (3 min ago · ends in 1 h)",
        "     Beaten by the call.",
        "   publish: closed (lapsed)",
        "     Lapsed.",
        "",
        "who is told",
        "   WATCHER               EVENT   WAS TOLD  WHEN  ANSWER  ENDS IN  PHONE",
        "   102@tel.example.test  dialog                          1 h",
        "",
      ].join("\n"),
    );
  });

  test("takes an empty answer", () => {
    expect(whyText({}, now)).toContain("nobody");
    expect(textOf({ a: 1 }, "a")).toBe("");
    expect(objectsOf(undefined)).toEqual([]);
  });
});

test("a terminal does not repeat the domain that all have; a pipe gets whole addresses", () => {
  const calls = [
    { call_id: "a", state: "confirmed", from: "sip:101@office.example", to: "sip:102@office.example", since: null },
    { call_id: "b", state: "early", from: "sip:+3225550100@carrier.example", to: "sip:103@office.example", since: null },
  ];
  expect(listText("calls", calls, 0, { columns: 80, isColoured: false })).toMatch(/^FROM.*\n101 +102 +confirmed.*\n\+3225550100@carrier\S+ +103 +early/);
  expect(listText("calls", calls, 0)).toContain("101@office.example ");
});
