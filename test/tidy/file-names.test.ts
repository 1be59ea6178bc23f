import { describe, expect, test } from "vitest";
import { repositoryFiles, textOf, typescriptFiles } from "./repository.ts";

const MEANINGLESS = /(^|\/)(utils?|helpers?|common|misc|types|manager|index|shared|lib)(\.[^/]*)?(\/|$)/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const linesMax = 400;

describe("files", () => {
  const files = repositoryFiles().filter((path) => /^(src|test|web|bench|scripts)\//.test(path));

  test("no file and no folder has a name that says nothing", () => {
    expect(files.filter((path) => !/\/(corpus|fixtures)\//.test(path) && path !== "web/index.html" && MEANINGLESS.test(path))).toEqual([]);
  });

  test("names are kebab-case", () => {
    const code = files.filter((path) => /\.(ts|mjs|cjs|js)$/.test(path) && !/\/(fixtures|corpus|vendor)\//.test(path));
    const odd = code.filter((path) => !path.split("/").every((part) => KEBAB.test(part.replace(/(\.test|\.d)?\.(ts|mts|mjs|cjs|js)$/, ""))));
    expect(odd).toEqual([]);
    expect(code.length).toBeGreaterThan(50);
  });

  test(`no source file has more than ${String(linesMax)} lines`, () => {
    const long = typescriptFiles("src").flatMap((path) => {
      const lines = textOf(path).trimEnd().split("\n").length;
      return lines > linesMax ? [`${path}: ${String(lines)} lines`] : [];
    });
    expect(long).toEqual([]);
  });
});
