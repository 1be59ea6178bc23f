import type { Aor } from "../base/ids.ts";
import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { acceptedTypes } from "./accept.ts";
import { parseEvent, type EventName } from "./event-header.ts";
import type { EventPackage } from "./event-package.ts";
import { EVENTLIST, RECIPIENT_LIST } from "./eventlist.ts";
import { grantedSeconds, type LifetimeLimits } from "./lifetime.ts";
import { badEvent, malformed, refused, type Refusal } from "./refusal.ts";

/** What a SUBSCRIBE says that decides about it. */
export interface SubscribeFacts {
  /** Null when it is missing or cannot be read. */
  readonly event: EventName | null;
  /** The values of Accept; null when there is no such header. */
  readonly accept: readonly string[] | null;
  /** As `Message.expires` reads it. */
  readonly expires: number;
  readonly cseq: number;
  readonly hasContact: boolean;
  /** The option tags of Require that we do not know. */
  readonly required: readonly string[];
  /** It understands lists (RFC 4662 §4.1). */
  readonly hasEventlist: boolean;
}

/** Reads the facts out of a SUBSCRIBE. `ignoresAccept`: the phone's Accept header is known to be wrong. */
export function subscribeFacts(message: Message, ignoresAccept = false): SubscribeFacts {
  return {
    event: parseEvent(message.header(Header.event)),
    accept: message.has(Header.accept) && !ignoresAccept ? message.values(Header.accept) : null,
    expires: message.expires,
    cseq: message.cseq,
    hasContact: message.has(Header.contact),
    required: message.has(Header.require) ? message.values(Header.require).filter((tag) => !KNOWN_TAGS.includes(tag.toLowerCase())) : NONE,
    hasEventlist: hasTag(message, Header.supported) || hasTag(message, Header.require),
  };
}

/** The option tags that a SUBSCRIBE may require. */
const KNOWN_TAGS: readonly string[] = [EVENTLIST, RECIPIENT_LIST];

function hasTag(message: Message, header: typeof Header.supported | typeof Header.require): boolean {
  return message.has(header) && message.values(header).some((tag) => tag.toLowerCase() === EVENTLIST);
}

/** A new subscription, or with `seconds` 0 a fetch: one NOTIFY and no more (RFC 6665 §4.4.3). */
export interface Creation {
  readonly kind: "create";
  readonly pack: EventPackage;
  readonly eventId: string;
  /** As in `Watching`. */
  readonly accept: readonly string[];
  readonly seconds: number;
}

/** Another life for a subscription, or with `seconds` 0 its end; `accept` is null when it stays as it was. */
export interface Renewal {
  readonly kind: "renew";
  readonly accept: readonly string[] | null;
  readonly seconds: number;
}

/** Decides about a SUBSCRIBE outside a dialog (RFC 6665 §4.2.1). `isList`: it is for a list, which only those may ask for who say that they understand lists
 *  (RFC 4662 §4.2). */
export function initialDecision(facts: SubscribeFacts, packages: ReadonlyMap<string, EventPackage>, limits: LifetimeLimits, isList = false): Creation | Refusal {
  if (facts.required.length > 0) return badExtension(facts.required);
  const pack = facts.event === null ? undefined : packages.get(facts.event.name);
  if (facts.event === null || pack === undefined) return badEvent([...packages.keys()]);
  if (isList && pack.isListable !== true) return badEvent([...packages.values()].filter(({ isListable }) => isListable === true).map(({ name }) => name));
  if (isList && !facts.hasEventlist) return refused(421, undefined, `Require: ${EVENTLIST}\r\n`);
  if (!facts.hasContact) return malformed("no Contact");
  const seconds = grantedSeconds(facts.expires, limits);
  if (typeof seconds !== "number") return seconds;
  const accept = acceptOf(facts, pack, isList);
  return accept === null ? notAcceptable(pack) : { kind: "create", pack, eventId: facts.event.id, accept, seconds };
}

/** The subscription that a SUBSCRIBE within a dialog is for. */
export interface Renewable {
  readonly pack: EventPackage;
  readonly eventId: string;
  readonly watcher: Aor | null;
  readonly remoteCseq: number;
  readonly isList: boolean;
}

/** What decides of a subscription. */
export function renewable({ pack, eventId, watcher, remoteCseq, list }: Omit<Renewable, "isList"> & { readonly list: object | null }): Renewable {
  return { pack, eventId, watcher, remoteCseq, isList: list !== null };
}

/** Decides about a SUBSCRIBE within a dialog; `existing` is null when we know no such dialog. One dialog holds one subscription
 *  (RFC 6665 §4.5.1): another event in it is unknown. */
export function inDialogDecision(facts: SubscribeFacts, existing: Renewable | null, caller: Aor | null, limits: LifetimeLimits): Renewal | Refusal {
  if (existing === null || (facts.event !== null && (facts.event.name !== existing.pack.name || facts.event.id !== existing.eventId))) return refused(481);
  if (facts.event === null) return badEvent([existing.pack.name]);
  if (facts.cseq < existing.remoteCseq) return refused(500, "CSeq Out Of Order");
  if (caller !== existing.watcher) return refused(403, "Forbidden: another's subscription");
  if (facts.required.length > 0) return badExtension(facts.required);
  const seconds = grantedSeconds(facts.expires, limits);
  if (typeof seconds !== "number") return seconds;
  if (facts.accept === null) return { kind: "renew", accept: null, seconds };
  const accept = acceptOf(facts, existing.pack, existing.isList);
  return accept === null ? notAcceptable(existing.pack) : { kind: "renew", accept, seconds };
}

/** Phones that know lists name the list's own types in Accept, and not always those of the members. */
function acceptOf({ accept }: SubscribeFacts, pack: EventPackage, isList: boolean): readonly string[] | null {
  if (accept === null) return NONE;
  return acceptedTypes(accept, pack.types) ?? (isList ? NONE : null);
}

/** 420 for option tags that we do not know (RFC 3261 §8.2.2.3). */
export function badExtension(tags: readonly string[]): Refusal {
  return refused(420, undefined, `Unsupported: ${tags.join(", ")}\r\n`);
}

const NONE: readonly string[] = [];

function notAcceptable(pack: EventPackage): Refusal {
  return refused(406, undefined, `Accept: ${pack.types.join(", ")}\r\n`);
}
