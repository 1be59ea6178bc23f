import { describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";

const head = (line: string): string => `OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n${line}Call-ID: c\r\n`;

describe("what lies behind the body is no part of the message", () => {
  test("bytes beyond Content-Length are cut off, so that they cannot become a request of their own (RFC 3261 §18.3)", () => {
    const message = Message.of(`${head("")}Content-Length: 4\r\n\r\nbodyBYE sip:boss@b SIP/2.0\r\n\r\n`);
    expect(message.text.endsWith("\r\n\r\nbody")).toBe(true);
    expect(message.body).toBe("body");
  });
  test.each([
    ["no Content-Length", "", "\r\nbody", "body"],
    ["one that is no number", "Content-Length: x\r\n", "\r\nbody", "body"],
    ["one that is larger", "Content-Length: 9\r\n", "\r\nbody", "body"],
  ])("%s: all that came is the body", (_name, line, rest, body) => {
    expect(Message.of(head(line) + rest).body).toBe(body);
  });
});

describe("line ends are CRLF, whatever came", () => {
  test("bare line feeds in the head are written as CRLF, those of the body stay", () => {
    const message = Message.of("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nSubject: one\n two\nContent-Length: 3\n\na\nb");
    expect(message.text).toBe("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nSubject: one\r\n two\r\nContent-Length: 3\r\n\r\na\nb");
    expect(message.headerNamed("subject")).toBe("one\r\n two");
  });
  test.each([
    ["in a header's value", head("X-A: 1\rFrom: <sip:boss@b>\r\n") + "\r\n"],
    ["before a CRLF", head("X-A: 1\r\r\n") + "\r\n"],
    ["in a folded line", head("X-A: 1\r\n 2\r3\r\n") + "\r\n"],
    ["in a response's reason", "SIP/2.0 200 OK\rX-A: 1\r\nCSeq: 1 BYE\r\n\r\n"],
    ["in a header's name", head("X\rA: 1\r\n") + "\r\n"],
  ])("a carriage return by itself is refused: %s", (_name, text) => {
    expect(new Message().parse(text)).not.toBeNull();
  });
  test("a body may hold any bytes", () => {
    expect(new Message().parse(`${head("Content-Length: 4\r\n")}\r\n\r\0\n\r`)).toBeNull();
  });
  test.each(["\n", "\r\n", "\r", "\n\r", "\r\r\n", " \n", "\n \n"])("every beginning of a message with line ends %j is read to its end, once", (end) => {
    const whole = `${head("Subject: one\r\n two\r\n")}\r\n`.replaceAll("\r\n", end);
    const message = new Message();
    for (let at = 0; at <= whole.length; at++) message.parse(whole.slice(0, at));
    expect(message.text.length).toBeGreaterThan(0);
  });
  test("what is no message at all counts as no request, whatever was read before", () => {
    const message = Message.of(`${head("")}\r\n`);
    expect(message.parse("hello")).not.toBeNull();
    expect([message.isRequest, message.has(Header.via)]).toEqual([false, false]);
  });
});
