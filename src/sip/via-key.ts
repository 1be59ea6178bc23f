/** A number of 64 bits in two halves, written over and over so that the hot path makes none. */
export interface TwoLanes {
  high: number;
  low: number;
}

/** What names the transaction of a request (RFC 3261 §17.2.3) apart from its method: branch and sent-by of its topmost Via, as two hashes of 32 bits, signed. No secret is in it: whoever
 *  can make two branches collide confuses his own requests; whoever keeps them in a table scatters them by a secret of its own. */
export function viaKey(into: TwoLanes, branch: string, host: string, port: number): void {
  into.high = START_HIGH;
  into.low = START_LOW;
  add(into, branch);
  add(into, host);
  into.high = Math.imul(into.high ^ port, PRIME_HIGH);
  into.low = Math.imul(into.low ^ port, PRIME_LOW);
}

function add(into: TwoLanes, text: string): void {
  let { high, low } = into;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, PRIME_HIGH);
    low = Math.imul(low ^ code, PRIME_LOW);
  }
  into.high = Math.imul(high ^ BAR, PRIME_HIGH);
  into.low = Math.imul(low ^ BAR, PRIME_LOW);
}

const START_HIGH = 2166136261 | 0;
const START_LOW = 0x9747b28c | 0;
const PRIME_HIGH = 16777619;
const PRIME_LOW = 0x5bd1e995;
const BAR = 124;
