import { createRequire } from "node:module";
import { UnavailableError } from "../base/errors.ts";
import { headerSpellings } from "./header-name.ts";
import { methodNames } from "./method.ts";
import { wordsFor } from "./scan-words.ts";
import { useScanner, type ScannerMaker } from "./scanner.ts";

/** What `native/scan.c` gives; native/README.md is the contract. */
interface Addon {
  readonly version: number;
  /** How long its arrays must be. */
  readonly words: number;
  header(lowerName: string, number: number): void;
  method(name: string, number: number): void;
  scanner(words: Int32Array): (text: string) => boolean;
}

/** The contract that this file was written for. */
const CONTRACT_VERSION = 3;

/** Has every message of this process be scanned by the addon that `npm run build:native` makes at `addonPath`; JavaScript reads what is not plain.
 *  Throws UnavailableError when it is not there or was built from other sources: then JavaScript reads everything. */
export function useNativeScan(addonPath: string): void {
  useScanner(nativeScan(addonPath));
}

/** The addon's way to make scanners. Throws UnavailableError like `useNativeScan`. */
export function nativeScan(addonPath: string): ScannerMaker {
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)(addonPath);
  } catch (cause) {
    throw new UnavailableError("the native scanner is not built", { cause });
  }
  if (!isAddon(loaded)) throw new UnavailableError("the native scanner was built from other sources: npm run build:native");
  const addon = loaded;
  for (const [name, number] of headerSpellings()) addon.header(name, number);
  for (const [number, name] of methodNames.entries()) addon.method(name, number);
  return { words: addon.words, scanner: (words) => addon.scanner(words) };
}

function isAddon(loaded: unknown): loaded is Addon {
  return typeof loaded === "object" && loaded !== null && "version" in loaded && loaded.version === CONTRACT_VERSION && "words" in loaded && loaded.words === wordsFor(256);
}
