import { hasFields } from "../base/has-fields.ts";
import { parseAor, type Aor } from "../base/ids.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { EventPackage } from "./event-package.ts";
import { ListWatch, type WatchedList } from "./list-watch.ts";
import { currentList, type ListDirectory } from "./lists.ts";
import { Subscription } from "./subscription.ts";

/** What the store keeps of a subscription: all but the connection and what was sent. `cseqLimit` is the high-water mark from which it goes on. */
export interface StoredSubscription {
  readonly format: 1;
  readonly resource: string;
  readonly entity: string;
  readonly watcher: string | null;
  readonly userAgent: string;
  readonly accept: readonly string[];
  readonly event: string;
  readonly eventId: string;
  readonly expiresAt: number;
  readonly remoteCseq: number;
  readonly cseqLimit: number;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
  readonly routes: readonly string[];
  /** Of one to a list: true for that of the directory under the resource's name, else the entries that its watcher brought. */
  readonly list?: true | readonly { readonly uri: string; readonly name: string }[];
}

/** The value that is stored for a subscription, under its local tag. */
export function storedSubscription(from: Subscription): StoredSubscription {
  const { callId, localTag, remoteTag, local, remote, target, routes } = from.dialog;
  const { resource, entity, watcher, userAgent, accept, eventId, expiresAt, remoteCseq, cseqLimit } = from;
  const source = from.list?.of.source;
  const list = source === undefined ? {} : { list: source.kind === "directory" ? (true as const) : source.entries };
  return { format: 1, resource, entity, watcher, userAgent, accept, event: from.pack.name, eventId, expiresAt, remoteCseq, cseqLimit, callId, localTag, remoteTag, local, remote, target, routes, ...list };
}

/** Reads a stored value back; null when it is of another form, or its package is not served any more, or its list is gone. */
export function readStoredSubscription(value: unknown, packages: ReadonlyMap<string, EventPackage>, profileOf: (userAgent: string) => PhoneProfile, lists: ListDirectory): Subscription | null {
  if (!hasFields(value)) return null;
  const { format, entity, userAgent, accept, eventId, expiresAt, remoteCseq, cseqLimit, callId, localTag, remoteTag, local, remote, target, routes } = value;
  const resource = aorOrNull(value.resource);
  const pack = typeof value.event === "string" ? packages.get(value.event) : undefined;
  if (format !== 1 || resource === null || pack === undefined) return null;
  if (typeof entity !== "string" || typeof userAgent !== "string" || typeof eventId !== "string" || !isTexts(accept) || !isTexts(routes)) return null;
  if (typeof expiresAt !== "number" || typeof remoteCseq !== "number" || typeof cseqLimit !== "number") return null;
  if (typeof callId !== "string" || typeof localTag !== "string" || typeof remoteTag !== "string") return null;
  if (typeof local !== "string" || typeof remote !== "string" || typeof target !== "string") return null;
  const watcher = aorOrNull(value.watcher);
  const dialog = { callId, localTag, remoteTag, local, remote, target, routes, flow: null };
  const list = value.list === undefined ? undefined : storedList(value.list, resource, lists);
  if (list === null) return null;
  return new Subscription({ resource, entity, watcher, userAgent, profile: profileOf(userAgent), accept, pack, eventId, dialog, expiresAt, remoteCseq, cseq: cseqLimit, ...(list === undefined ? {} : { list: new ListWatch(list) }) });
}

function storedList(value: unknown, resource: Aor, lists: ListDirectory): WatchedList | null {
  if (value === true) return currentList({ kind: "directory", aor: resource }, lists);
  if (!Array.isArray(value)) return null;
  const entries = value.flatMap((one: unknown) => {
    const { uri, name }: Readonly<Record<string, unknown>> = typeof one === "object" && one !== null ? { ...one } : {};
    return typeof uri === "string" && typeof name === "string" ? [{ uri, name }] : [];
  });
  return entries.length === 0 ? null : currentList({ kind: "request", entries }, lists);
}

function aorOrNull(value: unknown): ReturnType<typeof parseAor> {
  return typeof value === "string" ? parseAor(value) : null;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
