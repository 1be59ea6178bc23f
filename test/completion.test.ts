import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { completionScript, PEOPLE_COMMAND } from "../src/completion.ts";

const script = completionScript([
  { name: "start", options: ["--config", "--data", "--help"], words: [], takesPerson: false },
  { name: "show", options: ["--config", "--json", "--watch"], words: ["registrations", "calls", "lamps"], takesPerson: true },
  { name: "why", options: ["--at", "--config", "--json"], words: [], takesPerson: true },
]);

/** What bash offers after these words; a server knows 101 and 102. */
function offered(...words: readonly string[]): readonly string[] {
  const people = `lamplight() { if [[ $1 == ${PEOPLE_COMMAND} ]]; then if [[ $3 == other.yaml ]]; then echo 201; else echo 101; echo 102; fi; fi; }`;
  const line = `${people}\n${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${String(words.length - 1)}; _lamplight; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["--norc", "-c", line], { encoding: "utf8" }).split("\n").filter((word) => word !== "");
}

describe("completion in bash", () => {
  test.each([
    ["commands", ["lamplight", ""], ["start", "show", "why"]],
    ["a command that has begun", ["lamplight", "sh"], ["show"]],
    ["what there is to show", ["lamplight", "show", ""], ["registrations", "calls", "lamps"]],
    ["one of them", ["lamplight", "show", "la"], ["lamps"]],
    ["people, after what is shown", ["lamplight", "show", "lamps", "10"], ["101", "102"]],
    ["people, where a person comes first", ["lamplight", "why", ""], ["101", "102"]],
    ["people of the server of another configuration", ["lamplight", "why", "--config", "other.yaml", ""], ["201"]],
    ["people, after an option with a value", ["lamplight", "why", "--at", "10m", "102"], ["102"]],
    ["options", ["lamplight", "show", "--"], ["--config", "--json", "--watch"]],
    ["nothing of a command that is not known", ["lamplight", "dance", "--x"], []],
  ])("offers %s", (_, words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });
});
