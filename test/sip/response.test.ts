import { describe, expect, test } from "vitest";
import { Message } from "../../src/sip/message.ts";
import { isSoundResponse, responseText } from "../../src/sip/response.ts";

const REQUEST = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:f@b>;tag=1\r\nTo: <sip:t@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";
const answer = (text: string, reason?: string): string => {
  const message = new Message();
  message.parse(text);
  return responseText(message, { status: 400, ...(reason === undefined ? {} : { reason }) }, "ours", "192.0.2.7", 5060);
};

describe("what we write cannot be given more lines by a peer", () => {
  test.each([
    ["a line break", "Bad Request: no URI: sip:a\r\nX-Evil: 1", "SIP/2.0 400 Bad Request: no URI: sip:a??X-Evil: 1"],
    ["a fold", "a\r\n b", "SIP/2.0 400 a?? b"],
    ["NUL and other control characters", "a\0b\x7f\x1b", "SIP/2.0 400 a?b??"],
    ["UTF-8 stays", "\xd0\xbd\xd0\xbe", "SIP/2.0 400 \xd0\xbd\xd0\xbe"],
  ])("a reason phrase with %s", (_name, reason, line) => {
    const text = answer(`${REQUEST}\r\n`, reason);
    expect(text.split("\r\n")[0]).toBe(line);
    expect(new Message().parse(text)).toBeNull();
  });
  test.each([
    ["From", "<sip:f@b>;tag=1", "<sip:f@b>;tag=1\rX-Evil: 1"],
    ["To", "<sip:t@b>", "<sip:t@b>\r;x"],
    ["Call-ID", ": c\r\n", ": c\rX-Evil: 1\r\n"],
    ["CSeq", "1 OPTIONS", "1\rX-Evil: 1 OPTIONS"],
    ["Via", "h;branch", "h;x=\rX-Evil:1;branch"],
  ])("a carriage return by itself in %s", (_name, good, bad) => {
    const text = answer(`${REQUEST}\r\n`.replace(good, bad));
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(new Message().parse(text)).toBeNull();
  });
  test("headers that the request lacks are left out of the answer, not written empty", () => {
    const text = answer("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n\r\n");
    expect(text).not.toMatch(/^(?:From|To|Call-ID):/m);
    expect(text).toContain("CSeq: 1 OPTIONS\r\n");
  });
});

describe("a response that is not whole is nobody's", () => {
  const good = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:f@b>;tag=1\r\nTo: <sip:t@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody";
  test.each([
    ["as it should be", (text: string) => text, true],
    ["without Content-Length", (text: string) => text.replace("Content-Length: 4\r\n", ""), true],
    ["with another version", (text: string) => text.replace("SIP/2.0 200", "SIP/7.0 200"), false],
    ["without From", (text: string) => text.replace(/From:.*\r\n/, ""), false],
    ["without To", (text: string) => text.replace(/To:.*\r\n/, ""), false],
    ["without Call-ID", (text: string) => text.replace(/Call-ID:.*\r\n/, ""), false],
    ["without CSeq", (text: string) => text.replace(/CSeq:.*\r\n/, ""), false],
    ["with two To", (text: string) => text.replace("Call-ID", "t: <sip:x@y>\r\nCall-ID"), false],
    ["with two Content-Lengths (RFC 4475 §3.3.9)", (text: string) => text.replace("Content-Length", "l: 0\r\nContent-Length"), false],
    ["with a Content-Length above what came (RFC 3261 §18.3)", (text: string) => text.replace("Length: 4", "Length: 5"), false],
    ["with a Content-Length below zero", (text: string) => text.replace("Length: 4", "Length: -4"), false],
    ["with a CSeq that is out of range (RFC 4475 §3.1.2.5)", (text: string) => text.replace("CSeq: 1 ", "CSeq: 9292394834772304023312 "), false],
  ])("%s", (_name, change, isSound) => {
    expect(isSoundResponse(Message.of(change(good)))).toBe(isSound);
  });
});
