/** What a party does with the media of a session, in its own words: sends, receives, both or neither (RFC 3264 §5.1). */
export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** The direction of a session description as a whole: what its live streams (port not 0) allow together; null when it has none.
 *  A connection address of 0.0.0.0 or :: is the old way to say "send me nothing" (RFC 3264 §8.4). The text is only read, never changed. */
export function mediaDirection(sdp: string): MediaDirection | null {
  const session: Part = { sends: true, receives: true, isNowhere: false };
  let stream: Part | null = null;
  let sends = false;
  let receives = false;
  let isInStreams = false;
  let hasLive = false;
  const close = (): void => {
    if (stream === null) return;
    hasLive = true;
    sends ||= stream.sends;
    receives ||= stream.receives && !stream.isNowhere;
  };
  for (let at = 0; at < sdp.length; ) {
    let end = sdp.indexOf("\n", at);
    if (end === -1) end = sdp.length;
    if (sdp.charCodeAt(at + 1) === EQUALS) {
      const kind = sdp.charCodeAt(at);
      if (kind === M) {
        close();
        isInStreams = true;
        // A rejected or removed stream (port 0) says nothing about the session.
        stream = /^m=\S+[ \t]+0[ \t/]/.test(sdp.slice(at, end)) ? null : { ...session };
      } else if (kind === A) readDirection(sdp.slice(at + 2, end).trim(), isInStreams ? stream : session);
      else if (kind === C) readConnection(sdp.slice(at + 2, end), isInStreams ? stream : session);
    }
    at = end + 1;
  }
  close();
  if (!hasLive) return null;
  return sends ? (receives ? "sendrecv" : "sendonly") : receives ? "recvonly" : "inactive";
}

/** True when a party that says so in an offer holds the other: it wants to hear nothing. */
export function isHolding(direction: MediaDirection): boolean {
  return direction === "sendonly" || direction === "inactive";
}

interface Part {
  sends: boolean;
  receives: boolean;
  isNowhere: boolean;
}

const EQUALS = 61;
const A = 97;
const C = 99;
const M = 109;

function readDirection(attribute: string, part: Part | null): void {
  if (part === null) return;
  if (attribute !== "sendrecv" && attribute !== "sendonly" && attribute !== "recvonly" && attribute !== "inactive") return;
  part.sends = attribute === "sendrecv" || attribute === "sendonly";
  part.receives = attribute === "sendrecv" || attribute === "recvonly";
}

function readConnection(value: string, part: Part | null): void {
  if (part !== null) part.isNowhere = /^IN[ \t]+IP(?:4[ \t]+0\.0\.0\.0|6[ \t]+::)(?:[/\s]|$)/i.test(value);
}
