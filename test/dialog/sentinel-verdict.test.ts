import { describe, expect, test } from "vitest";
import { noDoubt, sentinelVerdict, type Doubt, type ProbeAnswer, type ProbeRound } from "../../src/dialog/sentinel-verdict.ts";

const round = (kind: ProbeRound["kind"], caller: ProbeAnswer, callee: ProbeAnswer): ProbeRound => ({ kind, caller, callee });
/** A round of a minute; phones are out of reach for long after five. */
const TIMES = { beganAtMs: 1_000_000, endedAtMs: 1_060_000, unreachableMs: 300_000 };
const said = (one: ProbeRound, doubt: Partial<Doubt> = {}, hasSessionLapsed = false): string => {
  const verdict = sentinelVerdict(one, { ...noDoubt, ...doubt }, hasSessionLapsed, TIMES);
  return verdict.kind === "dead" ? `dead: ${verdict.reason}` : verdict.kind === "again" ? `again ${verdict.round}` : verdict.kind;
};

describe("what a round of probes proves", () => {
  test.each<[string, ProbeRound, Partial<Doubt>, boolean, string]>([
    ["both answer: it lives", round("within", "alive", "alive"), {}, false, "alive"],
    ["one is silent, the other answers: his peer would say BYE", round("within", "silent", "alive"), {}, false, "alive"],
    ["one cannot be reached, the other answers", round("within", "alive", "unreachable"), {}, false, "alive"],
    ["481 is asked for a second time", round("within", "lost", "alive"), {}, false, "again within"],
    ["481 twice", round("within", "alive", "lost"), { wasLost: true }, false, "dead: lost"],
    ["481 once, then an answer: it had crossed with something", round("within", "alive", "alive"), { wasLost: true }, false, "alive"],
    ["481 and silence", round("within", "lost", "silent"), { wasLost: true }, false, "dead: lost"],
    ["both silent within the dialog: perhaps they only ignore what they do not understand", round("within", "silent", "silent"), {}, false, "again outside"],
    ["both silent to everything", round("outside", "silent", "silent"), {}, false, "dead: silent"],
    ["silent within, but one answers outside: it ignores OPTIONS in dialogs", round("outside", "silent", "alive"), {}, false, "alive"],
    ["481 to what belongs to no dialog says nothing", round("outside", "lost", "lost"), {}, false, "alive"],
    ["both out of reach: connections come back", round("outside", "unreachable", "unreachable"), {}, false, "wait"],
    ["one silent, one out of reach", round("outside", "silent", "unreachable"), {}, false, "wait"],
    ["both out of reach for long", round("outside", "unreachable", "unreachable"), { muteSinceMs: 760_000 }, false, "dead: unreachable"],
    ["both out of reach, not yet for long", round("outside", "unreachable", "silent"), { muteSinceMs: 761_000 }, false, "wait"],
    ["no refresh of the session came, but both answer", round("within", "alive", "alive"), {}, true, "alive"],
    ["no refresh came and one is silent", round("within", "silent", "alive"), {}, true, "again outside"],
    ["no refresh came and one stays silent", round("outside", "silent", "alive"), {}, true, "dead: session"],
    ["no refresh came and one is out of reach", round("outside", "alive", "unreachable"), {}, true, "dead: session"],
  ])("%s", (_name, one, doubt, hasSessionLapsed, expected) => {
    expect(said(one, doubt, hasSessionLapsed)).toBe(expected);
  });

  test("nothing is dead at the first 481, nor while one side answers", () => {
    const answers: ProbeAnswer[] = ["lost", "alive", "silent", "unreachable"];
    for (const caller of answers) for (const callee of answers) for (const kind of ["within", "outside"] as const) {
      const verdict = sentinelVerdict(round(kind, caller, callee), { wasLost: false, muteSinceMs: 760_000 }, false, TIMES);
      const isMute = (answer: ProbeAnswer): boolean => answer === "silent" || answer === "unreachable";
      if (verdict.kind === "dead") expect([kind, isMute(caller) && isMute(callee)], `${kind} ${caller} ${callee}`).toEqual(["outside", true]);
      if (verdict.kind === "wait") expect(verdict.doubt.wasLost).toBe(false);
    }
  });
});
