import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

// What a checkout holds beside its own files: see .gitignore.
const NOT_OURS = /^(node_modules|dist|data|coverage|\.git|lamplight\.yaml|directory\.yaml)(\/|$)|\.log$/;

/** Paths of the checkout's own files, sorted. Read from the disk, so that it needs no git. */
export function repositoryFiles(): readonly string[] {
  files ??= readdirSync(root)
    .filter((name) => !NOT_OURS.test(name))
    .flatMap((name) => (isFile(name) ? [name] : readdirSync(root + name, { recursive: true, encoding: "utf8" }).map((path) => `${name}/${path}`)))
    .filter((path) => !NOT_OURS.test(path) && isFile(path))
    .sort();
  return files;
}

let files: readonly string[] | undefined;

/** The TypeScript files under the given folders. */
export function typescriptFiles(...folders: readonly string[]): readonly string[] {
  return repositoryFiles().filter((path) => path.endsWith(".ts") && folders.some((folder) => path.startsWith(`${folder}/`)));
}

/** The text of a file of the checkout. */
export function textOf(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** The lines of the given files that match, as `path:line: text`. */
export function linesMatching(paths: readonly string[], pattern: RegExp): readonly string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split("\n")
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

function isFile(path: string): boolean {
  return statSync(root + path, { throwIfNoEntry: false })?.isFile() === true;
}
