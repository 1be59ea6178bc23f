import type { PidfState } from "./pidf.ts";
import { escapeSipText, escapeUri } from "./xml-text.ts";

/** The draft format before PIDF, with Microsoft's substatus, which Polycom phones show (bytes as latin1). There is no schema: golden files hold it. */
export function renderXpidf(state: Pick<PidfState, "basic" | "activities">, entity: string): string {
  const uri = escapeUri(entity);
  const [status, substatus] = xpidfStatus(state);
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">\n` +
    `<presence>\n <presentity uri="${uri};method=SUBSCRIBE"/>\n <atom id="${escapeSipText(userOf(entity))}">\n` +
    `  <address uri="${uri};user=ip" priority="0.800000">\n   <status status="${status}"/>\n   <msnsubstatus substatus="${substatus}"/>\n` +
    `  </address>\n </atom>\n</presence>\n`
  );
}

function xpidfStatus({ basic, activities }: Pick<PidfState, "basic" | "activities">): readonly [string, string] {
  if (basic === "closed") return ["closed", "offline"];
  switch (activities[0]?.name) {
    case undefined:
    case "unknown":
    case "working":
      return ["open", "online"];
    case "on-the-phone":
      return ["inuse", "onthephone"];
    case "busy":
    case "appointment":
    case "meeting":
    case "presentation":
    case "performance":
      return ["inuse", "busy"];
    default:
      return ["open", "away"];
  }
}

function userOf(entity: string): string {
  return /^[^:]*:([^@;?]+)@/.exec(entity)?.[1] ?? "0";
}
