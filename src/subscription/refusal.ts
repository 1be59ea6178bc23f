/** Why a SUBSCRIBE or PUBLISH is not done, as it is answered. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: number;
  /** Default: the phrase of the RFC. */
  readonly reason?: string;
  /** Whole header lines, each with its line end. */
  readonly headers?: string;
}

/** A refusal; `headers` are whole lines. */
export function refused(status: number, reason?: string, headers?: string): Refusal {
  return { kind: "refused", status, ...(reason === undefined ? {} : { reason }), ...(headers === undefined ? {} : { headers }) };
}

/** 400 with what is wrong. */
export function malformed(why: string): Refusal {
  return refused(400, `Bad Request: ${why}`);
}

/** 489 with what may be asked for instead (RFC 6665 §8.3.2). */
export function badEvent(packageNames: readonly string[]): Refusal {
  return refused(489, undefined, packageNames.length === 0 ? undefined : `Allow-Events: ${packageNames.join(", ")}\r\n`);
}

/** The same request once more, by another way: it was forked before it reached us (RFC 3261 §8.2.2.2). */
export function merged(): Refusal {
  return refused(482, "Merged Request");
}

/** The watcher, or his source, sends more than anyone needs. `status`: what his phone takes best (480, 503 or 403). */
export function tooOften(status = 480): Refusal {
  return refused(status, undefined, status === 403 ? undefined : "Retry-After: 10\r\n");
}

/** The table of this one AoR is full. 480 and not the 503 of RFC 3261 §21.5.4: a phone takes a 503 for the failure of the whole server and leaves
 *  it for everything, though one AoR alone has too many. */
export function tooMany(): Refusal {
  return refused(480, undefined, "Retry-After: 60\r\n");
}
