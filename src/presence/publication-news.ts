import { hash } from "node:crypto";
import type { ParsedPresence } from "../documents/pidf.ts";
import type { Activity } from "../documents/rpid.ts";

/** A fingerprint of what a publication says. Element order, prefixes, ids, white space and timestamps do not count: phones make new ones
 *  at every refresh. Snom sends the body again with every refresh, against RFC 3903 §4.1: a PUBLISH that says the same keeps the time of the first, so
 *  that "the newest wins" never means "the last refreshed wins". */
export function contentHash(parsed: ParsedPresence): string {
  const content = [
    parsed.tuples.map((tuple) => [tuple.basic ?? "", tuple.im ?? "", tuple.notes, tuple.activities.map(words)]),
    parsed.persons.map((person) => [person.notes, person.activities.map(words)]),
    parsed.devices.map((device) => [device.deviceId, device.notes]),
    [parsed.notes],
    [...parsed.cipid],
  ].map((part) => part.map((entry) => JSON.stringify(entry)).sort());
  return hash("sha1", JSON.stringify(content), "base64url").slice(0, 22);
}

function words(activity: Activity): readonly (string | number)[] {
  return [activity.name, activity.text ?? "", activity.from ?? 0, activity.until ?? 0];
}
