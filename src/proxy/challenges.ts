import type { Edit, Edits } from "../sip/edits.ts";
import { Header } from "../sip/header-name.ts";
import { Message } from "../sip/message.ts";
import type { Failure } from "./best-response.ts";

/** The challenges of the other branches, added to the 401 or 407 that goes to the caller, so that he can answer all at once (RFC 3261 §16.7 step 7). */
export function challengesOf(chosen: Message, failures: readonly Failure[]): Edits {
  const edits: Edit[] = [];
  for (const failure of failures) {
    if ((failure.status !== 401 && failure.status !== 407) || failure.text === chosen.text) continue;
    const other = Message.of(failure.text);
    for (const [id, name] of [
      [Header.wwwAuthenticate, "WWW-Authenticate"],
      [Header.proxyAuthenticate, "Proxy-Authenticate"],
    ] as const) {
      for (let line = other.lineOf(id); line !== -1; line = other.lineOf(id, line)) {
        edits.push({ kind: "add", name, value: other.text.slice(other.valueStart(line), other.valueEnd(line)) });
      }
    }
  }
  return edits;
}
