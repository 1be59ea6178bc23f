import { parseAor } from "../base/ids.ts";
import type { EventPackage, Publication } from "./event-package.ts";

/** What the store keeps of a publication, under its lineage id. */
export interface StoredPublication extends Omit<Publication, "resource"> {
  readonly format: 1;
  readonly resource: string;
  readonly event: string;
}

/** The value that is stored for a publication. */
export function storedPublication(pack: EventPackage, publication: Publication): StoredPublication {
  return { format: 1, event: pack.name, ...publication };
}

/** Reads a stored value back; null when it is of another form or its package takes no publications any more. */
export function readStoredPublication(value: unknown, packages: ReadonlyMap<string, EventPackage>): { readonly pack: EventPackage; readonly publication: Publication } | null {
  if (typeof value !== "object" || value === null) return null;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const { format, etag, publishedAt, until, contentType, body } = fields;
  const resource = typeof fields.resource === "string" ? parseAor(fields.resource) : null;
  const pack = typeof fields.event === "string" ? packages.get(fields.event) : undefined;
  if (format !== 1 || resource === null || pack === undefined || pack.publishTypes.length === 0) return null;
  if (typeof etag !== "string" || typeof publishedAt !== "number" || typeof until !== "number" || typeof contentType !== "string" || typeof body !== "string") return null;
  const userAgent = typeof fields.userAgent === "string" ? { userAgent: fields.userAgent } : {};
  return { pack, publication: { resource, etag, publishedAt, until, contentType, body, ...userAgent } };
}
