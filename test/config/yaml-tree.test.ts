import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { configSchema } from "../../src/config/schema.ts";
import { directorySchema } from "../../src/config/directory-schema.ts";
import { parseYaml } from "../../src/config/yaml-tree.ts";

test("values know where they stand and how they were written", () => {
  const { root, report } = parseYaml('a: 1\nb: ["x", true, ~, 0x1F]\nc: ${V}\n', "f.yaml", 0, { V: "7" });
  expect(report.mistakes).toEqual([]);
  expect(root?.entries.map(({ key, offset }) => [key, offset])).toEqual([["a", 0], ["b", 5], ["c", 29]]);
  const list = root?.entries[1]?.value;
  expect(list?.kind === "list" ? list.items.map((item) => (item.kind === "scalar" ? [item.type, item.text, item.offset] : [])) : null).toEqual([
    ["text", "x", 9],
    ["boolean", "true", 14],
    ["null", "~", 20],
    ["number", "0x1F", 23],
  ]);
  expect(root?.entries[2]?.value).toEqual({ kind: "scalar", type: "free", text: "7", written: "${V}", offset: 32 });
});

test("whatever the text, reading it ends with values or mistakes, never with a crash", () => {
  const seed = 20_240_501;
  const random = seededRandom(seed);
  const pieces = ["domain", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", '"', "'", "#", "&a ", "*a", "!x ", "|", ">", "%", "${", "}", "users", "listen", "tls://0.0.0.0:1", "log", "id", "101", "\t", "\u0000", "é", "? ", "---\n", "\\", "web", "password"];
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: 1 + random.below(30) }, () => pieces[random.below(pieces.length)] ?? "").join("");
    const { root, report } = parseYaml(text, "f.yaml", 0, {});
    const context = { report, env: {}, folder: "/nonexistent", nowMs: null };
    for (const schema of [configSchema, directorySchema]) if (root !== null) schema.read(root, "", context);
    expect(root !== null || report.mistakes.length > 0, `seed ${String(seed)}, round ${String(round)}: ${JSON.stringify(text)}`).toBe(true);
    for (const { line, column, text: said } of report.mistakes) expect(line >= 1 && column >= 1 && said.includes("; ") && !said.includes("\n"), `seed ${String(seed)}: ${JSON.stringify(text)}: ${said}`).toBe(true);
  }
});
