/** FNV-1a over texts (latin1), each with a `|` behind it: 32 bits, signed. No secret is in it. */
export function hashOfParts(parts: readonly string[]): number {
  let hash = START;
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) hash = Math.imul(hash ^ part.charCodeAt(at), PRIME);
    hash = Math.imul(hash ^ BAR, PRIME);
  }
  return hash;
}

const START = 2166136261 | 0;
const PRIME = 16777619;
const BAR = 124;
