import { UriWord } from "./scan-words.ts";

/** A SIP or SIPS URI taken apart (RFC 3261 §19.1.1). Other schemes are kept as `other`. */
export interface SipUri {
  readonly scheme: "sip" | "sips" | "tel" | "other";
  /** As written, still escaped; null when there is none. */
  readonly user: string | null;
  readonly password: string | null;
  /** Lower case; IPv6 in brackets as in the URI. For `tel` the number. */
  readonly host: string;
  /** 0 when none is given. */
  readonly port: number;
  /** As written, each with its leading `;`: `;transport=tcp;lr`. */
  readonly params: string;
  /** As written, without the `?`. */
  readonly headers: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.]+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)$/;
const USER = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#[\]^{}|`\\"]|%[0-9A-Fa-f]{2}|[\x80-\xff])+$/;

/** The plain URI of a scanned message: its parts stand at `at`, it ends at `end`. */
export function uriAt(text: string, words: Int32Array, at: number, end: number): SipUri {
  const word = (part: number): number => words[at + part] ?? -1;
  const user = word(UriWord.user);
  const params = word(UriWord.params);
  return {
    scheme: word(UriWord.isSecure) === 1 ? "sips" : "sip",
    user: user === -1 ? null : text.slice(user, word(UriWord.userEnd)),
    password: null,
    host: text.slice(word(UriWord.host), word(UriWord.hostEnd)),
    port: word(UriWord.port),
    params: params === end ? "" : text.slice(params, end),
    headers: "",
  };
}

/** What nearly all URIs look like. */
const PLAIN = /^sips?:(?:[A-Za-z0-9\-_.!~*'()&=+$,/]+@)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:;[^?@"<>\s]*)?$/;

/** Takes apart a URI that is plain but for its port, which may be too large. */
function plainUri(text: string): SipUri | null {
  const isSecure = text.charCodeAt(3) === LETTER_S;
  const from = isSecure ? 5 : 4;
  const at = text.indexOf("@", from);
  const hostStart = at === -1 ? from : at + 1;
  const semicolon = text.indexOf(";", hostStart);
  const paramsStart = semicolon === -1 ? text.length : semicolon;
  const colon = text.indexOf(":", hostStart);
  const hasPort = colon !== -1 && colon < paramsStart;
  const port = hasPort ? Number(text.slice(colon + 1, paramsStart)) : 0;
  if (port > 65535) return null;
  return {
    scheme: isSecure ? "sips" : "sip",
    user: at === -1 ? null : text.slice(from, at),
    password: null,
    host: text.slice(hostStart, hasPort ? colon : paramsStart),
    port,
    params: semicolon === -1 ? "" : text.slice(semicolon),
    headers: "",
  };
}

const LETTER_S = 115;

/** Reads a URI; null when it is none. The user part is read leniently (`#` and bytes above 127 are met in the field), host and port strictly. */
export function parseSipUri(text: string): SipUri | null {
  if (PLAIN.test(text)) return plainUri(text);
  const found = SCHEME.exec(text);
  if (found === null) return null;
  const name = (found[1] ?? "").toLowerCase();
  const rest = text.slice(found[0].length);
  if (rest === "" || /[\s<>]/.test(rest)) return null;
  if (name !== "sip" && name !== "sips") {
    const [number = "", ...params] = rest.split(";");
    const joined = params.length > 0 ? `;${params.join(";")}` : "";
    return { scheme: name === "tel" ? "tel" : "other", user: null, password: null, host: number, port: 0, params: joined, headers: "" };
  }
  // The user part may hold `;` and `?`: its end is the last `@` before the host's parameters.
  const at = rest.indexOf("@");
  const userinfo = at === -1 ? null : rest.slice(0, at);
  const tail = rest.slice(at + 1);
  const question = tail.indexOf("?");
  const beforeHeaders = question === -1 ? tail : tail.slice(0, question);
  const semicolon = beforeHeaders.indexOf(";");
  const hostport = semicolon === -1 ? beforeHeaders : beforeHeaders.slice(0, semicolon);
  const bracket = hostport.lastIndexOf("]");
  const colon = hostport.indexOf(":", bracket === -1 ? 0 : bracket);
  const host = colon === -1 ? hostport : hostport.slice(0, colon);
  const portText = colon === -1 ? "" : hostport.slice(colon + 1);
  if (!HOST.test(host) || (colon !== -1 && !/^\d{1,5}$/.test(portText)) || Number(portText) > 65535) return null;
  const passwordAt = userinfo === null ? -1 : userinfo.indexOf(":");
  const user = userinfo === null ? null : passwordAt === -1 ? userinfo : userinfo.slice(0, passwordAt);
  if (user !== null && !USER.test(user)) return null;
  return {
    scheme: name,
    user,
    password: userinfo === null || passwordAt === -1 ? null : userinfo.slice(passwordAt + 1),
    // Three colons in a row come of the grammar's mistake; two are meant (RFC 5118 §4.10).
    host: host.includes(":::") ? host.toLowerCase().replace(":::", "::") : host.toLowerCase(),
    port: Number(portText),
    params: semicolon === -1 ? "" : beforeHeaders.slice(semicolon),
    headers: question === -1 ? "" : tail.slice(question + 1),
  };
}

/** The value of a URI parameter: undefined when it is not there, empty when it has no value. Names count without case. */
export function uriParam(uri: SipUri, name: string): string | undefined {
  return paramOf(uri.params, name);
}

/** The value of `;name=value` in a list of parameters, quotes taken off; undefined when it is not there, empty when it has no value. */
export function paramOf(params: string, name: string): string | undefined {
  if (params === "") return undefined;
  let at = 0;
  while (at < params.length) {
    if (params.charCodeAt(at) !== 59) {
      at++;
      continue;
    }
    let start = at + 1;
    while (isSpace(params.charCodeAt(start))) start++;
    let end = start;
    let isQuoted = false;
    for (; end < params.length; end++) {
      const code = params.charCodeAt(end);
      if (isQuoted && code === 92) end++;
      else if (code === 34) isQuoted = !isQuoted;
      else if (code === 59 && !isQuoted) break;
    }
    const equals = params.indexOf("=", start);
    const nameEnd = equals === -1 || equals > end ? end : equals;
    if (isNamed(params, start, nameEnd, name)) return unquoted(params.slice(nameEnd + 1, end).trim());
    at = end;
  }
  return undefined;
}

/** True when `name` (in lower case), and nothing but it and blanks behind, stands there. */
function isNamed(params: string, start: number, end: number, name: string): boolean {
  const { length } = name;
  if (end - start < length) return false;
  for (let at = 0; at < length; at++) {
    const code = params.charCodeAt(start + at);
    if ((code >= 65 && code <= 90 ? code + 32 : code) !== name.charCodeAt(at)) return false;
  }
  for (let at = start + length; at < end; at++) if (!isSpace(params.charCodeAt(at))) return false;
  return true;
}

/** False when a quote in a list of parameters does not close: what is put behind it would stand within it. */
export function quotesClose(params: string): boolean {
  let isQuoted = false;
  for (let at = params.indexOf('"'); at !== -1 && at < params.length; at++) {
    const code = params.charCodeAt(at);
    if (isQuoted && code === 92) at++;
    else if (code === 34) isQuoted = !isQuoted;
  }
  return !isQuoted;
}

/** The URI written out again. */
export function formatSipUri(uri: SipUri): string {
  if (uri.scheme === "tel") return `tel:${uri.host}${uri.params}`;
  const user = uri.user === null ? "" : uri.password === null ? `${uri.user}@` : `${uri.user}:${uri.password}@`;
  return `${uri.scheme}:${user}${uri.host}${uri.port === 0 ? "" : `:${uri.port}`}${uri.params}${uri.headers === "" ? "" : `?${uri.headers}`}`;
}

/** The user part with its %-escapes decoded; escapes that are none stay. */
export function unescapeUser(user: string): string {
  return user.includes("%") ? user.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))) : user;
}

/** A host without the brackets of IPv6. */
export function bareHost(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}

/** A host as it stands in URIs and Via: IPv6 in brackets. */
export function uriHost(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === 10;
}

/** True when two URIs are equal (RFC 3261 §19.1.4): user and password with case, host without, ports as written,
 *  parameters that both have must match, `user`, `ttl`, `method`, `maddr`, `transport` may not stand on one side alone. */
export function sameUri(a: SipUri, b: SipUri): boolean {
  if (a.scheme !== b.scheme || a.host !== b.host || a.port !== b.port) return false;
  if (unescapeUser(a.user ?? "") !== unescapeUser(b.user ?? "") || (a.user === null) !== (b.user === null)) return false;
  if ((a.password ?? "") !== (b.password ?? "")) return false;
  const mine = paramMap(a.params);
  const theirs = paramMap(b.params);
  for (const name of ["user", "ttl", "method", "maddr", "transport"]) if (mine.has(name) !== theirs.has(name)) return false;
  for (const [name, value] of mine) {
    const other = theirs.get(name);
    if (other !== undefined && other.toLowerCase() !== value.toLowerCase()) return false;
  }
  const headers = (text: string): string => text.split("&").sort().join("&").toLowerCase();
  return headers(a.headers) === headers(b.headers);
}

function paramMap(params: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of params.split(";")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    found.set((equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase(), equals === -1 ? "" : part.slice(equals + 1).trim());
  }
  return found;
}
