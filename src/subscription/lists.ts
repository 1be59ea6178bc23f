import { inflateRawSync, inflateSync } from "node:zlib";
import { ParseError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { bytesOf } from "../documents/xml-text.ts";
import { parseMultipart } from "../documents/multipart.ts";
import { parseResourceLists, RESOURCE_LISTS_TYPE } from "../documents/resource-lists.ts";
import type { Call } from "../proxy/feature.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { parseSipUri, type SipUri } from "../sip/uri.ts";
import { mediaType } from "./accept.ts";
import { RECIPIENT_LIST } from "./eventlist.ts";
import { WatchedList, type ListMember, type ListSource } from "./list-watch.ts";
import { malformed, refused, type Refusal } from "./refusal.ts";

/** What the lists are taken from: the directory. */
export interface ListDirectory {
  /** The list that a request URI names; null for none. */
  listAt(uri: SipUri): NamedList | null;
  list(aor: Aor): NamedList | null;
  /** The person whom a URI names; null for nobody of ours. */
  personAt(uri: SipUri): Aor | null;
  nameOf(aor: Aor): string;
}

/** A list of the directory. */
export interface NamedList {
  readonly aor: Aor;
  readonly name: string;
  readonly members: readonly Aor[];
}

/** Nobody has lists. */
export const NO_LISTS: ListDirectory = { listAt: () => null, list: () => null, personAt: () => null, nameOf: () => "" };

/** Bytes of a list that came compressed. */
const INFLATED_MAX = 65_536;

/** The list that a SUBSCRIBE asks for; null when it asks for one person, or nobody. */
export function askedList(call: Call, directory: ListDirectory): WatchedList | Refusal | null {
  const brought = broughtSource(call.message);
  if (brought !== null) return brought.kind === "refused" ? brought : (currentList(brought, directory) ?? malformed("an empty list"));
  const named = call.isOurs && call.aor === null ? directory.listAt(call.uri) : null;
  return named === null ? null : currentList({ kind: "directory", aor: named.aor }, directory);
}

/** The list that a refresh brings in the place of the one before; null when it brings none. */
export function broughtList(message: Message, directory: ListDirectory): WatchedList | Refusal | null {
  const brought = broughtSource(message);
  return brought === null || brought.kind === "refused" ? brought : currentList(brought, directory);
}

/** A list with the members that it has now; null when it is no more. */
export function currentList(source: ListSource, directory: ListDirectory): WatchedList | null {
  switch (source.kind) {
    case "directory": {
      const list = directory.list(source.aor);
      return list === null ? null : new WatchedList(source, list.name, list.members.map((aor): ListMember => ({ uri: aor, aor, name: directory.nameOf(aor) })));
    }
    case "request":
      return new WatchedList(source, "", once(source.entries.flatMap(({ uri, name }) => requestedMembers(uri, name, directory))));
  }
}

/** Each person once, under the URI that names him first. */
function once(members: readonly ListMember[]): readonly ListMember[] {
  const seen = new Set<Aor>();
  return members.filter(({ aor }) => {
    if (aor === null) return true;
    const isNew = !seen.has(aor);
    seen.add(aor);
    return isNew;
  });
}

/** A list of the directory within a list that came in a request is written out. */
function requestedMembers(uri: string, name: string, directory: ListDirectory): readonly ListMember[] {
  const parsed = parseSipUri(uri);
  const aor = parsed === null ? null : directory.personAt(parsed);
  const list = aor !== null || parsed === null ? null : directory.listAt(parsed);
  if (list !== null) return list.members.map((member): ListMember => ({ uri: member, aor: member, name: directory.nameOf(member) }));
  return [{ uri, aor, name }];
}

function broughtSource(message: Message): ListSource | Refusal | null {
  if (message.body === "") return null;
  const isAsked = message.has(Header.require) && message.values(Header.require).some((tag) => tag.toLowerCase() === RECIPIENT_LIST);
  const contentType = message.header(Header.contentType) ?? "";
  const type = mediaType(contentType);
  if (!isAsked && type !== RESOURCE_LISTS_TYPE) return null;
  try {
    const body = plainBody(message);
    if (body === null) return refused(415, undefined, "Accept-Encoding: identity, deflate\r\n");
    const text = type.startsWith("multipart/") ? parseMultipart(contentType, body).find((part) => mediaType(part.contentType) === RESOURCE_LISTS_TYPE)?.body : type === RESOURCE_LISTS_TYPE ? body : undefined;
    if (text === undefined) return refused(415, undefined, `Accept: ${RESOURCE_LISTS_TYPE}\r\n`);
    const entries = parseResourceLists(text);
    return entries.length === 0 ? malformed("a list without an entry") : { kind: "request", entries: entries.map(({ uri, name }) => ({ uri: bytesOf(uri), name })) };
  } catch (err) {
    if (err instanceof ParseError) return refused(err.status, err.status === 413 ? undefined : "Bad Request: unreadable list");
    throw err;
  }
}

/** The body without the compression that linphone uses; null when it is another, or is too large. Throws ParseError when it cannot be undone. */
function plainBody(message: Message): string | null {
  const encoding = message.header(Header.contentEncoding)?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return message.body;
  if (encoding !== "deflate") return null;
  const bytes = Buffer.from(message.body, "latin1");
  for (const inflate of [inflateSync, inflateRawSync]) {
    try {
      return inflate(bytes, { maxOutputLength: INFLATED_MAX }).toString("latin1");
    } catch {
      // "deflate" is zlib's form by the book, and the bare one of many writers: the next is tried.
    }
  }
  throw new ParseError("a body that cannot be inflated");
}
