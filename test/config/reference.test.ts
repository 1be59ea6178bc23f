import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { configReference } from "../../src/config/reference.ts";

const page = fileURLToPath(new URL("../../docs/configuration.md", import.meta.url));

test("docs/configuration.md says what the schema says", () => {
  expect(readFileSync(page, "utf8") === configReference(), "docs/configuration.md is out of date: run `npm run docs`").toBe(true);
});
