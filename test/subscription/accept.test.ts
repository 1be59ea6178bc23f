import { expect, test } from "vitest";
import { acceptedTypes } from "../../src/subscription/accept.ts";

const types = ["application/pidf+xml", "application/xpidf+xml"];

const table: readonly (readonly [readonly string[], readonly string[] | null])[] = [
  [["application/pidf+xml"], ["application/pidf+xml"]],
  [["Application/PIDF+XML;level=1"], ["application/pidf+xml"]],
  [["text/html", "application/xpidf+xml", "application/pidf+xml"], ["application/xpidf+xml", "application/pidf+xml"]],
  [["*/*"], types],
  [["application/*;q=0.1"], types],
  [["application/pidf+xml;q=0"], null],
  [["*/*", "application/pidf+xml;q=0.0"], ["application/xpidf+xml"]],
  [["text/*"], null],
  [["nonsense"], null],
  [[], null],
];

test.each(table)("Accept %j means %j", (values, wanted) => {
  expect(acceptedTypes(values, types)).toEqual(wanted);
});
