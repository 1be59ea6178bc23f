import { activityElements, DATA_MODEL_NAMESPACE, IM_NAMESPACE, PIDF_NAMESPACE, RPID_NAMESPACE, type Basic } from "./pidf.ts";
import type { Activity } from "./rpid.ts";
import { formatTimestamp } from "./timestamp.ts";
import { bytesOf, escapeUri, escapeXml } from "./xml-text.ts";

/** One `<tuple>` of an aggregate; ids are valid xs:ID and differ throughout the document. Texts are Unicode. */
export interface AggregateTuple {
  readonly id: string;
  readonly basic: Basic;
  /** Default: the presentity. */
  readonly contact?: string;
  readonly notes: readonly string[];
  readonly im?: string;
}

/** One `<dm:person>` of an aggregate. */
export interface AggregatePerson {
  readonly id: string;
  readonly activities: readonly Activity[];
  readonly notes: readonly string[];
  /** Since when, ms since 1970; 0 writes none. */
  readonly since: number;
}

/** All that is said of somebody, side by side. */
export interface Aggregate {
  readonly tuples: readonly AggregateTuple[];
  readonly notes: readonly string[];
  readonly persons: readonly AggregatePerson[];
}

/** The classic aggregate (bytes as latin1): what every source says in one document, for those who want no merge. Ordered as the schemas of RFC 3863, 4479 and 4480
 *  ask for. `entity` is the URI that the watcher subscribed to, as SIP text. */
export function renderAggregate({ tuples, notes, persons }: Aggregate, entity: string): string {
  const uri = escapeUri(entity);
  const parts = [
    ...tuples.map(({ id, basic, contact, notes: own, im }) => {
      const old = im === undefined ? "" : `<im:im xmlns:im="${IM_NAMESPACE}">${text(im)}</im:im>`;
      const where = contact === undefined || contact.trim() === "" ? uri : escapeUri(bytesOf(contact));
      return ` <tuple id="${id}"><status><basic>${basic}</basic>${old}</status><contact priority="0.8">${where}</contact>${own.map((note) => `<note>${text(note)}</note>`).join("")}</tuple>\n`;
    }),
    ...notes.map((note) => ` <note>${text(note)}</note>\n`),
    ...persons.map(({ id, activities, notes: own, since }) => {
      const timestamp = since > 0 ? `<dm:timestamp>${formatTimestamp(since)}</dm:timestamp>` : "";
      return ` <dm:person id="${id}">${activityElements(activities).join("")}${own.map((note) => `<dm:note>${text(note)}</dm:note>`).join("")}${timestamp}</dm:person>\n`;
    }),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="${PIDF_NAMESPACE}" xmlns:dm="${DATA_MODEL_NAMESPACE}"\n xmlns:rpid="${RPID_NAMESPACE}" entity="${uri}">\n${parts.join("")}</presence>\n`;
}

function text(unicode: string): string {
  return bytesOf(escapeXml(unicode));
}
