/** Where the parts of a scanned message stand, in an array of 32-bit integers; a place is -1 when the part is not there.
 *  `native/scan.c` writes the same layout: its contract version says so. */
export const Word = {
  isRequest: 0,
  /** The number of the method (`methodNumbered`); of a response that of CSeq. */
  method: 1,
  status: 2,
  /** Start and end of the request URI, or of the reason phrase. */
  uri: 3,
  headersEnd: 5,
  body: 6,
  lines: 7,
  /** Numbers; -1 when the header is missing. */
  cseq: 8,
  contentLength: 9,
  maxForwards: 10,
  expires: 11,
  /** How many Via values there are in all. */
  vias: 12,
  /** Parts of the request URI, see `UriWord`. */
  target: 13,
  /** Parts of the topmost Via, see `ViaWord`. */
  via: 20,
  /** From and To, see `AddressWord`. */
  from: 33,
  to: 44,
  /** `loopHash` of a request, as a signed number. */
  loop: 55,
  /** The two lanes of a request's `viaKey`. */
  key: 56,
  /** `refreshHash` of a REGISTER. */
  refresh: 58,
  /** The first line of each header, by its number. */
  first: 59,
  /** Of each line: the number of its header, its start, its value's start and end. */
  line: 123,
} as const;

/** Parts of a URI, beside its start and end. */
export const UriWord = { isSecure: 0, user: 1, userEnd: 2, host: 3, hostEnd: 4, port: 5, params: 6 } as const;

/** Parts of a Via value. `rport` begins at its semicolon. */
export const ViaWord = { start: 0, end: 1, transport: 2, transportEnd: 3, host: 4, hostEnd: 5, port: 6, params: 7, branch: 8, branchEnd: 9, rport: 10, rportEnd: 11, hasReceived: 12 } as const;

/** Parts of a From or To value. */
export const AddressWord = { uri: 0, uriEnd: 1, parts: 2, tag: 9, tagEnd: 10 } as const;

/** Words for a message with that many header lines. */
export function wordsFor(lines: number): number {
  return Word.line + 4 * lines;
}
