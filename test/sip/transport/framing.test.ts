import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { Framer } from "../../../src/sip/transport/framing.ts";
import type { Breakage } from "../../../src/sip/transport/framing.ts";

const limits = { messageBytes: 2000, headBytes: 1000 };

function frames(chunks: readonly string[], bounds = limits): readonly string[] {
  const seen: string[] = [];
  const framer = new Framer(
    {
      onFrame: (text) => seen.push(text),
      onPing: () => seen.push("ping"),
      onBroken: (breakage: Breakage, text) => seen.push(`${breakage}:${text}`),
    },
    bounds,
  );
  for (const chunk of chunks) framer.push(Buffer.from(chunk, "latin1"));
  return seen;
}

const register = "REGISTER sip:a.test SIP/2.0\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
const message = "MESSAGE sip:b@a.test SIP/2.0\r\nContent-Language: de\r\nContent-Type: text/plain\r\nl:6\r\n\r\nh\xe9\r\n\r\n";

describe("Framer", () => {
  test.each([
    ["one message", [register], [register]],
    ["two messages in one chunk", [register + message], [register, message]],
    ["a body that holds a blank line", [message + message], [message, message]],
    ["CRLFs before, between and after", [`\r\n${register}\r\n${message}\r\n`], [register, message]],
    ["a double CRLF is a ping", ["\r\n\r\n"], ["ping"]],
    ["a ping in single bytes", ["\r", "\n", "\r", "\n"], ["ping"]],
    ["three pings and a message", [`\r\n\r\n\r\n\r\n\r\n\r\n${register}`], ["ping", "ping", "ping", register]],
    ["a single CRLF is a pong or stray: nothing", ["\r\n"], []],
    ["NULs between messages are skipped", [`\0\0${register}\0`], [register]],
    ["bare line feeds between messages are skipped", [`\n\n${register}`], [register]],
  ])("%s", (_, chunks, expected) => {
    expect(frames(chunks)).toEqual(expected);
  });

  test.each([
    ["Content-Length", "Content-Length: 3"],
    ["compact", "l: 3"],
    ["compact, upper case", "L:3"],
    ["any case", "cOnTeNt-LeNgTh:3"],
    ["white space before the colon", "Content-Length \t : 3 "],
    ["folded value", "Content-Length:\r\n 3"],
    ["folded after the value", "Content-Length: 3\r\n\t"],
    ["leading zeros", "Content-Length: 0003"],
    ["twice the same", "Content-Length: 3\r\nl: 3"],
  ])("takes the body's length from: %s", (_, header) => {
    const text = `OPTIONS sip:a SIP/2.0\r\n${header}\r\n\r\nabc`;
    expect(frames([text + register])).toEqual([text, register]);
    const first = `OPTIONS sip:a SIP/2.0\r\n${header}\r\nVia: x\r\n\r\nabc`;
    expect(frames([first])).toEqual([first]);
  });

  test.each([
    ["missing", "Via: x"],
    ["in the start line only", "X: l"],
    ["empty", "Content-Length:"],
    ["negative", "Content-Length: -3"],
    ["signed", "Content-Length: +3"],
    ["no number", "Content-Length: three"],
    ["a number and more", "Content-Length: 3 4"],
    ["a list", "Content-Length: 3, 3"],
    ["twice, different", "Content-Length: 3\r\nContent-Length: 4"],
    ["wrong first, then right", "Content-Length: x\r\nContent-Length: 3"],
    ["behind a bare line feed", "Subject: x\nContent-Length: 3"],
    ["in a folded line of another header", "Subject: x\r\n Content-Length: 3"],
  ])("a Content-Length that is %s ends the framing, the head is handed over", (_, header) => {
    const head = `OPTIONS sip:a SIP/2.0\r\n${header}\r\n\r\n`;
    expect(frames([`${head}abc${register}`, register])).toEqual([`unframable:${head}`]);
  });

  test.each([
    ["a TLS hello", "\x16\x03\x01\x02\x00"],
    ["a blank first", " OPTIONS sip:a SIP/2.0\r\n"],
    ["high bytes", "\xff\xfe"],
  ])("garbage (%s) ends the framing at once", (_, text) => {
    expect(frames([text, register])).toEqual(["garbage:"]);
  });

  test("garbage after a good message does not take the message away", () => {
    expect(frames([`${register}\x01`])).toEqual([register, "garbage:"]);
  });

  test("every split into two chunks, and into single bytes, gives the same messages", () => {
    const stream = `\r\n\r\n${register}\r\n${message}${register}\r\n\r\n`;
    const whole = frames([stream]);
    expect(whole).toEqual(["ping", register, message, register, "ping"]);
    for (let at = 0; at <= stream.length; at++) expect(frames([stream.slice(0, at), stream.slice(at)]), `split at ${String(at)}`).toEqual(whole);
    expect(frames([...stream])).toEqual(whole);
  });

  test("random chunks give the same messages", () => {
    const seed = 11;
    const random = seededRandom(seed);
    const stream = (register + message).repeat(20);
    for (let round = 0; round < 200; round++) {
      const chunks: string[] = [];
      for (let at = 0; at < stream.length; ) {
        const length = 1 + random.below(300);
        chunks.push(stream.slice(at, at + length));
        at += length;
      }
      expect(frames(chunks).length, `seed ${String(seed)} round ${String(round)}`).toBe(40);
    }
  });

  test("random bytes never throw and never hold more than the limits allow", () => {
    const seed = 12;
    const random = seededRandom(seed);
    const alphabet = ["\r\n", "\r", "\n", "l:", "Content-Length", ":", " ", "5", "9999999999999999999", "A", "\0", "\x80", "x".repeat(200)];
    for (let round = 0; round < 3000; round++) {
      const chunks = Array.from({ length: 1 + random.below(20) }, () => Array.from({ length: random.below(8) }, () => alphabet[random.below(alphabet.length)]).join(""));
      expect(() => frames(chunks), `seed ${String(seed)} round ${String(round)}`).not.toThrow();
    }
  });

  test.each([
    ["a head without end", ["OPTIONS sip:a SIP/2.0\r\nX: ".padEnd(1001, "x")]],
    ["a head without end, in pieces", Array.from({ length: 11 }, () => "x".repeat(100))],
    ["a whole head that is too large", [`OPTIONS sip:a SIP/2.0\r\nX: ${"x".repeat(1000)}\r\nl:0\r\n\r\n`]],
    ["a body that is too large, announced only", ["OPTIONS sip:a SIP/2.0\r\nl: 2000\r\n\r\n"]],
    ["a length beyond all numbers", [`OPTIONS sip:a SIP/2.0\r\nl: ${"9".repeat(400)}\r\n\r\n`]],
  ])("%s is oversized", (_, chunks) => {
    const seen = frames([...chunks, register]);
    expect(seen.length).toBe(1);
    expect(seen[0]).toMatch(/^oversized:/);
  });

  test("a message of exactly the limit is whole; at most 8 KB of an oversized head are shown", () => {
    const head = "MESSAGE sip:a SIP/2.0\r\nl: 1960\r\n\r\n";
    const largest = head + "x".repeat(1960);
    expect(frames([largest], { messageBytes: largest.length, headBytes: 1000 })).toEqual([largest]);
    expect(frames([largest], { messageBytes: largest.length - 1, headBytes: 1000 })).toEqual([`oversized:${head}`]);
    expect(frames(["X".repeat(20_000)], { messageBytes: 32_000, headBytes: 16_000 })).toEqual([`oversized:${"X".repeat(8192)}`]);
  });

  test("a sink that stops the framer gets nothing more", () => {
    const seen: string[] = [];
    const framer: Framer = new Framer({ onFrame: (text) => { seen.push(text); framer.stop(); }, onPing: () => undefined, onBroken: () => undefined }, limits);
    framer.push(Buffer.from(register + message, "latin1"));
    framer.push(Buffer.from(message, "latin1"));
    expect(seen).toEqual([register]);
    expect(framer.isMidMessage).toBe(false);
  });
});
