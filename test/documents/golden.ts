import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A golden document (bytes as latin1): what a watcher is sent, to the byte. */
export function golden(name: string): string {
  return readFileSync(fileURLToPath(new URL(`./golden/${name}.xml`, import.meta.url)), "latin1");
}
