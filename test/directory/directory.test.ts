import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { DirectoryFile, DirectoryUser } from "../../src/config/config.ts";
import { createDirectory } from "../../src/directory/directory.ts";
import type { DirectoryChange } from "../../src/directory/directory.ts";

const domain = "tel.example.test";
const own = new Set(["localhost", "laurel", "192.0.2.7", "2001:db8::7"]);
const ownHosts = (): ReadonlySet<string> => own;

function user(id: string, more: Partial<DirectoryUser> = {}): DirectoryUser {
  return { id, name: id, aliases: [], numbers: [], inbound: "none", secret: { kind: "password", password: `secret-${id}` }, ...more };
}

const file: DirectoryFile = {
  users: [
    user("101", { name: "Alice", aliases: ["Alice", "a.adams"], numbers: ["+32 475 00-01-01"], inbound: "anyone" }),
    user("102", { numbers: ["2001"] }),
    user("Bob"),
    user("front-desk"),
  ],
};

const directory = createDirectory({ domain, ownHosts }, file);

describe("isOwnDomain", () => {
  test.each(["tel.example.test", "TEL.Example.Test", "tel.example.test.", "localhost", "LAUREL", "192.0.2.7", "[2001:db8::7]", "2001:db8::7", "[2001:DB8:0:0::0007]"])("%s is ours", (host) => {
    expect(directory.isOwnDomain(host)).toBe(true);
  });
  test.each(["example.test", "tel.example.test.evil.test", "192.0.2.8", "[2001:db8::8]", "", "[", "[]", "[::g]", "tel.example.test:5060", "a:b", "[fe80::1%eth0]"])("%s is another's", (host) => {
    expect(directory.isOwnDomain(host)).toBe(false);
  });
});

describe("aorOf", () => {
  test.each([
    ["101", "101"],
    ["%31%30%31", "101"],
    ["101;phone-context=+32", "101"],
    ["1-0-1", "101"],
    ["(1)0.1", "101"],
    ["alice", "101"],
    ["ALICE", "101"],
    ["al%69ce", "101"],
    ["A.Adams", "101"],
    ["+32475000101", "101"],
    ["+32475000101;ext=5", "101"],
    ["+32(475)00.01-01", "101"],
    ["+32 475 00-01-01", "101"],
    ["%2B32475000101", "101"],
    ["32475000101", "101"],
    ["2001", "102"],
    ["+2001", "102"],
    ["Bob", "Bob"],
    ["front-desk", "front-desk"],
    ["bob", null],
    ["+101", null],
    ["frontdesk", null],
    ["1001", null],
    ["", null],
    ["+", null],
    ["-", null],
    [";101", null],
    ["%zz", null],
    ["%", null],
    ["__proto__", null],
    ["101@102", null],
    ["1".repeat(100_000), null],
    ["(".repeat(255), null],
  ])("%s is %s", (written, id) => {
    const expected = id === null ? null : aorOf(id, domain);
    for (const host of [domain, "192.0.2.7", "LOCALHOST"]) expect(directory.aorOf(written, host)).toBe(expected);
  });

  test("nobody lives at another's domain", () => {
    expect(directory.aorOf("101", "example.test")).toBe(null);
  });

  test("an id wins over another's number that reads alike", () => {
    const two = createDirectory({ domain, ownHosts }, { users: [user("101", { numbers: ["+102"] }), user("102")] });
    expect(two.aorOf("102", domain)).toBe(aorOf("102", domain));
    expect(two.aorOf("+102", domain)).toBe(aorOf("101", domain));
  });
});

test("passwords become hashes and are kept nowhere", () => {
  const alice = directory.user(aorOf("101", domain));
  expect(alice?.ha1).toEqual({
    md5: createHash("md5").update(`101:${domain}:secret-101`).digest("hex"),
    sha256: createHash("sha256").update(`101:${domain}:secret-101`).digest("hex"),
  });
  expect(alice).toMatchObject({ aor: "sip:101@tel.example.test", id: "101", name: "Alice", inbound: "anyone" });
  expect(JSON.stringify(directory.users())).not.toContain("secret-");
});

test("the hashes of RFC 2617 and RFC 7616 come out", () => {
  const rfc = createDirectory({ domain: "http-auth@example.org", ownHosts }, { users: [user("Mufasa", { secret: { kind: "password", password: "Circle of Life" } })] });
  expect(rfc.users()[0]?.ha1).toEqual({ md5: "3d78807defe7de2157e2b0b6573a855f", sha256: "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232" });
});

test("hashes of the file are taken as they are, and a user may have none", () => {
  const { users } = { users: [user("1", { secret: { kind: "ha1", md5: "ab" } }), user("2", { secret: { kind: "none" } })] };
  expect(createDirectory({ domain, ownHosts }, { users }).users().map((each) => each.ha1)).toEqual([{ md5: "ab" }, {}]);
});

test("a new file is taken over at once, and each listener is told what changed", () => {
  const changing = createDirectory({ domain, ownHosts }, file);
  const seen: DirectoryChange[] = [];
  const cancel = changing.onChange((change) => {
    expect(changing.aorOf("carol", domain)).toBe(aorOf("103", domain));
    seen.push(change);
  });
  const next = { users: [...file.users.slice(0, 2), user("Bob", { inbound: "anyone" }), user("103", { aliases: ["carol"] })] };
  changing.replace(next);
  expect(seen).toEqual([{ added: ["sip:103@tel.example.test"], changed: ["sip:Bob@tel.example.test"], removed: ["sip:front-desk@tel.example.test"], lists: [] }]);
  expect(changing.user(aorOf("front-desk", domain))).toBe(null);
  expect(changing.aorOf("front-desk", domain)).toBe(null);
  changing.replace(next);
  cancel();
  cancel();
  changing.replace(file);
  expect(seen).toHaveLength(1);
});

test("a changed password is a change", () => {
  const changing = createDirectory({ domain, ownHosts }, { users: [user("101")] });
  const seen: DirectoryChange[] = [];
  changing.onChange((change) => seen.push(change));
  changing.replace({ users: [user("101", { secret: { kind: "password", password: "new" } })] });
  expect(seen).toEqual([{ added: [], changed: ["sip:101@tel.example.test"], removed: [], lists: [] }]);
});

test("whatever the user part, the answer is a person of the directory or nobody", () => {
  const seed = 7;
  const random = seededRandom(seed);
  const letters = "01+-.()%;=aliceBob @\u0000\u00ff2%31";
  const aors = new Set<string | null>([null, ...directory.users().map((each) => each.aor)]);
  for (let round = 0; round < 20_000; round++) {
    const written = Array.from({ length: random.below(12) }, () => letters.charAt(random.below(letters.length))).join("");
    expect(aors.has(directory.aorOf(written, domain)), `seed ${String(seed)}: ${JSON.stringify(written)}`).toBe(true);
  }
});
