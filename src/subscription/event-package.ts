import type { Aor } from "../base/ids.ts";
import type { PhoneProfile } from "../phones/profile.ts";
import type { Standing } from "./standing.ts";

/** Who watches whom: what a body may depend on. */
export interface Watching {
  readonly resource: Aor;
  /** The URI that the watcher subscribed to, without parameters: what documents name the presentity by. */
  readonly entity: string;
  readonly watcher: Aor | null;
  readonly userAgent: string;
  /** What the watcher's phone needs, by its User-Agent: chosen when it subscribed. */
  readonly profile: PhoneProfile;
  /** Those of the package's types that its Accept header names, in its order, wildcards written out; empty when it gave no Accept. */
  readonly accept: readonly string[];
  /** The form of document that `variantOf` chose; watchers with the same one, entity and resource share a rendering. */
  readonly variant: number;
  /** What the watcher may see, as `standingOf` said. A package is asked to render for `allow` and `polite` only. */
  readonly standing: Standing;
}

/** What is known of a watcher when his standing and his form are asked for. */
export type Asking = Omit<Watching, "variant" | "standing">;

/** A rendered body, shared by all watchers with the same key. The version number of dialog-info stands between `head` and `tail`;
 *  where a package has none, `tail` is empty and `head` the whole body. Bytes as latin1. */
export interface Rendered {
  readonly contentType: string;
  readonly head: string;
  readonly tail: string;
  readonly isVersioned: boolean;
}

/** What a PUBLISH is told: taken, or why not. */
export type Publishing = { readonly kind: "taken" } | { readonly kind: "refused"; readonly status: number; readonly reason: string; readonly headers?: string };

/** A live publication (RFC 3903). */
export interface Publication {
  readonly resource: Aor;
  readonly etag: string;
  /** When its content last changed, ms since 1970. A refresh does not change it, nor a body with the same content. */
  readonly publishedAt: number;
  /** When it lapses, ms since 1970. */
  readonly until: number;
  readonly contentType: string;
  /** Bytes as latin1. */
  readonly body: string;
  /** The publisher's User-Agent. */
  readonly userAgent?: string;
}

/** One event package (RFC 6665 §7.2): all that the subscription engine does not know. */
export interface EventPackage {
  readonly name: string;
  /** Media types of its bodies, the preferred one first. A SUBSCRIBE whose Accept names none of them gets 406. */
  readonly types: readonly string[];
  /** Media types that a PUBLISH may bring; empty when the package takes none (489). */
  readonly publishTypes: readonly string[];
  /** May this watcher watch? Null when it may; else what it is told. */
  admits(watching: Asking): { readonly status: number; readonly reason: string } | null;
  /** The body for a watcher now. Packages cache: equal `renderKey` and unchanged state give the same object.  */
  render(watching: Watching): Rendered;
  /** Which of its forms a watcher gets, as a small number: asked when it subscribes and when it sends another Accept, never for a NOTIFY. Default 0. */
  variantOf?(watching: Asking): number;
  /** What this watcher may see: asked when he subscribes, and again when the rules have changed. Default: all that `admits` lets in. */
  standingOf?(watching: Asking): Standing;
  /** Whether many resources may be watched by one subscription (RFC 4662). Default: no. */
  readonly isListable?: boolean;
  /** A shorter body that makes what the watcher was sent last, and has acknowledged, into what holds now; null: the whole body is sent. */
  partialOf?(watching: Watching, before: Rendered, now: Rendered): Rendered | null;
  /** A SUBSCRIBE brought a body: takes it in, or says why not. The NOTIFY that follows shows what came of it. Without this hook bodies are ignored. */
  told?(watching: Watching, contentType: string, body: string): Publishing;
  /** Checks a PUBLISH body before it is taken (parse it, keep nothing). */
  checkPublication?(contentType: string, body: string): Publishing;
  /** Whether two bodies of one content type say the same, so that the later one is a mere refresh and keeps `publishedAt`: Snom sends the body again
   *  with every refresh, against RFC 3903 §4.1. Default: equal text. */
  sameBody?(id: string, before: string, after: string): boolean;
  /** A publication is new, changed or refreshed: its report replaces the last one of its (resource, etag lineage `id`). */
  published?(id: string, publication: Publication): void;
  /** A publication ended: removed by its publisher or lapsed. */
  unpublished?(id: string, resource: Aor): void;
}

/** How a package tells the engine that a resource's state changed: NOTIFYs follow for those whose rendered body differs from the last one sent. */
export type ChangeListener = (packageName: string, resource: Aor) => void;

/** True when two bodies are equal; mostly they are the same object. */
export function isSame(a: Rendered, b: Rendered): boolean {
  return a === b || (a.head === b.head && a.tail === b.tail && a.contentType === b.contentType);
}
