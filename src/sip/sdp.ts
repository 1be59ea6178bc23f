import { parse } from "sdp-transform";

/** What a party does with the media of a session, in its own words: sends, receives, both or neither (RFC 3264 §5.1). */
export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** The direction of a session description as a whole: what its live streams (port not 0) allow together; null when it has none.
 *  A connection address of 0.0.0.0 or :: is the old way to say "send me nothing" (RFC 3264 §8.4). The text is only read, never changed. */
export function mediaDirection(sdp: string): MediaDirection | null {
  const session = parse(sdp);
  // A rejected or removed stream (port 0) says nothing about the session.
  const live = session.media.filter((media) => media.port !== 0);
  if (live.length === 0) return null;
  let sends = false;
  let receives = false;
  for (const media of live) {
    const direction = media.direction ?? session.direction ?? "sendrecv";
    const address = media.connection?.ip ?? session.connection?.ip ?? "";
    sends ||= direction === "sendrecv" || direction === "sendonly";
    receives ||= (direction === "sendrecv" || direction === "recvonly") && address !== "0.0.0.0" && address !== "::";
  }
  return sends ? (receives ? "sendrecv" : "sendonly") : receives ? "recvonly" : "inactive";
}

/** True when a party that says so in an offer holds the other: it wants to hear nothing. */
export function isHolding(direction: MediaDirection): boolean {
  return direction === "sendonly" || direction === "inactive";
}
