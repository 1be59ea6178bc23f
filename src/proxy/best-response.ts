/** A branch's final failure: its status, and its text as it came. */
export interface Failure {
  readonly status: number;
  readonly text: string;
}

/** Best final response of a fork that nobody answered with 2xx: a 6xx first, else the lowest class; within 4xx those by which the caller
 *  can mend his request, within 5xx any but 503 (RFC 3261 §16.7 step 6). `failures` is in the order of arrival; null when empty. */
export function bestResponse(failures: readonly Failure[]): Failure | null {
  let best: Failure | null = null;
  for (const failure of failures) if (best === null || rank(failure.status) < rank(best.status)) best = failure;
  return best;
}

/** Lower is better. */
function rank(status: number): number {
  if (status >= 600) return 0;
  const classRank = Math.floor(status / 100) * 100;
  if (HELPFUL.includes(status)) return classRank;
  // A time-out or "not registered by now" tells less than a phone's own word.
  if (status === 408 || status === 503) return classRank + 90;
  if (status === 487) return classRank + 80;
  return classRank + 50;
}

/** Statuses that ask the caller for something: preferred in their class. */
const HELPFUL = [401, 407, 415, 420, 484];
