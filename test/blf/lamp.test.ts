import { describe, expect, test } from "vitest";
import { DIALOGS_SHOWN_MAX, lampOf, shownDialogs } from "../../src/blf/lamp.ts";
import { renderDialogInfo, type DialogState, type DialogView } from "../../src/documents/dialog-info.ts";
import { golden } from "../documents/golden.ts";

const dialog = (direction: DialogView["direction"], state: DialogState, onHold = false): DialogView => ({
  id: `${direction}-${state}`,
  callId: "CID",
  localTag: "CALLEE",
  remoteTag: "CALLER",
  direction,
  state,
  local: { uri: "sip:2101@d", display: "Bob" },
  remote: { uri: "sip:2102@d", display: "Alice" },
  onHold,
});
const [rings, talks, held, calls, ended] = [dialog("recipient", "early"), dialog("initiator", "confirmed"), dialog("recipient", "confirmed", true), dialog("initiator", "early"), dialog("recipient", "terminated")];

describe("lampOf", () => {
  test.each([
    ["no dialog", [], "idle"],
    ["a call that ended", [ended], "idle"],
    ["a phone that has not rung yet", [dialog("recipient", "trying")], "idle"],
    ["a phone that rings", [rings], "ringing"],
    ["a phone that answered without a tag", [dialog("recipient", "proceeding")], "ringing"],
    ["a call that was just dialled", [dialog("initiator", "trying")], "calling"],
    ["a call out that rings", [calls], "calling"],
    ["a call", [talks], "talking"],
    ["a held call", [held], "held"],
    ["a second call that rings while he talks: it can be picked up", [talks, rings], "ringing"],
    ["… and is given up by its caller", [talks, ended], "talking"],
    ["one call held, one talked on", [held, talks], "talking"],
    ["one call held while another is dialled", [held, calls], "calling"],
  ] as const)("%s: %s is %s", (_, dialogs, lamp) => {
    expect(lampOf(dialogs)).toBe(lamp);
    expect(lampOf(dialogs.toReversed())).toBe(lamp);
  });
});

describe("shownDialogs", () => {
  test("the one that the lamp follows comes first, an ended one last", () => {
    expect(shownDialogs([ended, held, calls, talks, rings])).toEqual([rings, talks, calls, held, ended]);
  });

  test("a call that has not rung yet is shown, before those that ended", () => {
    const tries = dialog("recipient", "trying");
    expect(shownDialogs([ended, tries])).toEqual([tries, ended]);
  });

  test("no more than a phone can bear", () => {
    expect(shownDialogs(Array.from({ length: 50 }, () => talks))).toHaveLength(DIALOGS_SHOWN_MAX);
    expect(shownDialogs([talks, rings], 1)).toEqual([rings]);
  });

  test("the document after a call's end still holds it, the dummy is only for a user without any", () => {
    const after = (dialogs: readonly DialogView[], version: number): string => renderDialogInfo({ entity: "sip:2101@d", version, state: "full", dialogs: shownDialogs(dialogs) });
    expect(after([{ ...ended, id: "d1" }], 9)).toBe(golden("lamp-ended"));
    expect(after([], 0)).toBe(golden("lamp-idle"));
  });
});
