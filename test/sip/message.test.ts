import { describe, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { headerLinesMax } from "../../src/sip/header-lines.ts";
import { Message } from "../../src/sip/message.ts";
import { parseNameAddr, tagOf } from "../../src/sip/name-addr.ts";
import { formatSipUri, parseSipUri, sameUri, uriParam } from "../../src/sip/uri.ts";
import { receivedVia } from "../../src/sip/via.ts";
import { Splice, spliceEdits, spliceOffTop } from "../../src/sip/edits.ts";

const INVITE = [
  "INVITE sip:102@tel.example.test SIP/2.0",
  "v: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport, SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK2",
  "VIA : SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bK3",
  'From: "A, \\"Alice\\"" <sip:101@tel.example.test>;tag=a1',
  "t: <sip:102@tel.example.test>",
  "i: call-1",
  "CSEQ:   17",
  "  INVITE",
  "Max-Forwards: 69",
  'm: "Q <x>, y" <sip:101@10.0.0.1:5070;ob>;q=0.5, <sip:x@y>',
  "Subject: , \\ , \"",
  "l: 4",
  "",
  "bodyTRAILING",
].join("\r\n");

describe("a message is a view on its text", () => {
  const message = Message.of(INVITE);
  test("start line, compact forms, folded lines, any case", () => {
    expect([message.isRequest, message.method, message.requestUri, message.version]).toEqual([true, "INVITE", "sip:102@tel.example.test", "SIP/2.0"]);
    expect([message.callId, message.cseq, message.cseqMethod, message.maxForwards, message.contentLength]).toEqual(["call-1", 17, "INVITE", 69, 4]);
    expect(message.body).toBe("body");
    expect(tagOf(message.header(Header.from))).toBe("a1");
    expect(message.headerNamed("subject")).toBe(', \\ , "');
  });
  test("lists over lines and commas; quotes and brackets hold commas together", () => {
    expect(message.values(Header.via)).toEqual(["SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport", "SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK2", "SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bK3"]);
    expect(message.values(Header.contact)).toEqual(['"Q <x>, y" <sip:101@10.0.0.1:5070;ob>;q=0.5', "<sip:x@y>"]);
    expect(parseNameAddr(message.header(Header.from) ?? "").display).toBe('A, "Alice"');
  });
  test("the topmost Via, and what it becomes when received", () => {
    const via = message.topVia;
    expect([via.transport, via.host, via.port, via.branch]).toEqual(["udp", "10.0.0.1", 5070, "z9hG4bK1"]);
    expect(receivedVia(message.text, via, "192.0.2.7", 4242)).toBe("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport=4242;received=192.0.2.7");
  });
  test("elements come off the top one by one, lines with the last of them", () => {
    const splice = new Splice();
    for (const [count, left] of [[1, 2], [2, 1], [3, 0]] as const) {
      splice.begin(message.text);
      spliceOffTop(splice, message, Header.via, count);
      expect(Message.of(splice.end()).values(Header.via)).toHaveLength(left);
    }
  });
  test("edits are values: add, remove, replace, URI, body", () => {
    const splice = new Splice().begin(message.text);
    spliceEdits(splice, message, [
      { kind: "uri", uri: "sip:103@x" },
      { kind: "add", name: "X-A", value: "1" },
      { kind: "remove", name: "Subject" },
      { kind: "replace", name: "Max-Forwards", value: "10" },
      { kind: "body", contentType: "text/plain", body: "hello!" },
    ]);
    const edited = Message.of(splice.end());
    expect([edited.requestUri, edited.headerNamed("X-A"), edited.headerNamed("Subject"), edited.maxForwards, edited.contentLength, edited.body]).toEqual(["sip:103@x", "1", undefined, 10, 6, "hello!"]);
    expect(edited.callId).toBe("call-1");
  });
});

describe("what is no message is told apart", () => {
  test.each([
    ["nothing", "", true],
    ["no version", "INVITE sip:a@b\r\nVia: x\r\n\r\n", true],
    ["blank in the URI", "INVITE sip:a b@c SIP/2.0\r\nVia: x\r\n\r\n", true],
    ["two blanks", "INVITE  sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", true],
    ["a header without a colon", "INVITE sip:a@b SIP/2.0\r\nVia x\r\n\r\n", true],
    ["no blank line", "INVITE sip:a@b SIP/2.0\r\nVia: x\r\n", true],
    ["status 99", "SIP/2.0 99 Low\r\n\r\n", true],
    ["status 700", "SIP/2.0 700 High\r\n\r\n", true],
    ["bare line feeds", "SIP/2.0 200 OK\nCSeq: 1 BYE\n\n", false],
    ["no reason phrase", "SIP/2.0 200 \r\n\r\n", false],
    ["not even a blank after the status", "SIP/2.0 200\r\n\r\n", false],
  ])("%s", (_name, text, isWrong) => {
    expect(new Message().parse(text) !== null).toBe(isWrong);
  });
  test("more header lines than the bound are refused, and reading stays bounded", () => {
    const text = `OPTIONS sip:a@b SIP/2.0\r\n${"X: y\r\n".repeat(headerLinesMax + 1)}\r\n`;
    expect(new Message().parse(text)?.message).toContain("header lines");
  });
});

describe("URIs", () => {
  test.each([
    ["sip:alice@Example.TEST", { user: "alice", host: "example.test", port: 0 }],
    ["sips:alice:pw@[2001:db8::1]:5061;transport=tls?subject=x", { user: "alice", host: "[2001:db8::1]", port: 5061 }],
    ["sip:1;x=y@h;lr", { user: "1;x=y", host: "h", port: 0 }],
    ["sip:a%40b@h", { user: "a%40b", host: "h", port: 0 }],
    ["sip:h", { user: null, host: "h", port: 0 }],
  ])("%s", (text, parts) => {
    const uri = parseSipUri(text);
    expect(uri).toMatchObject(parts);
    expect(uri === null ? "" : formatSipUri(uri).toLowerCase()).toBe(text.toLowerCase());
  });
  test.each(["", "sip:", "alice", "sip:a b@h", "sip:a@", "sip:a@h:99999", "sip:a@h:x", "sip:a@-", "sip:a@[::1", "sip:<a>@h"])("not a URI: %s", (text) => {
    expect(parseSipUri(text)).toBeNull();
  });
  test("equality is that of RFC 3261 §19.1.4", () => {
    const same = (a: string, b: string): boolean => {
      const [left, right] = [parseSipUri(a), parseSipUri(b)];
      return left !== null && right !== null && sameUri(left, right);
    };
    expect(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp")).toBe(true);
    expect(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5")).toBe(true);
    expect(same("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP")).toBe(false);
    expect(same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060")).toBe(false);
    expect(same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp")).toBe(false);
    expect(same("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off")).toBe(false);
  });
  test("parameters are found by name, quoted or not", () => {
    const uri = parseSipUri("sip:h;lr;Transport=tcp;x=");
    expect(uri === null ? [] : [uriParam(uri, "lr"), uriParam(uri, "transport"), uriParam(uri, "x"), uriParam(uri, "y")]).toEqual(["", "tcp", "", undefined]);
  });
});
