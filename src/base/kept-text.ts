/** Below this length the engine copies a part of a string; a longer part is a view that keeps the whole string alive. */
const COPIED_BELOW = 13;

/** The same latin1 text as a string of its own: a part of a message that is kept longer than the message must not keep all of it in memory. */
export function keptText(text: string): string {
  return text.length < COPIED_BELOW ? text : Buffer.from(text, "latin1").toString("latin1");
}
