import { ParseError } from "../base/errors.ts";
import type { Aor } from "../base/ids.ts";
import { parsePidf, type ParsedPresence } from "../documents/pidf.ts";
import { PIDF_DIFF_TYPE, pidfDiffParts, pidfFullParts } from "../documents/pidf-diff.ts";
import { renderAggregate } from "../documents/pidf-aggregate.ts";
import { acceptedForm, PRESENCE_FORMS, PRESENCE_TYPES, renderPresence, type Body, type PresenceForm } from "../documents/presence-body.ts";
import type { EventPackage, Publication, Publishing, Rendered, Watching } from "../subscription/event-package.ts";
import type { Standing } from "../subscription/standing.ts";
import type { PresenceDocument } from "./document.ts";
import { publicationReport } from "./publication.ts";
import { contentHash } from "./publication-news.ts";
import type { SourceReport } from "./report.ts";
import type { ReportSink } from "./source.ts";
import type { PresenceStatus } from "./status.ts";

const PIDF = "application/pidf+xml";
/** Ways to name one person that are rendered apart at once (a watcher may subscribe by any of our addresses). */
const ENTITIES_PER_AOR_MAX = 16;
/** Persons whose renderings are kept; the one that was rendered first goes first. */
const RENDERED_MAX = 20_000;

/** What the package needs. */
export interface PresencePackageDeps {
  readonly presence: PresenceStatus & ReportSink;
  /** Whether the old `im:` vocabulary of a publisher with that User-Agent is read as RPID (`presence.im_to_rpid`, or its phone's profile). */
  readonly imToRpid: (userAgent: string) => boolean;
  /** What a watcher may see of a person; default: everything. */
  readonly standingOf?: (watcher: Aor | null, resource: Aor) => Standing;
  /** Keep publications as they were written, for the classic aggregate (`presence.merge: false`). */
  readonly keepsWritten?: boolean;
}

interface Said {
  readonly body: string;
  /** `contentHash` of the body. */
  readonly content: string;
  readonly report: SourceReport;
}

/** Event package `presence` (RFC 3856): the merged state of a person, one rendering for all who subscribed to the same URI with phones that read the same form. */
export function presencePackage(deps: PresencePackageDeps): EventPackage {
  const { presence, imToRpid, keepsWritten = false } = deps;
  const rendered = new Map<Aor, { readonly document: PresenceDocument; readonly forms: Map<string, Rendered>[] }>();
  const said = new Map<string, Said>();
  /** The body that was checked last: it is published next, as a rule. */
  let checked: { readonly body: string; readonly parsed: ParsedPresence; content: string } | null = null;

  const parsedOf = (body: string): ParsedPresence | null => {
    if (checked?.body === body) return checked.parsed;
    try {
      return parsePidf(body);
    } catch (err) {
      if (err instanceof ParseError) return null;
      throw err;
    }
  };

  /** What a body says; empty when it cannot be read. */
  const contentOf = (body: string): string => {
    const parsed = parsedOf(body);
    if (parsed === null) return "";
    if (checked?.body !== body) return contentHash(parsed);
    if (checked.content === "") checked.content = contentHash(parsed);
    return checked.content;
  };

  const say = (id: string, next: Said): void => {
    if (presence.report(next.report)) said.set(id, next);
  };

  const renderingsOf = (aor: Aor, variant: number): Map<string, Rendered> => {
    const document = presence.status(aor);
    let known = rendered.get(aor);
    if (known?.document !== document) {
      if (known === undefined && rendered.size >= RENDERED_MAX) for (const [first] of rendered) if (rendered.delete(first)) break;
      known = { document, forms: [] };
      rendered.set(aor, known);
    }
    let byEntity = known.forms[variant];
    if (byEntity === undefined || byEntity.size >= ENTITIES_PER_AOR_MAX) known.forms[variant] = byEntity = new Map<string, Rendered>();
    return byEntity;
  };

  return {
    name: "presence",
    types: [...PRESENCE_TYPES, PIDF_DIFF_TYPE],
    publishTypes: [PIDF],

    admits: ({ watcher }) => (watcher === null ? { status: 403, reason: "Forbidden" } : null),

    isListable: true,
    ...(deps.standingOf === undefined ? {} : { standingOf: ({ watcher, resource }) => deps.standingOf?.(watcher, resource) ?? "allow" }),

    variantOf: ({ profile, accept }) => (wantsChanges(accept) && !keepsWritten ? CHANGES : PRESENCE_FORMS.indexOf(acceptedForm(profile.presence, accept))),

    partialOf({ variant }: Watching, before: Rendered, now: Rendered): Rendered | null {
      if (variant !== CHANGES || before.contentType !== PIDF_DIFF_TYPE) return null;
      const parts = pidfDiffParts(before.tail, now.tail);
      return parts === null ? null : { contentType: PIDF_DIFF_TYPE, ...parts, isVersioned: true };
    },

    render({ resource, entity, variant, standing }: Watching): Rendered {
      if (standing !== "allow") return written(variant, offlineDocument(resource, keepsWritten), entity);
      const byEntity = renderingsOf(resource, variant);
      let body = byEntity.get(entity);
      if (body === undefined) {
        body = written(variant, presence.status(resource), entity);
        byEntity.set(entity, body);
      }
      return body;
    },

    checkPublication(_contentType: string, body: string): Publishing {
      try {
        checked = { body, parsed: parsePidf(body), content: "" };
        return { kind: "taken" };
      } catch (err) {
        if (!(err instanceof ParseError)) throw err;
        return { kind: "refused", status: err.status, reason: "Unreadable presence document" };
      }
    },

    sameBody(id: string, before: string, after: string): boolean {
      const known = said.get(id);
      const old = known?.body === before ? known.content : contentOf(before);
      return old !== "" && old === contentOf(after);
    },

    published(id: string, publication: Publication): void {
      const { resource, body, publishedAt, until } = publication;
      const before = said.get(id);
      if (before?.body === body) {
        say(id, { ...before, report: { ...before.report, publishedAt, until } });
        return;
      }
      const parsed = parsedOf(body);
      const content = contentOf(body);
      checked = null;
      if (parsed !== null) say(id, { body, content, report: publicationReport(parsed, { presentity: resource, key: id, publishedAt, until, imToRpid: imToRpid(publication.userAgent ?? ""), keepsWritten }) });
    },

    unpublished(id: string, resource: Aor): void {
      said.delete(id);
      presence.withdraw("publish", resource, id);
    },
  };
}

/** The variant of those who asked for changes alone (RFC 5263), beside those of `PRESENCE_FORMS`. */
const CHANGES = PRESENCE_FORMS.length;

/** True for a watcher who names partial documents. One who takes anything at all, and so the old types too, is not meant. */
function wantsChanges(accept: readonly string[]): boolean {
  return accept.includes(PIDF_DIFF_TYPE) && !PRESENCE_TYPES.every((type) => accept.includes(type));
}

function written(variant: number, document: PresenceDocument, entity: string): Rendered {
  const { contentType, body } = bodyOf(PRESENCE_FORMS[variant] ?? "pidf", document, entity);
  if (variant === CHANGES) return { contentType: PIDF_DIFF_TYPE, ...pidfFullParts(body), isVersioned: true };
  return { contentType, head: body, tail: "", isVersioned: false };
}

/** What the politely blocked see: always the same, and what somebody is who never was there. */
function offlineDocument(aor: Aor, isAggregate: boolean): PresenceDocument {
  const document = { aor, source: "registration", kind: "registration", basic: "closed", activities: [], note: "Offline", since: 0 } as const;
  return isAggregate ? { ...document, aggregate: { tuples: [{ id: "t-nothing", basic: "closed", notes: [] }], notes: [], persons: [] } } : document;
}

/** An aggregate has no place in the forms that hold one state only: those phones get the merged one. */
function bodyOf(form: PresenceForm, document: PresenceDocument, entity: string): Body {
  if (document.aggregate === undefined || form === "xpidf" || form === "digium") return renderPresence(form, document, entity);
  return { contentType: PIDF, body: renderAggregate(document.aggregate, entity) };
}
