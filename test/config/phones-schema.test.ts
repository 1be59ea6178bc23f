import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import type { PhoneRule } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/loader.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplight-phones-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** The rules of a configuration, or its mistakes from the line on. */
function read(phones: string, more = ""): readonly PhoneRule[] | readonly string[] {
  const path = join(folder, "lamplight.yaml");
  writeFileSync(path, `domain: tel.example.test\n${more}phones:\n${phones}`);
  try {
    return loadConfig(path, {}).config.phones;
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    return err.message.split("\n").map((line) => line.slice(line.indexOf("lamplight.yaml")));
  }
}

test("rules are read as they are written; what is left out stays the built-in list's affair", () => {
  expect(read('  - { match: "^snom", publish: im, pickup: replaces }\n  - { match: Console, profile: polycom, dialogs: one, alert_info: bellcore, digest: [MD5], lists: linphone, gone: [489], overload: 503 }\n')).toEqual([
    { match: "^snom", profile: null, publish: "im", pickup: "replaces" },
    { match: "Console", profile: "polycom", dialogs: "one", alertInfo: "bellcore", digest: ["MD5"], lists: "linphone", gone: [489], overload: 503 },
  ]);
});

test.each([
  ['  - { match: "(" }\n', /^lamplight\.yaml:3:14: "phones\.match" is no regular expression \(.+\); write a regular expression such as "\^snom"$/],
  ["  - { pickup: code }\n", /^lamplight\.yaml:3:5: "phones\.match" is missing; write "match: …", a regular expression such as "\^snom"$/],
  ["  - { match: x, profile: snomm }\n", /^lamplight\.yaml:3:26: "snomm" does not fit "phones\.profile"; write snom$/],
  ["  - { match: x, presence: pdif }\n", /^lamplight\.yaml:3:27: "pdif" does not fit "phones\.presence"; write pidf$/],
  ["  - { match: x, pickupp: code }\n", /^lamplight\.yaml:3:17: unknown key "pickupp"; write "pickup"$/],
  ["  - { match: x, gone: [200] }\n", /^lamplight\.yaml:3:24: "200" does not fit "phones\.gone"; write a status from 400 to 699$/],
  ["  - { match: x, overload: 500 }\n", /^lamplight\.yaml:3:27: "500" does not fit "phones\.overload"; write (?:480, 503 or )?\d+$/],
  ["  - { match: x, digest: [SHA-256] }\n", /^lamplight\.yaml:3:25: "authentication\.algorithms" does not offer SHA-256; add it there, or write some of \[MD5\]$/],
  ["  - { match: x, digest: [] }\n", /^lamplight\.yaml:3:25: no algorithm is offered to this phone; write some of \[MD5\], or remove "digest"$/],
  ["  snom\n", /^lamplight\.yaml:3:3: "snom" does not fit "phones"; write a list such as /],
])("%j is refused at its place", (phones, message) => {
  expect(read(phones)).toEqual([expect.stringMatching(message)]);
});

test("a phone may be offered less than everyone", () => {
  expect(read("  - { match: x, digest: [MD5] }\n", "authentication: { algorithms: [SHA-256, MD5] }\n")).toEqual([{ match: "x", profile: null, digest: ["MD5"] }]);
});
