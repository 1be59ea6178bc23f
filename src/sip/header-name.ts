// Hot path: header names are found by a running hash over the message text, without making strings.

/** The headers that the server reads, by number; all others are `other` and pass untouched. */
export const Header = {
  other: 0,
  via: 1,
  from: 2,
  to: 3,
  callId: 4,
  cseq: 5,
  maxForwards: 6,
  contact: 7,
  route: 8,
  recordRoute: 9,
  contentLength: 10,
  contentType: 11,
  expires: 12,
  event: 13,
  authorization: 14,
  proxyAuthorization: 15,
  require: 16,
  proxyRequire: 17,
  supported: 18,
  path: 19,
  userAgent: 20,
  accept: 21,
  sipEtag: 22,
  sipIfMatch: 23,
  subscriptionState: 24,
  minExpires: 25,
  wwwAuthenticate: 26,
  proxyAuthenticate: 27,
  reason: 28,
  retryAfter: 29,
  contentEncoding: 30,
  replaces: 31,
  server: 32,
  timestamp: 33,
  unsupported: 34,
  allow: 35,
  sessionExpires: 36,
  date: 37,
} as const;

/** One of the numbers of `Header`. */
export type HeaderId = (typeof Header)[keyof typeof Header];

const NAMES: readonly (readonly [HeaderId, string, ...string[]])[] = [
  [Header.via, "Via", "v"],
  [Header.from, "From", "f"],
  [Header.to, "To", "t"],
  [Header.callId, "Call-ID", "i"],
  [Header.cseq, "CSeq"],
  [Header.maxForwards, "Max-Forwards"],
  [Header.contact, "Contact", "m"],
  [Header.route, "Route"],
  [Header.recordRoute, "Record-Route"],
  [Header.contentLength, "Content-Length", "l"],
  [Header.contentType, "Content-Type", "c"],
  [Header.expires, "Expires"],
  [Header.event, "Event", "o"],
  [Header.authorization, "Authorization"],
  [Header.proxyAuthorization, "Proxy-Authorization"],
  [Header.require, "Require"],
  [Header.proxyRequire, "Proxy-Require"],
  [Header.supported, "Supported", "k"],
  [Header.path, "Path"],
  [Header.userAgent, "User-Agent"],
  [Header.accept, "Accept"],
  [Header.sipEtag, "SIP-ETag"],
  [Header.sipIfMatch, "SIP-If-Match"],
  [Header.subscriptionState, "Subscription-State"],
  [Header.minExpires, "Min-Expires"],
  [Header.wwwAuthenticate, "WWW-Authenticate"],
  [Header.proxyAuthenticate, "Proxy-Authenticate"],
  [Header.reason, "Reason"],
  [Header.retryAfter, "Retry-After"],
  [Header.contentEncoding, "Content-Encoding", "e"],
  [Header.replaces, "Replaces"],
  [Header.server, "Server"],
  [Header.timestamp, "Timestamp"],
  [Header.unsupported, "Unsupported"],
  [Header.allow, "Allow"],
  [Header.sessionExpires, "Session-Expires", "x"],
  [Header.date, "Date"],
];

/** Every spelling of every header, in lower case, with its number. */
export function headerSpellings(): readonly (readonly [string, HeaderId])[] {
  return NAMES.flatMap(([id, ...spellings]) => spellings.map((spelling) => [spelling.toLowerCase(), id] as const));
}

/** The start value of a running name hash. */
export const nameHashStart = 7;

const names = new Map<HeaderId, string>(NAMES.map(([id, name]) => [id, name]));
const buckets = new Map<number, { readonly id: HeaderId; readonly lower: string }>();
for (const [id, ...spellings] of NAMES) {
  for (const spelling of spellings) {
    const lower = spelling.toLowerCase();
    buckets.set(nameHash(lower), { id, lower });
  }
}

/** The written name of a header: `Call-ID`. */
export function headerName(id: HeaderId): string {
  return names.get(id) ?? "X-Unknown";
}

/** Adds one character to a running name hash; letters count without case. */
export function nameHashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 0x20)) | 0;
}

/** The header whose name stands in `text` from `start` to `end`, long or compact form (RFC 3261 §7.3.3), given its running hash. */
export function headerIdAt(text: string, start: number, end: number, hash: number): HeaderId {
  const found = buckets.get(hash);
  if (found === undefined || found.lower.length !== end - start) return Header.other;
  for (let at = start; at < end; at++) if ((text.charCodeAt(at) | 0x20) !== (found.lower.charCodeAt(at - start) | 0x20)) return Header.other;
  return found.id;
}

function nameHash(lower: string): number {
  let hash = nameHashStart;
  for (let at = 0; at < lower.length; at++) hash = nameHashStep(hash, lower.charCodeAt(at));
  return hash;
}

/** A header line: `Name: value` with its line end. */
export function headerLine(id: HeaderId, value: string): string {
  return `${headerName(id)}: ${value}\r\n`;
}
