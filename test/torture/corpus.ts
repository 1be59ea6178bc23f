import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "corpus");

/** One message of a corpus: bytes as latin1. */
export interface CorpusMessage {
  /** `wsinv`, `rfc5118_4_1`. */
  readonly name: string;
  readonly text: string;
}

/** Every message, by name: RFC 4475's of both corpora (the same bytes where both have one), RFC 5118's. */
export function corpus(): ReadonlyMap<string, CorpusMessage> {
  const found = new Map<string, CorpusMessage>();
  for (const folder of ["sip-torture-4475/valid", "sip-torture-4475/invalid", "sip-torture-4475-json", "sip-ipv6-5118"]) {
    for (const file of readdirSync(join(ROOT, folder)).sort()) {
      const name = file.replace(/\.(?:dat|sip)$/, "");
      if (name !== file && !found.has(name)) found.set(name, { name, text: readFileSync(join(ROOT, folder, file), "latin1") });
    }
  }
  return found;
}
