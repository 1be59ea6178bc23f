import { Header } from "../sip/header-name.ts";
import type { Message } from "../sip/message.ts";
import { mediaType } from "./accept.ts";
import { parseEvent, type EventName } from "./event-header.ts";
import type { EventPackage } from "./event-package.ts";
import { grantedSeconds, type LifetimeLimits } from "./lifetime.ts";
import { badEvent, malformed, refused, tooMany, type Refusal } from "./refusal.ts";
import { badExtension } from "./subscribe-decision.ts";

/** What a PUBLISH says that decides about it. */
export interface PublishFacts {
  readonly event: EventName | null;
  /** SIP-If-Match; null when there is none. */
  readonly ifMatch: string | null;
  /** As `Message.expires` reads it. */
  readonly expires: number;
  /** Lower case, without parameters; empty when there is none. */
  readonly contentType: string;
  readonly userAgent: string;
  /** Lower case; empty when there is none. */
  readonly contentEncoding: string;
  /** Empty when there is none, or nothing but blanks. */
  readonly body: string;
  /** The option tags of Require: we know none. */
  readonly required: readonly string[];
}

const USER_AGENT_LENGTH_MAX = 128;

/** Reads the facts out of a PUBLISH. */
export function publishFacts(message: Message): PublishFacts {
  const { body } = message;
  return {
    event: parseEvent(message.header(Header.event)),
    ifMatch: message.header(Header.sipIfMatch) ?? null,
    expires: message.expires,
    contentType: mediaType(message.header(Header.contentType) ?? ""),
    userAgent: (message.header(Header.userAgent) ?? "").slice(0, USER_AGENT_LENGTH_MAX),
    contentEncoding: (message.header(Header.contentEncoding) ?? "").toLowerCase(),
    body: body.trim() === "" ? "" : body,
    required: message.has(Header.require) ? message.values(Header.require) : [],
  };
}

/** What the decision needs beyond the request. */
export interface PublishContext {
  readonly packages: ReadonlyMap<string, EventPackage>;
  /** Whether the sender may publish for that AoR. */
  readonly mayPublish: boolean;
  /** Whether the entity tag names a live publication of that AoR and event. */
  readonly isKnown: (etag: string, pack: EventPackage) => boolean;
  /** Live publications of that AoR. */
  readonly count: number;
  readonly limits: LifetimeLimits;
  readonly publicationsPerAorMax: number;
  /** Bytes. */
  readonly publishBodyMax: number;
}

/** What a PUBLISH does (RFC 3903 §4.1). */
export type PublishDecision =
  | Refusal
  /** A first publication; with `seconds` 0 it is over as soon as it is answered. */
  | { readonly kind: "initial"; readonly pack: EventPackage; readonly seconds: number }
  | { readonly kind: "refresh"; readonly pack: EventPackage; readonly etag: string; readonly seconds: number }
  | { readonly kind: "modify"; readonly pack: EventPackage; readonly etag: string; readonly seconds: number }
  | { readonly kind: "remove"; readonly pack: EventPackage; readonly etag: string };

/** Decides about a PUBLISH for an AoR of ours, in the order of RFC 3903 §6. */
export function publishDecision(facts: PublishFacts, context: PublishContext): PublishDecision {
  if (facts.required.length > 0) return badExtension(facts.required);
  const pack = facts.event === null ? undefined : context.packages.get(facts.event.name);
  if (pack === undefined || pack.publishTypes.length === 0) return badEvent([...context.packages.values()].filter((one) => one.publishTypes.length > 0).map((one) => one.name));
  if (!context.mayPublish) return refused(403, "Forbidden: one publishes for oneself only");
  const { ifMatch: etag } = facts;
  if (etag !== null && !context.isKnown(etag, pack)) return refused(412);
  const seconds = grantedSeconds(facts.expires, context.limits);
  if (typeof seconds !== "number") return seconds;
  if (etag !== null && seconds === 0) return { kind: "remove", pack, etag };
  if (facts.body === "") return etag === null ? malformed("no body and no SIP-If-Match") : { kind: "refresh", pack, etag, seconds };
  if (facts.body.length > context.publishBodyMax) return refused(413);
  if (facts.contentEncoding !== "" && facts.contentEncoding !== "identity") return refused(415, undefined, "Accept-Encoding: identity\r\n");
  if (!pack.publishTypes.includes(facts.contentType)) return refused(415, undefined, `Accept: ${pack.publishTypes.join(", ")}\r\n`);
  if (etag !== null) return { kind: "modify", pack, etag, seconds };
  return context.count >= context.publicationsPerAorMax ? tooMany() : { kind: "initial", pack, seconds };
}
