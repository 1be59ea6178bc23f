import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { linesMatching, repositoryFiles, root, textOf } from "./repository.ts";

describe("documents", () => {
  test("the README shows the two commands", () => {
    const readme = textOf("README.md");
    expect(readme).toContain("npm ci && npm start");
    expect(readme).toContain("npm ci && npm test");
  });

  test("the continuous integration runs exactly the README's test command", () => {
    expect(textOf(".ci/run")).toMatch(/^npm ci && npm test$/m);
  });

  test("docs/rfc-map.md is what the doc comments say; `npm run docs` writes it", () => {
    const made = execFileSync(process.execPath, ["scripts/rfc-map.mjs", "--print"], { cwd: root, encoding: "utf8" });
    expect(textOf("docs/rfc-map.md") === made, "docs/rfc-map.md is out of date: npm run docs").toBe(true);
    expect(made).toMatch(/\| §16\.7 step 6 \| .*best-response\.ts/);
  });

  test("every relative link of a document leads somewhere", () => {
    const documents = repositoryFiles().filter((path) => path.endsWith(".md"));
    const dead = documents.flatMap((path) =>
      [...textOf(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].flatMap(([, link = ""]) => (/^[a-z]+:/.test(link) || existsSync(new URL(link, `file://${root}${path}`)) ? [] : [`${path}: ${link}`])),
    );
    expect(dead).toEqual([]);
  });

  test("nothing names a place outside the checkout or a package registry", () => {
    const ours = repositoryFiles().filter((path) => !/\/corpus\/|\.(png|jpg|ico|woff2?|dat|ics)$/.test(path) && path !== "test/tidy/documents.test.ts");
    // A checkout's own place on some machine: the folders that people keep checkouts in.
    expect(linesMatching(ours, /(^|[^\w.-])\/(home|root|work|workspace|Users)\/|registry\.(npmjs|yarnpkg)|"resolved": /)).toEqual([]);
  });
});
