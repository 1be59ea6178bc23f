import { PIDF_NAMESPACE } from "./pidf.ts";

/** The media type of whole and partial presence documents for those who asked for changes alone (RFC 5262 §7). */
export const PIDF_DIFF_TYPE = "application/pidf-diff+xml";

const NAMESPACE = "urn:ietf:params:xml:ns:pidf-diff";
const START = `<presence xmlns="${PIDF_NAMESPACE}"`;
const END = "</presence>\n";

/** A document of ours as `<pidf-full>` around its version number (bytes as latin1). `pidf` is what `renderPidf` wrote. */
export function pidfFullParts(pidf: string): { readonly head: string; readonly tail: string } {
  const at = pidf.indexOf(START);
  return { head: `${pidf.slice(0, at)}<p:pidf-full xmlns:p="${NAMESPACE}" version="`, tail: `" xmlns="${PIDF_NAMESPACE}"${pidf.slice(at + START.length, -END.length)}</p:pidf-full>\n` };
}

/** What makes one document of ours into a later one of the same presentity, around its version number; null when nothing differs. Both are tails of `pidfFullParts`. */
export function pidfDiffParts(before: string, now: string): { readonly head: string; readonly tail: string } | null {
  const [old, next] = [partsOf(before), partsOf(now)];
  let changes = "";
  if (old.tuple !== next.tuple) changes += ` <p:replace sel="*/tuple[1]">${next.tuple}</p:replace>\n`;
  if (old.note !== next.note) {
    if (old.note === "") changes += ` <p:add sel="*/tuple[1]" pos="after">${next.note}</p:add>\n`;
    else changes += next.note === "" ? ` <p:remove sel="*/note[1]"/>\n` : ` <p:replace sel="*/note[1]">${next.note}</p:replace>\n`;
  }
  if (old.person !== next.person) changes += ` <p:replace sel="*/dm:person[1]">${next.person}</p:replace>\n`;
  if (changes === "") return null;
  const root = now.slice(0, now.indexOf(">") + 1);
  return { head: `<?xml version="1.0" encoding="UTF-8"?>\n<p:pidf-diff xmlns:p="${NAMESPACE}" version="`, tail: `${root}\n${changes}</p:pidf-diff>\n` };
}

/** The three elements of which every merged document is made, as they are written. */
function partsOf(tail: string): { readonly tuple: string; readonly note: string; readonly person: string } {
  const part = (pattern: RegExp): string => pattern.exec(tail)?.[0] ?? "";
  return { tuple: part(/<tuple [^]*?<\/tuple>/), note: part(/(?<=\n )<note>[^]*?<\/note>/), person: part(/<dm:person [^]*<\/dm:person>/) };
}
