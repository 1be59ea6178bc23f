import type { Random } from "../../src/base/random.ts";

/** One way to spoil a message. `other` is another message, for splices. */
type Mutation = (random: Random, text: string, other: string) => string;

/** The largest datagram; what grows past it is cut. */
const LENGTH_MAX = 65_507;

/** The text after one to four mutations: never the same twice, always the same from one seed. */
export function mutated(random: Random, text: string, other: string): string {
  let made = text;
  for (let left = 1 + random.below(random.below(4) + 1); left > 0; left--) made = pick(random, MUTATIONS)(random, made, other).slice(0, LENGTH_MAX);
  return made;
}

/** One of several. */
export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[random.below(from.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}

const NUMBERS = ["-1", "0", "00000000000000000000000000000001", "255", "256", "65535", "65536", "2147483648", "4294967295", "4294967296", "9007199254740993", "9".repeat(400), "1e9", "0x10", "+5", " 7", "1.5", "NaN", ""];
const ODD = [
  "\0", "\r", "\n", "\r\n", "\r\n ", "\r\n\t", "\r\r\n", "\n\r", "\r\n\r\n", "\n\n", "\t", "  ", '"', '""', '"\\', "\\", "\\\r\n", "<", ">", "<>", "<<", ">>", ";", ";;", ";=", "=", ",", ",,", ":", ":::", "@", "@@", "%", "%00", "%0d%0a", "%zz",
  "*", "?", "&", "(", ")", "((", "[", "]", "[::1]", "[", "{}", "|", "^", "~", "\x7f", "\x80", "\xff", "\xc3\x28", "\xf0\x9f\x93\x9e", ";lr", ";tag=", ";branch=z9hG4bK", ";received=", ";rport", ";rport=;rport", ";expires=0", ";q=9", ';x="', ';x="\\"', "sip:", "sips:", "tel:+1", "SIP/2.0", "SIP/3.0", "z9hG4bK", "__proto__", "constructor",
];
const NAMES = [
  "Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Max-Forwards", "Contact", "m", "Route", "Record-Route", "Content-Length", "l", "Content-Type", "c", "Content-Encoding", "Expires", "Event", "o", "Authorization", "Proxy-Authorization", "Require",
  "Proxy-Require", "Supported", "k", "Path", "User-Agent", "Accept", "SIP-If-Match", "Subscription-State", "Min-Expires", "Reason", "Retry-After", "Replaces", "Timestamp", "Session-Expires", "X-Other", "__proto__", "Toto", "",
];
const METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER", "INFO", "PRACK", "UPDATE", "invite", "X"];

const headEnd = (text: string): number => {
  const end = text.indexOf("\r\n\r\n");
  return end === -1 ? text.length : end;
};
/** A place in the head nine times of ten, else anywhere. */
const place = (random: Random, text: string): number => random.below((random.below(10) === 0 ? text.length : headEnd(text)) + 1);
const insertAt = (text: string, at: number, part: string): string => text.slice(0, at) + part + text.slice(at);
/** Header lines put behind the start line or before the blank line. */
const withLines = (random: Random, text: string, lines: string): string => {
  const first = text.indexOf("\r\n");
  return insertAt(text, random.below(2) === 0 && first !== -1 ? first + 2 : headEnd(text) + (headEnd(text) < text.length ? 2 : 0), lines);
};
const many = (random: Random, most: number): number => 1 + random.below(random.below(most) + 1);

const MUTATIONS: readonly Mutation[] = [
  // bits flipped
  (random, text) => {
    const bytes = Buffer.from(text, "latin1");
    for (let left = many(random, 16); left > 0 && bytes.length > 0; left--) {
      const at = Math.min(place(random, text), bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes.toString("latin1");
  },
  // a part taken away, doubled, moved
  (random, text) => {
    const at = place(random, text);
    return text.slice(0, at) + text.slice(at + many(random, 80));
  },
  (random, text) => {
    const at = place(random, text);
    return insertAt(text, at, text.slice(at, at + many(random, 80)).repeat(many(random, 5)));
  },
  (random, text) => {
    const at = place(random, text);
    const part = text.slice(at, at + many(random, 60));
    const rest = text.slice(0, at) + text.slice(at + part.length);
    return insertAt(rest, place(random, rest), part);
  },
  // the begin of one, the end of another
  (random, text, other) => text.slice(0, place(random, text)) + other.slice(place(random, other)),
  // cut off
  (random, text) => text.slice(0, random.below(text.length + 1)),
  // odd characters, control and 8-bit ones
  (random, text) => {
    let made = text;
    for (let left = many(random, 6); left > 0; left--) made = insertAt(made, place(random, made), pick(random, ODD));
    return made;
  },
  (random, text) => insertAt(text, place(random, text), Buffer.from(random.bytes(many(random, 20))).toString("latin1")),
  // numbers
  (random, text) => {
    const runs = [...text.matchAll(/\d+/g)];
    if (runs.length === 0) return text;
    const { index, 0: run } = pick(random, runs);
    return text.slice(0, index) + pick(random, NUMBERS) + text.slice(index + run.length);
  },
  // line ends
  (random, text) => {
    const to = pick(random, ["\n", "\r", "\r\n ", "\r\n\t", "\r\r\n", "\n\r", " \r\n", "\r\n\r\n", "", "\0\r\n", ",", "\r\n\r\n\r\n"]);
    const chance = pick(random, [1, 3, 10]);
    return text.replace(/\r\n/g, (end) => (random.below(chance) === 0 ? to : end));
  },
  // header lines shuffled, doubled, renamed, taken away
  (random, text) => {
    const end = headEnd(text);
    const [start = "", ...lines] = text.slice(0, end).split("\r\n");
    for (let at = lines.length - 1; at > 0; at--) {
      const to = random.below(at + 1);
      [lines[at], lines[to]] = [lines[to] ?? "", lines[at] ?? ""];
    }
    return [start, ...lines].join("\r\n") + text.slice(end);
  },
  (random, text) => {
    const end = headEnd(text);
    const lines = text.slice(0, end).split("\r\n");
    const line = pick(random, lines);
    const at = random.below(lines.length);
    switch (random.below(3)) {
      case 0:
        lines.splice(at, 0, line);
        break;
      case 1:
        lines.splice(at, 1);
        break;
      default:
        lines[at] = (lines[at] ?? "").replace(/^[^:]*/, pick(random, NAMES));
    }
    return lines.join("\r\n") + text.slice(end);
  },
  (random, text) => withLines(random, text, `${pick(random, NAMES)}: ${pick(random, ODD)}${pick(random, NUMBERS)}${pick(random, ODD)}\r\n`),
  // another method
  (random, text) => {
    const method = pick(random, METHODS);
    const changed = text.replace(/^[^ ]+/, method);
    return random.below(4) === 0 ? changed : changed.replace(/^(CSeq\s*:\s*\d+\s+)\S+/im, `$1${method}`);
  },
  // far too much of something: rarely, for it is slow to make
  (random, text) => (random.below(8) > 0 ? text : withLines(random, text, `${pick(random, NAMES)}: ${pick(random, ["a", "\xff", '"', "<", "(", ";", "=", ";a", "%41", ",", " ", "\r\n ", "sip:", ";x=\"", "0"]).repeat(many(random, 60_000)).slice(0, 60_000)}\r\n`)),
  (random, text) => (random.below(8) > 0 ? text : withLines(random, text, `${pick(random, NAMES)}: x\r\n`.repeat(200 + random.below(110)))),
  (random, text) => {
    const opens = pick(random, ['"', "<", "(", "[", '"<', "\\"]).repeat(many(random, 2000));
    const closes = pick(random, ['"', ">", ")", "]", ">\"", ""]).repeat(random.below(2000));
    return text.replace(/^((?:From|To|Contact|Via|f|t|m|v|Route)\s*:)/im, (name) => `${name}${opens}${closes}`);
  },
  (random, text) => {
    if (random.below(6) > 0) return text;
    const [name, value] = pick(random, [
      ["Via", "SIP/2.0/UDP h;branch=z9hG4bKx"],
      ["Route", "<sip:192.0.2.200;lr>"],
      ["Route", "<sip:h;lr>"],
      ["Record-Route", "<sip:h;lr>"],
      ["Contact", "<sip:u@h>"],
      ["Contact", "sip:u@h;q=0.1"],
      ["Path", "<sip:h;lr>"],
      ["Supported", "path"],
      ["Require", "x"],
      ["Proxy-Require", "x"],
      ["Reason", "SIP;cause=200"],
      ["Authorization", 'Digest username="user", realm="example.com"'],
      ["Accept", "a/b"],
    ] as const);
    const count = many(random, 4000);
    const numbered = (index: number): string => value.replace(/(?<=[@:])h\b|z9hG4bKx/, (host) => `${host}${random.below(3) === 0 ? 0 : index}`);
    const values = Array.from({ length: count }, (_, index) => numbered(index));
    return withLines(random, text, random.below(2) === 0 ? `${name}: ${values.join(",")}\r\n` : values.slice(0, 260).map((one) => `${name}: ${one}\r\n`).join(""));
  },
];
