/** How a watcher stands to what he watches. `allow`: he is told; `polite`: he is told of somebody who is always offline, and of no change; `pending`: his subscription
 *  waits for permission, without a body (RFC 6665 §4.1.3); `block`: he is refused, and what he has ends as rejected. */
export type Standing = "allow" | "polite" | "pending" | "block";
