import { describe, expect, test } from "vitest";
import { imWord } from "../../src/documents/im-status.ts";
import { acceptedForm, PRESENCE_FORMS, renderPresence } from "../../src/documents/presence-body.ts";
import { parsePidf, renderPidf, type PidfState } from "../../src/documents/pidf.ts";
import { ACTIVITY_NAMES, type ActivityName } from "../../src/documents/rpid.ts";
import { schemaMistakes, skipsWithoutXmllint } from "./xmllint.ts";

const state = (basic: "open" | "closed", note: string, ...names: readonly ActivityName[]): PidfState => ({ basic, note, activities: names.map((name) => ({ name })), since: 0 });

describe("XPIDF", () => {
  test.each([
    [state("open", "Available"), "open", "online"],
    [state("open", "Working", "working"), "open", "online"],
    [state("open", "Ringing", "on-the-phone"), "inuse", "onthephone"],
    [state("open", "Away", "away"), "open", "away"],
    [state("open", "Lunch", "meal"), "open", "away"],
    [state("open", "Busy", "busy"), "inuse", "busy"],
    [state("open", "In a meeting", "meeting"), "inuse", "busy"],
    [state("closed", "In a meeting", "meeting"), "closed", "offline"],
    [state("closed", "Offline"), "closed", "offline"],
  ])("%j is %s/%s", (value, status, substatus) => {
    const { body, contentType } = renderPresence("xpidf", value, "sip:2101@d");
    expect(contentType).toBe("application/xpidf+xml");
    expect(body).toContain(`<status status="${status}"/>\n   <msnsubstatus substatus="${substatus}"/>`);
    expect(body).toContain('<presentity uri="sip:2101@d;method=SUBSCRIBE"/>\n <atom id="2101">\n  <address uri="sip:2101@d;user=ip" priority="0.800000">');
  });

  test("a user part with markup stays text", () => {
    expect(renderPresence("xpidf", state("open", ""), 'sip:a"<b@d').body).toContain('<atom id="a&quot;&lt;b">');
  });
});

describe("the old im: status", () => {
  test.each([
    ["Available", state("open", "anything")],
    ["Offline", state("closed", "Offline")],
    ["On the phone", state("open", "Ringing", "on-the-phone")],
    ["Lunch", state("open", "", "meal")],
    ["Busy", state("open", "Busy", "busy")],
    ["Do not disturb", state("open", "Do not disturb", "busy")],
    ["Meeting", state("open", "", "meeting")],
    ["Holiday", state("open", "", "vacation")],
    ["Busy", state("open", "", "appointment")],
    ["Away", state("open", "", "steering")],
  ])("is %s for %j", (word, value) => {
    expect(imWord(value)).toBe(word);
    expect(parsePidf(renderPresence("im", value, "sip:1@d").body).tuples[0]?.im).toBe(word);
  });

  test("what a phone published in it is passed on as it came", () => {
    expect(renderPresence("im", { ...state("open", "Lunch", "meal"), im: "Mittag" }, "sip:1@d").body).toContain(">Mittag</im:im>");
  });
});

test("every form has one tuple and one person, or is XPIDF", () => {
  for (const form of PRESENCE_FORMS) {
    for (const name of ACTIVITY_NAMES) {
      const { body, contentType } = renderPresence(form, state("open", "<&>", name), "sip:1@d");
      if (contentType !== "application/pidf+xml") continue;
      const parsed = parsePidf(body);
      expect([parsed.tuples.length, parsed.persons.length, parsed.notes], `${form} ${name}`).toEqual([1, 1, ["<&>"]]);
    }
  }
});

test.each([
  ["pidf", [], "pidf"],
  ["xpidf", [], "xpidf"],
  ["xpidf", ["application/pidf+xml"], "pidf"],
  ["im", ["application/xpidf+xml"], "xpidf"],
  ["im", ["application/pidf+xml", "application/xpidf+xml"], "im"],
  ["xpidf", ["application/pidf+xml", "application/xpidf+xml"], "xpidf"],
] as const)("a phone of form %s that accepts %j gets %s", (wanted, accept, form) => {
  expect(acceptedForm(wanted, accept)).toBe(form);
});

describe("contact information of RFC 4482", () => {
  const cipid = new Map([
    ["display-name", "Zo\u00eb <boss>"],
    ["homepage", "https://example.test/a?b=c&d=%20"],
    ["card", "https://example.test/with space"],
    ["icon", "javascript:alert(1)"],
    ["map", "https://example.test/%zz"],
    ["sound", "cid:ring@example.test"],
    ["shoe-size", "44"],
  ]);
  const body = renderPidf({ ...state("open", "x", "away"), cipid }, "sip:1@d");

  test("is written for names that it has and addresses that are some", () => {
    expect([...parsePidf(body).cipid]).toEqual([["display-name", "Zo\u00eb <boss>"], ["homepage", "https://example.test/a?b=c&d=%20"], ["sound", "cid:ring@example.test"]]);
  });

  test.skipIf(skipsWithoutXmllint)("is valid by its schema", () => {
    expect(schemaMistakes(new Map([["cipid", body]]))).toEqual([]);
  });
});
