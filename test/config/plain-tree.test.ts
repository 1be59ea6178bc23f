import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { plainTree } from "../../src/config/plain-tree.ts";
import { parseYaml } from "../../src/config/yaml-tree.ts";
import type { MapValue } from "../../src/config/yaml-value.ts";

/** What the whole parser makes of it: a comment with a tab, that changes nothing, keeps the short way from being taken. */
function whole(text: string): { readonly root: MapValue | null; readonly mistakes: number } {
  const { root, report } = parseYaml(`${text}${text.endsWith("\n") ? "" : "\n"}#\t\n`, "f.yaml", 0, {});
  return { root, mistakes: report.mistakes.length };
}

/** True when the short way read it, in which case it read what the whole parser reads. */
function agrees(text: string, message: string): boolean {
  if (plainTree(text, () => "text")?.kind !== "map") return false;
  const { root, report } = parseYaml(text, "f.yaml", 0, {});
  expect(report.mistakes, message).toEqual([]);
  const other = whole(text);
  expect(other.mistakes, message).toBe(0);
  expect(root, message).toEqual(other.root);
  return true;
}

describe("a plain file is read as the whole parser reads it", () => {
  test.each([
    ["users in flow maps", 'users:\n  - { id: "101", name: Alice Adams, aliases: [alice, a.adams], password: secret }\n  - { id: "102", ha1: { MD5: 00ff } }\n'],
    ["users in block maps", "users:\n  - id: 101\n    name: O'Neil (Sales)\n    numbers: ['+32 475 00', \"x\"]\n  - id: 102\n    private: true\n"],
    ["a list at its key's own indent", "users:\n- id: 101\n- id: 102\ngroups:\n  sales:\n    members: [101]\n"],
    ["comments, empty lines and no last line end", "# top\n\na: 1 # one\n\n  # odd\nb:   \n  # within\n  c: two words\nd: x"],
    ["spaces, umlauts and empty brackets", "größe:  Ünder  two \nlist: [ ]\nmap: {  }\n"],
    ["lists within lists", "a:\n  - - x\n    - y\n  -   z: 1\n      w: 2\n"],
  ])("%s", (_, text) => {
    expect(agrees(text, text)).toBe(true);
  });

  test("as large files are", () => {
    agrees(readFileSync(new URL("../../directory.example.yaml", import.meta.url), "utf8"), "the example");
    const many = `users:\n${Array.from({ length: 500 }, (_, index) => `  - { id: "${String(index)}", name: Person ${String(index)} }\n`).join("")}`;
    expect(agrees(many, "many users")).toBe(true);
  });
});

test.each([
  ["a word that goes on in the next line", "a: one\n  two\n"],
  ["a text over two lines", 'a: "one\n  two"\n'],
  ["an escape", 'a: "\\n"\n'],
  ["a doubled quote", "a: 'it''s'\n"],
  ["an anchor and its alias", "a: &x 1\nb: *x\n"],
  ["a tag", "a: !x 1\n"],
  ["a block text", "a: |\n  one\n"],
  ["a variable", "a: ${V}\n"],
  ["a key twice", "a: 1\na: 2\n"],
  ["a key twice in brackets", "a: { b: 1, b: 2 }\n"],
  ["a key without a value", "a:\nb: 1\n"],
  ["a colon without a space", "a: { b:1 }\n"],
  ["a tab", "a:\t1\n"],
  ["a carriage return", "a: 1\r\n"],
  ["two documents", "a: 1\n---\nb: 2\n"],
  ["a line that is indented too far", "a: 1\n  b: 2\n"],
  ["a line that is indented too little", "a:\n    b: 1\n  c: 2\n"],
  ["a list that ends in a key", "a:\n  - b\n  c: 1\n"],
  ["an address", "a: sip:101@example.test\n"],
  ["a reserved first character", "a: @x\n"],
  ["a comma too many", "a: [b, ]\n"],
  ["brackets that stay open", "a: [b\n"],
])("%s is left to the whole parser", (_, text) => {
  expect(plainTree(text, () => "text")).toBe(null);
});

test("whatever the text, what the short way reads is what the whole parser reads", () => {
  const seed = 20_261_121;
  const random = seededRandom(seed);
  const pieces = ["a", "key", ": ", ": ", ":", "\n", "\n", "\n  ", "\n  ", "\n    ", "\n- ", "\n  - ", "- ", "[", "]", "{ ", " }", ", ", ",", '"x y"', "'z'", " # note", "#", "two words", "101", "true", "~", "null", "é", "+32 (0) 4", "it's", "-", "?", "|", "b: 1", "id: 7", "x/y.z", "@", "!", "&a", "%"];
  let read = 0;
  for (let round = 0; round < 60_000; round++) {
    const text = Array.from({ length: 1 + random.below(14) }, () => pieces[random.below(pieces.length)] ?? "").join("");
    if (agrees(text, `seed ${String(seed)} round ${String(round)}: ${JSON.stringify(text)}`)) read++;
  }
  expect(read).toBeGreaterThan(300);
});
