import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../src/base/errors.ts";
import { pastMoment } from "../src/query-time.ts";
import { runSimulation } from "../src/simulate-command.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplight-simulate-"));
  writeFileSync(join(folder, "lamplight.yaml"), "domain: tel.example.test\nweb: { auth: none }\npresence: { early: busy }\n");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function simulated(text: string, isJson = false): string {
  const path = join(folder, "situation.yaml");
  writeFileSync(path, text);
  let printed = "";
  expect(runSimulation({ path, configPath: join(folder, "lamplight.yaml"), isJson }, {}, (part) => (printed += part))).toBe(0);
  return printed;
}

const SITUATION = `
at: 2026-11-20T14:45:00Z
inputs:
  - { source: registration }
  - { source: calendar, activities: [meeting], from: 2026-11-20T14:00:00Z, until: 2026-11-20T15:00:00Z }
  - { source: dialog, kind: early, since: 2026-11-20T14:44:50Z }
`;

describe("lamplight simulate", () => {
  test("says what would be and why, by the settings of the configuration", () => {
    expect(simulated(SITUATION)).toBe(
      `it would be: Busy · open · busy
source: dialog
at 2026-11-20T14:45:00.000Z, with primary_source: calendar, early: busy, basic_from: reachability

what each source says; * won
 * dialog (early): on-the-phone (10 s ago)
     A ringing call beats every other source; early: busy shows it as busy. Being in a call, the person can be reached: basic open.
   calendar: meeting (45 min ago · ends in 15 min)
     Beaten by the call: a call beats every other source.
   registration: open (0 s ago)
     Beaten by the call: a call beats every other source.
   something begins or lapses in 15 min
`,
    );
  });

  test("reads JSON, and a list alone", () => {
    expect(JSON.parse(simulated('[{"source":"publish","activities":["away"]}]', true))).toMatchObject({ document: { source: "publish", activities: ["away"] }, routing: null, settings: { early: "busy" } });
  });

  test.each([
    ["what is no YAML", "inputs: [", /situation\.yaml: /],
    ["a word that is wrong", "inputs: [{ source: telepathy }]", /inputs\[0\]\."source": write dialog, override/],
    ["nothing", "", /this is nothing; write an object/],
  ])("%s is refused", (_, text, message) => {
    expect(() => simulated(text)).toThrow(ConfigError);
    expect(() => simulated(text)).toThrow(message);
  });

  test("a file that is not there is refused", () => {
    expect(() => runSimulation({ path: join(folder, "none"), configPath: join(folder, "lamplight.yaml"), isJson: false }, {}, () => undefined)).toThrow(/it cannot be read \(ENOENT\)/);
  });
});

describe("a moment that is over", () => {
  const now = new Date(2026, 10, 20, 14, 30).getTime();
  test.each([
    ["14:03", new Date(2026, 10, 20, 14, 3).getTime()],
    ["14:03:20", new Date(2026, 10, 20, 14, 3, 20).getTime()],
    ["15:00", new Date(2026, 10, 19, 15, 0).getTime()],
    ["10m", now - 600_000],
    ["2026-11-20T09:00:00Z", Date.UTC(2026, 10, 20, 9)],
    ["2026-11-20T09:00+02:00", Date.UTC(2026, 10, 20, 7)],
  ])("%s", (text, expected) => {
    expect(pastMoment(text, now)).toBe(expected);
  });
  test.each(["", "25:00", "14:60", "noon", "2999-01-01T00:00:00Z"])('"%s" is refused', (text) => {
    expect(() => pastMoment(text, now)).toThrow(ConfigError);
  });
});
