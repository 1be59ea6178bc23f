import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { seededRandom, systemRandom } from "../../src/base/random.ts";
import { writeFirstConfig } from "../../src/config/first-run.ts";
import { loadConfig } from "../../src/config/loader.ts";
import { folderWith, goodDirectory } from "./config-folder.ts";

const host = { addresses: ["fe80::1", "192.0.2.7"] };

test("a first start makes a configuration that loads without mistake or warning, for the owner's eyes alone", () => {
  const folder = folderWith({});
  const path = join(folder, "lamplight.yaml");
  const made = writeFirstConfig(path, systemRandom(), host);
  expect(made.files).toEqual([path, join(folder, "directory.yaml")]);
  for (const file of made.files) expect(statSync(file).mode & 0o777).toBe(0o600);
  const { config, directory, warnings } = loadConfig(path, {});
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({ domain: "lamplight.internal", web: { address: "127.0.0.1", port: 8080, auth: "token", token: made.token } });
  expect(directory.users.map(({ id, name, aliases, secret }) => [id, name, aliases, secret])).toEqual(
    made.users.map(({ id, name, alias, password }) => [id, name, [alias], { kind: "password", password }]),
  );
  expect(made.users.map(({ id, name }) => `${id} ${name}`)).toEqual(["101 Alice Adams", "102 Bob Brown", "103 Carol Clark", "104 Dan Dover"]);
});

test("passwords are long, all different, and easily typed; the token is long", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { users, token } = writeFirstConfig(join(folderWith({}), "lamplight.yaml"), seededRandom(seed), host);
    for (const { password } of users) expect(password, `seed ${String(seed)}`).toMatch(/^[a-hjkmnp-z2-9]{12}$/);
    expect(new Set(users.map((user) => user.password)).size, `seed ${String(seed)}`).toBe(4);
    expect(token).toMatch(/^[0-9a-f]{32}$/);
  }
});

test("what is printed names the files, every password, the address for phones and the web address", () => {
  const folder = folderWith({});
  const { lines, users, token } = writeFirstConfig(join(folder, "lamplight.yaml"), seededRandom(1), host);
  const text = lines.join("\n");
  for (const part of [join(folder, "lamplight.yaml"), join(folder, "directory.yaml"), "192.0.2.7", "http://127.0.0.1:8080", token, ...users.map((user) => user.password)]) expect(text).toContain(part);
});

test("an existing configuration is never overwritten", () => {
  const folder = folderWith({ "lamplight.yaml": "domain: a.test\n" });
  const path = join(folder, "lamplight.yaml");
  expect(() => writeFirstConfig(path, seededRandom(1), host)).toThrow(UnavailableError);
  expect(readFileSync(path, "utf8")).toBe("domain: a.test\n");
  expect(existsSync(join(folder, "directory.yaml"))).toBe(false);
});

test("an existing directory is kept and used", () => {
  const folder = folderWith({ "directory.yaml": goodDirectory });
  const path = join(folder, "lamplight.yaml");
  const { users, files, lines } = writeFirstConfig(path, seededRandom(1), host);
  expect(users).toEqual([]);
  expect(files).toEqual([path]);
  expect(lines).toContain(`The users are those of ${folder}/directory.yaml.`);
  expect(readFileSync(join(folder, "directory.yaml"), "utf8")).toBe(goodDirectory);
  expect(loadConfig(path, {}).directory.users.map((user) => user.id)).toEqual(["101", "102"]);
});

test("a folder that cannot be written is one clear failure", () => {
  const folder = folderWith({ file: "" });
  expect(() => writeFirstConfig(join(folder, "file", "lamplight.yaml"), seededRandom(1), host)).toThrow(/cannot be written/);
});
