import { isUtf8 } from "node:buffer";

const NEEDS_CARE = /[&<>"'\u0000-\u001f\ud800-\udfff\ufffe\uffff]/;
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const NOT_ASCII = /[\u0080-\uffff]/;

const REFERENCES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Unicode text as it may stand in an element or a quoted attribute. Characters that XML 1.0 forbids are left out (XML 1.0 §2.2);
 *  line ends and tabs become references, so that an attribute keeps them. */
export function escapeXml(text: string): string {
  if (!NEEDS_CARE.test(text)) return text;
  return text.replace(FORBIDDEN, "").replace(/[&<>"'\t\n\r]/g, (character) => REFERENCES[character] ?? "");
}

/** Bytes from the wire (latin1, one character a byte) as Unicode: UTF-8, or latin1 where the bytes are no UTF-8. */
export function unicodeOf(bytes: string): string {
  if (!NOT_ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, "latin1");
  return isUtf8(buffer) ? buffer.toString("utf8") : bytes;
}

/** Unicode as UTF-8 bytes for the wire (latin1, one character a byte). */
export function bytesOf(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** SIP text (bytes as latin1: a display name, a tag, a URI) escaped for an XML body, still as bytes, and valid UTF-8 whatever the peer sent. */
export function escapeSipText(bytes: string): string {
  return NOT_ASCII.test(bytes) ? bytesOf(escapeXml(unicodeOf(bytes))) : escapeXml(bytes);
}

/** A SIP URI (bytes as latin1) for a body, escaped. What a peer left unescaped against RFC 3261 §19.1.1, and schemas refuse (`#`, a lone `%`,
 *  brackets in the user part), is escaped here. An IPv6 address keeps its brackets, though libxml2 takes them for an error: a watcher must
 *  find the URI that it knows. */
export function escapeUri(bytes: string): string {
  if (!/[%#[\]]/.test(bytes)) return escapeSipText(bytes);
  const host = bytes.lastIndexOf("@") + 1;
  const user = bytes.slice(0, host).replace(/[[\]]/g, (bracket) => (bracket === "[" ? "%5B" : "%5D"));
  return escapeSipText((user + bytes.slice(host)).replace(/%(?![\da-fA-F]{2})/g, "%25").replaceAll("#", "%23"));
}
