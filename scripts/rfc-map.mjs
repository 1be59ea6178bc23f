// Writes docs/rfc-map.md: which file answers for which section of which RFC, taken from the doc comments of src. `--print` writes to standard output instead.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const DOC_COMMENT = /\/\*\*[\s\S]*?\*\//g;
const STEP = String.raw`(?:,? (?:step|item|rule) \w+)?`;
const SECTION = String.raw`§[0-9A-Z]+(?:\.[0-9A-Z]+)*${STEP}`;
const CITATION = new RegExp(String.raw`RFC (\d+)((?:,? (?:and )?(?:to )?${SECTION})*)`, "g");

/** RFC number → section ("" for the whole) → files. */
function citations() {
  const found = new Map();
  const files = readdirSync(join(root, "src"), { recursive: true })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => `src/${path.replaceAll("\\", "/")}`)
    .sort();
  for (const file of files) {
    for (const [comment] of readFileSync(join(root, file), "utf8").matchAll(DOC_COMMENT)) {
      const text = comment.replace(/\s*\n\s*\*\s?/g, " ");
      for (const [, rfc, sections] of text.matchAll(CITATION)) {
        const named = sections.match(new RegExp(SECTION, "g")) ?? [""];
        for (const section of named) add(found, rfc, section.replace(", ", " "), file);
      }
    }
  }
  return found;
}

function add(found, rfc, section, file) {
  const sections = found.get(rfc) ?? new Map();
  found.set(rfc, sections.set(section, (sections.get(section) ?? new Set()).add(file)));
}

function page() {
  const lines = ["# RFC map", "", "Which file answers for which section. Made by `npm run docs` from the doc comments in `src`; do not edit."];
  for (const [rfc, sections] of [...citations()].sort(([a], [b]) => Number(a) - Number(b))) {
    lines.push("", `## RFC ${rfc}`, "", "| section | files |", "|---|---|");
    for (const [section, files] of [...sections].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
      lines.push(`| ${section || "whole"} | ${[...files].map((file) => `[${file.slice(4)}](../${file})`).join(", ")} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

if (process.argv.includes("--print")) process.stdout.write(page());
else writeFileSync(join(root, "docs/rfc-map.md"), page());
