import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { parseDialogInfo, renderDialogInfo, renderDialogInfoParts, type DialogView } from "../../src/documents/dialog-info.ts";
import { golden } from "./golden.ts";
import { samples } from "./samples.ts";
import { schemaMistakes, skipsWithoutXmllint } from "./xmllint.ts";

const ringing: DialogView = {
  id: "d1",
  callId: "CID",
  localTag: "CALLEE",
  remoteTag: "CALLER",
  direction: "recipient",
  state: "early",
  local: { uri: "sip:2101@d", display: "Bob" },
  remote: { uri: "sip:2102@d", display: "Alice" },
};
const calling: DialogView = { ...ringing, direction: "initiator", localTag: "CALLER", remoteTag: "CALLEE" };

/** The table of golden documents, lamps. */
const lamps: readonly (readonly [string, number, readonly DialogView[]])[] = [
  ["idle", 0, []],
  ["ringing", 6, [ringing]],
  ["calling-untagged", 1, [{ ...calling, state: "trying", remoteTag: "" }]],
  ["calling", 2, [calling]],
  ["talking", 7, [{ ...ringing, state: "confirmed" }]],
  ["held", 8, [{ ...ringing, state: "confirmed", onHold: true }]],
  ["ended", 9, [{ ...ringing, state: "terminated" }]],
];

describe("renderDialogInfo", () => {
  test.each(lamps)("writes %s as the golden document", (name, version, dialogs) => {
    expect(renderDialogInfo({ entity: "sip:2101@d", version, state: "full", dialogs })).toBe(golden(`lamp-${name}`));
  });

  test("the version stands between head and tail", () => {
    const { head, tail } = renderDialogInfoParts("sip:2101@d", [ringing]);
    expect(`${head}6${tail}`).toBe(golden("lamp-ringing"));
  });

  test("a side without an address is left out: privacy", () => {
    expect(renderDialogInfo({ entity: "sip:1@d", version: 0, state: "full", dialogs: [{ ...ringing, remote: { uri: "" } }] })).not.toContain("<remote>");
  });

  test("the dummy dialog is named for the user, or 0 where there is none", () => {
    expect(renderDialogInfo({ entity: "sip:tel.example.test", version: 0, state: "full", dialogs: [] })).toContain('<dialog id="0"><state>terminated</state></dialog>');
  });

  test("a display name's bytes stay UTF-8", () => {
    const display = Buffer.from("Zoë", "utf8").toString("latin1");
    const body = renderDialogInfo({ entity: "sip:1@d", version: 0, state: "full", dialogs: [{ ...ringing, remote: { uri: "sip:2@d", display } }] });
    expect(Buffer.from(body, "latin1").toString("utf8")).toContain('display="Zoë"');
    expect(parseDialogInfo(body).dialogs[0]?.remote?.display).toBe(display);
  });
});

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 12 });
const party = fc.record({ uri: bytes.map((user) => `sip:${user}@d`), display: bytes, target: bytes.map((user) => `sip:${user}@192.0.2.1:5060;ob`) }, { requiredKeys: ["uri"] });
const anyDialog: fc.Arbitrary<DialogView> = fc.record(
  {
    id: bytes,
    callId: bytes,
    localTag: bytes,
    remoteTag: bytes,
    direction: fc.constantFrom("initiator" as const, "recipient" as const),
    state: fc.constantFrom("trying" as const, "proceeding" as const, "early" as const, "confirmed" as const, "terminated" as const),
    local: party,
    remote: party,
    onHold: fc.boolean(),
  },
  { requiredKeys: ["id", "callId", "localTag", "remoteTag", "direction", "state", "local", "remote"] },
);

describe.skipIf(skipsWithoutXmllint)("the schema of RFC 4235", () => {
  test("accepts every golden document", () => {
    expect(schemaMistakes(new Map(lamps.map(([name]) => [name, golden(`lamp-${name}`)])))).toEqual([]);
  });

  test("accepts 300 documents of made-up dialogs, with any bytes in them", () => {
    const made = fc.sample(fc.array(anyDialog, { maxLength: 4 }), { numRuns: 300, seed: 4235 });
    const documents = new Map(made.map((dialogs, version) => [`document ${version}`, renderDialogInfo({ entity: "sip:2101@d", version, state: "full", dialogs })]));
    expect(schemaMistakes(documents)).toEqual([]);
  });

  test("refuses a dialog without a state, so that this check checks", () => {
    expect(schemaMistakes(new Map([["wrong", golden("lamp-idle").replace(/<state>.*<\/state>/, "")]]))).not.toEqual([]);
  });
});

test("what is written is read back (seed 4235)", () => {
  const plain = fc.stringMatching(/^[A-Za-z0-9.@&<"'+-]{1,12}$/);
  fc.assert(
    fc.property(fc.array(anyDialog, { maxLength: 3 }), plain, (dialogs, callId) => {
      const named = dialogs.map((dialog) => ({ ...dialog, callId, remote: { uri: "sip:2@d" } }));
      const parsed = parseDialogInfo(renderDialogInfo({ entity: "sip:1@d", version: 5, state: "full", dialogs: named }));
      const expected = named.length === 0 ? [["terminated", undefined, undefined]] : named.map((dialog) => [dialog.state, dialog.direction, callId]);
      expect(parsed.dialogs.map((dialog) => [dialog.state, dialog.direction, dialog.callId])).toEqual(expected);
      if (named.length > 0) expect(parsed.dialogs.map((dialog) => dialog.onHold)).toEqual(named.map((dialog) => dialog.onHold === true));
    }),
    { seed: 4235, numRuns: 200 },
  );
});

describe("parseDialogInfo", () => {
  test.each([...samples].filter(([name]) => name.includes("-dialog-info")))("reads %s", (_, body) => {
    const parsed = parseDialogInfo(body);
    expect(parsed.state).toBe("full");
    for (const dialog of parsed.dialogs) {
      expect(dialog.state).toMatch(/^(trying|early|confirmed|terminated)$/);
      expect(dialog.callId).not.toBe("");
    }
  });

  test("kamailio: a ringing call with its tags, the remote side first", () => {
    expect(parseDialogInfo(samples.get("33-kamailio-notify-dialog-info.xml") ?? "")).toEqual({
      entity: "sip:1002@127.0.0.1",
      version: 2,
      state: "full",
      dialogs: [
        {
          id: "padi-6b00d616-15d5-1",
          callId: "1-5831@127.0.0.1",
          localTag: "5703SIPpTag011",
          remoteTag: "5831SIPpTag001",
          direction: "recipient",
          state: "early",
          local: { uri: "sip:1002@127.0.0.1:5060", target: "sip:127.0.0.1:5090;transport=UDP" },
          remote: { uri: "sip:sipp@127.0.0.1:5091", target: "sip:sipp@127.0.0.1:5091" },
          onHold: false,
        },
      ],
    });
  });

  test("pvalue for pval, a partial document, a foreign version", () => {
    const parsed = parseDialogInfo(
      '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="x" state="partial" entity="sip:1@d"><dialog id="1"><state>Confirmed</state>' +
        '<local><target uri="sip:1@d"><param pname="+sip.rendering" pvalue="no"/></target></local></dialog></dialog-info>',
    );
    expect(parsed).toMatchObject({ state: "partial", version: 0, dialogs: [{ state: "confirmed", onHold: true, local: { uri: "sip:1@d" } }] });
  });

  test.each([
    ["another document", "<presence/>"],
    ["a dialog without a state", '<dialog-info><dialog id="1"/></dialog-info>'],
    ["an unknown state", '<dialog-info><dialog id="1"><state>ringing</state></dialog></dialog-info>'],
  ])("refuses %s", (_, body) => {
    expect(() => parseDialogInfo(body)).toThrow(ParseError);
  });
});
