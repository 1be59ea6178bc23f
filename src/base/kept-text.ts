/** Below this length the engine copies a part of a string; a longer part is a view that keeps the whole string alive. */
const COPIED_BELOW = 13;

// Copied by way of one buffer: a new one for each text would be garbage.
const scratch = Buffer.allocUnsafeSlow(4096);

/** The same latin1 text as a string of its own: a part of a message that is kept longer than the message must not keep all of it in memory. */
export function keptText(text: string): string {
  const { length } = text;
  if (length < COPIED_BELOW) return text;
  if (length > scratch.length) return Buffer.from(text, "latin1").toString("latin1");
  scratch.write(text, 0, length, "latin1");
  return scratch.toString("latin1", 0, length);
}

/** The same for text of any characters; half a pair of surrogates becomes U+FFFD. */
export function keptUnicode(text: string): string {
  return text.length < COPIED_BELOW ? text : Buffer.from(text, "utf8").toString("utf8");
}
