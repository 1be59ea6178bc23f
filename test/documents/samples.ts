import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../fixtures/xml-samples/", import.meta.url));

/** The bodies that real programs wrote (bytes as latin1), by file name. */
export const samples: ReadonlyMap<string, string> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".xml"))
    .sort()
    .map((name) => [name, readFileSync(folder + name, "latin1")]),
);
