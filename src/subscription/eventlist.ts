/** The option tag of those who understand lists (RFC 4662 §4.1): asked of watchers, and required in what they are sent. */
export const EVENTLIST = "eventlist";

/** The option tag of a SUBSCRIBE that brings its own list (RFC 5367 §5). */
export const RECIPIENT_LIST = "recipient-list-subscribe";
