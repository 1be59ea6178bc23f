import { ParseError } from "../base/errors.ts";

/** One part of a multipart body; bytes as latin1. */
export interface BodyPart {
  /** As written, parameters included; empty when it has none. */
  readonly contentType: string;
  /** Without angle brackets; empty when it has none. */
  readonly contentId: string;
  /** As written; empty when it has none. */
  readonly disposition: string;
  readonly body: string;
}

/** Parts of one body that are read. */
const PARTS_MAX = 64;

/** The header lines and the body of one part, as they stand between two boundaries. `contentId`: the whole header. */
export function bodyPart(contentType: string, contentId: string, body: string): string {
  return `${contentId}\r\nContent-Type: ${contentType}\r\n\r\n${body}\r\n`;
}

/** A multipart body (RFC 2046 §5.1) of written parts; the boundary must not stand in any of them. */
export function joinedParts(parts: readonly string[], boundary: string): string {
  return `${parts.map((part) => `--${boundary}\r\n${part}`).join("")}--${boundary}--\r\n`;
}

/** Takes a multipart body of a peer apart. Throws ParseError when it has no part, or very many. `contentType`: the whole Content-Type value, which names the boundary. */
export function parseMultipart(contentType: string, body: string, partsMax = PARTS_MAX): readonly BodyPart[] {
  const named = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  const boundary = named?.[1] ?? named?.[2];
  if (boundary === undefined) throw new ParseError("a multipart body without a boundary");
  const pieces = `\r\n${body.replace(/\r?\n/g, "\r\n")}`.split(`\r\n--${boundary}`, partsMax + 2);
  if (pieces.length < 2) throw new ParseError("a multipart body without a part");
  if (pieces.length > partsMax + 1) throw new ParseError("a multipart body with too many parts", 413);
  return pieces.slice(1).filter((piece) => !piece.startsWith("--")).map(partOf);
}

function partOf(piece: string): BodyPart {
  const start = piece.indexOf("\r\n") + 2;
  const isBare = piece.startsWith("\r\n", start);
  const end = isBare ? start : piece.indexOf("\r\n\r\n", start);
  const head = end === -1 ? piece.slice(start) : piece.slice(start, end);
  const header = (name: string): string => new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
  return { contentType: header("Content-Type"), contentId: header("Content-ID").replace(/^<|>$/g, ""), disposition: header("Content-Disposition"), body: end === -1 ? "" : piece.slice(end + (isBare ? 2 : 4)) };
}
