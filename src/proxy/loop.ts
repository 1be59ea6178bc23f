import { hex32 } from "../base/hex.ts";
import { Header } from "../sip/header-name.ts";
import { elementEnd } from "../sip/list-element.ts";
import type { Message } from "../sip/message.ts";
import { loopOf } from "../sip/transaction/branch.ts";
import { parseVia } from "../sip/via.ts";

/** The hash by which a loop is told from a spiral (RFC 3261 §16.6 step 8), as it stands in our branches: equal when a request comes back with nothing changed that routing looks at. */
export function loopHash(message: Message): string {
  return hex32(message.loopHash);
}

/** True when the request has been here before, unchanged (RFC 3261 §16.3 step 4). Costs a text search while the request has one Via. */
export function isLoop(message: Message, serverId: string): boolean {
  const first = message.lineOf(Header.via);
  if (message.isPlain && !message.hasLowerVia && !message.topVia.branch.startsWith(serverId, MAGIC_LENGTH)) return false;
  if (first === -1 || !message.text.includes(`z9hG4bK${serverId}.`)) return false;
  const loop = loopHash(message);
  for (let line = first; line !== -1; line = message.lineOf(Header.via, line)) {
    const end = message.valueEnd(line);
    for (let start = message.valueStart(line); start < end; ) {
      const stop = elementEnd(message.text, start, end);
      let from = start;
      while (message.text.charCodeAt(from) <= 32) from++;
      if (loopOf(serverId, parseVia(message.text, from, stop).branch) === loop) return true;
      start = stop + 1;
    }
  }
  return false;
}

const MAGIC_LENGTH = 7;
