import { expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { seededRandom, type Random } from "../../src/base/random.ts";
import { readMultistatus } from "../../src/calendar/caldav-xml.ts";
import { readAvailability } from "../../src/calendar/ews-answer.ts";
import { readSchedules } from "../../src/calendar/graph-schedule.ts";
import { digestChallenge } from "../../src/calendar/http-digest.ts";
import { parseNtlmChallenge } from "../../src/calendar/ntlm-message.ts";
import { davResource, multistatus } from "./dav.ts";
import { availabilityAnswer, mailboxAnswer, refusedMailbox, soapFault } from "./exchange.ts";

const SEED = Number(process.env.CALENDAR_FUZZ_SEED ?? 20_261_121);
const COUNT = Number(process.env.CALENDAR_FUZZ_COUNT ?? 1500);
const span = { from: Date.parse("2026-11-21T08:00:00Z"), to: Date.parse("2026-11-22T08:00:00Z") };
const event = { start: "2026-11-21T09:00:00", end: "2026-11-21T10:00:00", meeting: true };

const PIECES = ["", "\u0000", "&#x0;", "&#0;", "&#xD800;", "&amp;", "&", "<", ">", "<a>", "</a>", "<!DOCTYPE a>", "<![CDATA[", "]]>", "-->", "<!--", '"', "'", "\\", "[", "]", "{", "}", "null", "-1", "1e999", "99999999999999999999", "T", "Z", "+25:00", "\u00ff", "\u00c3\u00a9", ",", "=", "\r\n", "Digest ", "x".repeat(5000)];

/** One to four places of a text exchanged, removed, doubled or cut off. */
function mutated(text: string, random: Random): string {
  let made = text;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(made.length + 1);
    const length = random.below(40);
    const piece = PIECES[random.below(PIECES.length)] ?? "";
    const way = random.below(10);
    if (way === 0) made = made.slice(0, at);
    else if (way < 3) made = made.slice(0, at) + made.slice(at, at + length) + made.slice(at);
    else made = made.slice(0, at) + piece + made.slice(at + (way < 6 ? length : random.below(2)));
  }
  return made;
}

const schedule = JSON.stringify({ value: [{ scheduleId: "a", availabilityView: "0012", scheduleItems: [{ isPrivate: false, status: "busy", subject: "QUARTZFALCON", isMeeting: true, start: { dateTime: "2026-11-21T09:00:00.0000000", timeZone: "UTC" }, end: { dateTime: "2026-11-21T10:00:00.0000000", timeZone: "Pacific Standard Time" } }] }, { scheduleId: "b", error: { responseCode: "ErrorMailRecipientNotFound", message: "QUARTZFALCON" } }] });
const challenge = Buffer.concat([Buffer.from("NTLMSSP\0\u0002\0\0\0", "latin1"), Buffer.alloc(28), Buffer.from([24, 0, 24, 0, 48, 0, 0, 0, 2, 0, 8, 0, 67, 0, 79, 0, 82, 0, 80, 0, 7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0])]).toString("latin1");
const mailboxes = ["a", "b"];

const readers: [string, readonly string[], (text: string) => unknown][] = [
  ["Exchange's answers", [availabilityAnswer(mailboxAnswer([event, { ...event, secret: true }]), refusedMailbox("ErrorMailRecipientNotFound")), soapFault("ErrorServerBusy", '<t:Value Name="BackOffMilliseconds">5000</t:Value>')], (text) => readAvailability(text, mailboxes, span)],
  ["Graph's answers", [schedule], (text) => readSchedules(text, mailboxes, span)],
  ["a multistatus", [multistatus(davResource("/a", "<d:getetag>1</d:getetag>"), davResource("/b", "<d:owner><d:href>/c</d:href></d:owner>"))], readMultistatus],
  ["a Digest challenge", ['Basic realm="x", Digest realm="a \\"b\\"", nonce="1", algorithm=MD5-sess, qop="auth,auth-int", opaque="o", Digest realm="b", nonce="2", algorithm=SHA-256, qop="auth"'], digestChallenge],
  ["an NTLM challenge", [challenge], (text) => {
    try {
      return parseNtlmChallenge(Buffer.from(text, "latin1"));
    } catch (error) {
      if (error instanceof ParseError) return null;
      throw error;
    }
  }],
];

test.each(readers)("%s, broken in every way, are read or refused, and never quoted", (name, texts, read) => {
  const random = seededRandom(SEED);
  for (let count = 0; count < COUNT; count++) {
    const text = mutated(texts[random.below(texts.length)] ?? "", random);
    const where = `${name}, seed ${String(SEED)}, number ${String(count)}: ${JSON.stringify(text.slice(0, 400))}`;
    let result: unknown;
    try {
      result = read(text);
    } catch (error) {
      throw new Error(where, { cause: error });
    }
    // A multistatus is only taken apart here; what is in it is judged by who asked.
    if (name !== "a multistatus") expect(JSON.stringify(result instanceof Map ? [...result] : result), where).not.toMatch(/QUARTZFALCON|ZEBRAROOM/);
  }
});
