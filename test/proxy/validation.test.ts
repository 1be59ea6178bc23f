import { describe, expect, test } from "vitest";
import { refusalOf, unknownProxyRequire } from "../../src/proxy/validation.ts";
import { Message } from "../../src/sip/message.ts";

const GOOD = [
  "INVITE sip:102@tel.example.test SIP/2.0",
  "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
  "From: <sip:101@tel.example.test>;tag=1",
  "To: <sip:102@tel.example.test>",
  "Call-ID: c",
  "CSeq: 1 INVITE",
  "Max-Forwards: 70",
  "Content-Length: 4",
  "",
  "body",
].join("\r\n");

describe("requests are checked before anything is done for them", () => {
  test.each([
    ["as it should be", GOOD, undefined],
    ["without Max-Forwards (RFC 2543)", GOOD.replace("Max-Forwards: 70\r\n", ""), undefined],
    ["over UDP without Content-Length", GOOD.replace("Content-Length: 4\r\n", ""), undefined],
    ["a To of a scheme that we do not speak: a proxy does not mind (RFC 4475 §3.3.4)", GOOD.replace("To: <sip:102@tel.example.test>", "To: <isbn:2983792873>"), undefined],
    ["two Vias in one line", GOOD.replace("z9hG4bK1", "z9hG4bK1, SIP/2.0/TCP h;branch=z9hG4bK0"), undefined],
    ["another version", GOOD.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505],
    ["a lower Via that is none (RFC 4475 §3.1.2.1)", GOOD.replace("z9hG4bK1", "z9hG4bK1;;,;,,"), 400],
    ["a Via on a second line that is none", GOOD.replace("From", "Via: hello\r\nFrom"), 400],
    ["an empty Via", GOOD.replace("From", "Via:\r\nFrom"), 400],
    ["a display name that wants quotes", GOOD.replace("From: <", "From: Bell, A <"), 400],
    ["blanks within the brackets", GOOD.replace("From: <sip:101@tel.example.test>", "From: < sip:101@tel.example.test >"), 400],
    ["a From that is no URI", GOOD.replace("From: <sip:101@tel.example.test>", "From: <101@tel.example.test>"), 400],
    ["a From with a broken SIP URI", GOOD.replace("From: <sip:101@tel.example.test>", "From: <sip:101@@tel..>"), 400],
    ["CSeq of another known method", GOOD.replace("1 INVITE", "1 BYE"), 400],
    ["an unknown method with another one's CSeq (RFC 4475 §3.1.2.18)", GOOD.replace("INVITE sip", "NEWMETHOD sip"), 501],
    ["CSeq above 2^32", GOOD.replace("CSeq: 1 ", "CSeq: 36893488147419103232 "), 400],
    ["Content-Length above what came", GOOD.replace("Length: 4", "Length: 5"), 400],
    ["a negative Content-Length", GOOD.replace("Length: 4", "Length: -4"), 400],
    ["Max-Forwards of 300", GOOD.replace("Max-Forwards: 70", "Max-Forwards: 300"), 400],
    ["headers in the request URI", GOOD.replace("INVITE sip:102@tel.example.test", "INVITE sip:102@tel.example.test?Route=%3Csip:x%3E"), 400],
    ["more header lines than can go on with ours added", GOOD.replace("From", `${"X: y\r\n".repeat(190)}From`), 400],
    ["an unknown scheme", GOOD.replace("INVITE sip:102@tel.example.test", "INVITE soap.beep://h"), 416],
  ])("%s", (_name, text, status) => {
    expect(refusalOf(Message.of(text), "udp")?.status).toBe(status);
  });
  test("over TCP and TLS a message without Content-Length has no end: 400 (RFC 3261 §18.3); over WebSocket the frame is the end", () => {
    const message = Message.of(GOOD.replace("Content-Length: 4\r\n", ""));
    expect([refusalOf(message, "tcp")?.status, refusalOf(message, "tls")?.status, refusalOf(message, "ws")]).toEqual([400, 400, null]);
    expect(refusalOf(Message.of(GOOD.replace("Length: 4", "Length: 5")), "ws")?.status).toBe(400);
  });
  test("unknown Proxy-Require tags are named, each on the same line", () => {
    const answer = unknownProxyRequire(Message.of(GOOD.replace("From", "Proxy-Require: a,\r\n b\r\nFrom")));
    expect(answer).toEqual({ status: 420, headers: "Unsupported: a, b\r\n" });
  });
});
