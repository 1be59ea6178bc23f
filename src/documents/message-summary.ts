import { ParseError } from "../base/errors.ts";

/** The classes of messages of RFC 3458 §6.2 that a summary counts, as it writes them. */
export const MESSAGE_CLASSES = ["voice-message", "fax-message", "pager-message", "multimedia-message", "text-message", "none"] as const;

/** One of them: `voice-message`. */
export type MessageClass = (typeof MESSAGE_CLASSES)[number];

/** How many messages of one class; the urgent ones are among the others. */
export interface MessageCounts {
  readonly fresh: number;
  readonly old: number;
  readonly urgentFresh: number;
  readonly urgentOld: number;
}

/** What a mailbox holds (RFC 3842 §5.2). */
export interface MessageSummary {
  /** Whether the lamp is lit. */
  readonly isWaiting: boolean;
  /** The account's URI; empty when none was named. */
  readonly account: string;
  readonly counts: ReadonlyMap<MessageClass, MessageCounts>;
}

/** The media type of a summary. */
export const MESSAGE_SUMMARY_TYPE = "application/simple-message-summary";

/** The largest count that is read or written (RFC 3842 gives none; phones show four digits). */
export const MESSAGE_COUNT_MAX = 65_535;

/** A summary as it is sent (bytes as latin1). `account` stands in when the summary names none. */
export function renderMessageSummary({ isWaiting, account, counts }: MessageSummary, entity: string): string {
  let text = `Messages-Waiting: ${isWaiting ? "yes" : "no"}\r\nMessage-Account: ${account === "" ? entity : account}\r\n`;
  for (const name of MESSAGE_CLASSES) {
    const count = counts.get(name);
    if (count === undefined) continue;
    const urgent = count.urgentFresh + count.urgentOld > 0 || name === "voice-message" ? ` (${count.urgentFresh}/${count.urgentOld})` : "";
    text += `${WRITTEN[name]}: ${count.fresh}/${count.old}${urgent}\r\n`;
  }
  return text;
}

/** Reads a summary of any writer: header names in any case, lines that are not understood are skipped. Throws ParseError without a Messages-Waiting line
 *  and for counts that are no numbers (RFC 3842 §5.2). */
export function parseMessageSummary(body: string): MessageSummary {
  let isWaiting: boolean | null = null;
  let account = "";
  const counts = new Map<MessageClass, MessageCounts>();
  for (const line of body.split(/\r?\n/)) {
    // Headers of single messages may follow an empty line: they are nobody's business but the mailbox's.
    if (line.trim() === "" && isWaiting !== null) break;
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const kind = MESSAGE_CLASSES.find((one) => one === name);
    if (name === "messages-waiting") isWaiting = waiting(value);
    else if (name === "message-account") account = accountUri(value);
    else if (kind !== undefined) counts.set(kind, countsOf(value));
  }
  if (isWaiting === null) throw new ParseError("a message summary without Messages-Waiting");
  return { isWaiting, account, counts };
}

const WRITTEN: Readonly<Record<MessageClass, string>> = {
  "voice-message": "Voice-Message",
  "fax-message": "Fax-Message",
  "pager-message": "Pager-Message",
  "multimedia-message": "Multimedia-Message",
  "text-message": "Text-Message",
  none: "None",
};

function waiting(value: string): boolean {
  const word = value.toLowerCase();
  if (word !== "yes" && word !== "no") throw new ParseError("Messages-Waiting is neither yes nor no");
  return word === "yes";
}

/** A URI that can stand in a header line; anything else is as good as none. */
function accountUri(value: string): string {
  return /^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,255}$/i.test(value) ? value : "";
}

function countsOf(value: string): MessageCounts {
  const parts = /^(\d{1,9})\s*\/\s*(\d{1,9})(?:\s*\(\s*(\d{1,9})\s*\/\s*(\d{1,9})\s*\))?$/.exec(value);
  if (parts === null) throw new ParseError("message counts are written NEW/OLD or NEW/OLD (URGENT/URGENT)");
  const number = (text: string | undefined): number => Math.min(Number(text ?? 0), MESSAGE_COUNT_MAX);
  return { fresh: number(parts[1]), old: number(parts[2]), urgentFresh: number(parts[3]), urgentOld: number(parts[4]) };
}
