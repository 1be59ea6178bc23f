import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "./repository.ts";

/** A tree in which every line of the import table is broken once, and the rule that must say so. */
const BROKEN: readonly (readonly [path: string, text: string, rule: string])[] = [
  ["src/base/upward.ts", 'import { uri } from "../sip/uri.ts";\nexport const a = uri;', "layer-base"],
  ["src/sip/upward.ts", 'import type { P } from "../proxy/port.ts";\nexport type Q = P;', "layer-sip"],
  ["src/registrar/upward.ts", 'export { merge } from "../presence/merge.ts";', "layer-registrar"],
  ["src/blf/sideways.ts", 'import { pick } from "../pickup/pick.ts";\nexport const b = pick;', "layer-blf"],
  ["src/proxy/top.ts", 'import { features } from "../features.ts";\nexport const f = features;', "nothing-imports-the-top"],
  ["src/dialog/circle.ts", 'import { there } from "./there.ts";\nexport const here = 1 + there;', "no-circles"],
  ["src/agent/package.ts", 'import WebSocket from "ws";\nexport const w = WebSocket;', "home-of-ws"],
  ["src/config/command.ts", 'import { Command } from "commander";\nexport const c = Command;', "home-of-commander"],
  ["src/store/homeless.ts", 'import ts from "typescript";\nexport const t = ts;', "package-without-a-home"],
  ["src/nowhere/new.ts", "export const n = 1;", "known-folder"],
  ["src/dns/missing.ts", 'import { x } from "./not-there.ts";\nexport const y = x;', "no-unresolved"],
];

/** What the same table allows. */
const SOUND: readonly (readonly [path: string, text: string])[] = [
  ["src/sip/uri.ts", 'import { clock } from "../base/clock.ts";\nexport const uri = clock;'],
  ["src/base/clock.ts", 'import { readFileSync } from "node:fs";\nexport const clock = readFileSync;'],
  ["src/proxy/port.ts", 'import { user } from "../directory/user.ts";\nexport type P = typeof user;'],
  ["src/directory/user.ts", "export const user = 1;"],
  ["src/presence/merge.ts", 'import { uri } from "../sip/uri.ts";\nexport const merge = uri;'],
  ["src/pickup/pick.ts", "export const pick = 1;"],
  ["src/features.ts", 'import { pick } from "./pickup/pick.ts";\nexport const features = [pick];'],
  ["src/main.ts", 'import { Command } from "commander";\nimport { features } from "./features.ts";\nexport const m = [Command, features];'],
  ["src/dialog/there.ts", 'import { here } from "./circle.ts";\nexport const there = here;'],
  ["src/sip/socket.ts", 'import WebSocket from "ws";\nexport const w = WebSocket;'],
];

interface Cruise {
  readonly summary: { readonly totalCruised: number; readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[] };
}

describe("the import table", () => {
  const folder = mkdtempSync(join(tmpdir(), "lamplight-layers-"));
  let summary: Cruise["summary"];

  beforeAll(() => {
    for (const [path, text] of [...BROKEN, ...SOUND]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "module": "NodeNext", "allowImportingTsExtensions": true, "noEmit": true } }');
    const depcruise = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
    const run = spawnSync(process.execPath, [depcruise, "--config", join(root, ".dependency-cruiser.cjs"), "--output-type", "json", "src"], { cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    if (!run.stdout.startsWith("{")) throw new Error(`${run.stdout}\n${run.stderr}`);
    summary = (JSON.parse(run.stdout) as Cruise).summary;
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("is held against every file", () => {
    expect(summary.totalCruised).toBeGreaterThanOrEqual(BROKEN.length + SOUND.length);
  });

  test.each(BROKEN)("%s breaks a rule", (path, _text, rule) => {
    expect(summary.violations.filter(({ from }) => from === path).map((violation) => violation.rule.name)).toContain(rule);
  });

  test("finds nothing wrong with what it allows", () => {
    const sound = SOUND.map(([path]) => path).filter((path) => path !== "src/dialog/there.ts");
    expect(summary.violations.filter(({ from }) => sound.includes(from))).toEqual([]);
  });
});
