import { Header } from "./header-name.ts";
import type { Message } from "./message.ts";

/** True when the message has a single Via: it came straight from its sender, by no other proxy. */
export function isFirstHop(message: Message): boolean {
  if (message.isPlain) return !message.hasLowerVia;
  const line = message.lineOf(Header.via);
  if (line === -1 || message.lineOf(Header.via, line) !== -1) return false;
  const end = message.valueEnd(line);
  for (let at = message.valueStart(line); at < end; at++) if (message.text.charCodeAt(at) === 44) return false;
  return true;
}
