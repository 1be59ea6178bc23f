import { join } from "node:path";
import { expect, test } from "vitest";
import { checkConfig } from "../../src/config/check.ts";
import { folderWith, goodDirectory } from "./config-folder.ts";

test("a right configuration ends with 0 and says what it holds", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: tel.example.test\nweb: { token: abc }\n", "directory.yaml": goodDirectory });
  const path = join(folder, "lamplight.yaml");
  expect(checkConfig(path, {})).toEqual({ exitCode: 0, lines: [`${path} has no mistakes: domain tel.example.test, 2 listen addresses, 2 users`] });
});

test("warnings come first and do not have the form of a mistake", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: tel.example.test\nlisten: [udp://0.0.0.0:5060]\nauthentication: { require: none }\n" });
  const { exitCode, lines } = checkConfig(join(folder, "lamplight.yaml"), {});
  expect(exitCode).toBe(0);
  expect(lines).toEqual([
    'warning: "authentication.require: none" takes any user of the domain at his word: for benchmarks alone',
    'warning: "web" has no token: nobody is let into the pages and the API; write "token" or "token_env"',
    `warning: there is no ${folder}/directory.yaml: nobody can register`,
    `${folder}/lamplight.yaml has no mistakes: domain tel.example.test, 1 listen address, 0 users`,
  ]);
  for (const line of lines) expect(line).not.toMatch(/:\d+:\d+: /);
});

test("a wrong configuration ends with 2 and prints one line a mistake, nothing else", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: tel.example.test\nrole: boss\nlisen: []\n", "directory.yaml": "users: [{ id: a }]\n" });
  const { exitCode, lines } = checkConfig(join(folder, "lamplight.yaml"), {});
  expect(exitCode).toBe(2);
  expect(lines).toEqual([
    `${folder}/lamplight.yaml:2:7: "boss" does not fit "role"; write main`,
    `${folder}/lamplight.yaml:3:1: unknown key "lisen"; write "listen"`,
    `${folder}/directory.yaml:1:9: user "a" has no password; write "password: …", or "ha1: { MD5: … }"`,
  ]);
});
