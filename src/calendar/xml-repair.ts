import { XML_LIMITS, parseXml, type XmlElement, type XmlLimits } from "../documents/xml.ts";

/** What a calendar server may answer: a hundred mailboxes with a full day each, a few hundred events. */
const CALENDAR_XML: XmlLimits = { bytesMax: 16 << 20, elementsMax: 400_000, attributesMax: 400_000 };

/** Reads what a calendar server answered (bytes as latin1). Exchange and others write characters that XML forbids, above all `&#x0;` from a subject that was cut off: they are left out first.
 *  Throws ParseError for everything else that is malformed, so an answer that was cut off is never taken for a whole one. */
export function parseCalendarXml(body: string): XmlElement {
  return parseXml(withoutForbidden(body), { ...XML_LIMITS, ...CALENDAR_XML });
}

function withoutForbidden(body: string): string {
  const text = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(body) ? body.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "") : body;
  if (!text.includes("&#")) return text;
  return text.replace(/&#(?:x([\da-fA-F]{1,8})|(\d{1,10}));/g, (reference, hex?: string, decimal?: string) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    const isCharacter = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
    return isCharacter ? reference : "";
  });
}

/** All elements of that local name below an element, in document order; not those within one that was found. */
export function descendants(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.flatMap((child) => (child.name === name ? [child] : descendants(child, name)));
}
