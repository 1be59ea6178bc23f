import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { refusalOf } from "../../src/proxy/validation.ts";
import { refreshNumber } from "../../src/registrar/plain-refresh.ts";
import { isFirstHop } from "../../src/sip/first-hop.ts";
import { Header, headerSpellings } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import { nativeScan } from "../../src/sip/native-scan.ts";
import { isSoundResponse } from "../../src/sip/response.ts";
import { useScanner, type ScannerMaker } from "../../src/sip/scanner.ts";
import { receivedVia } from "../../src/sip/via.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const maker = builtScanner();

function builtScanner(): ScannerMaker | null {
  try {
    return nativeScan(join(root, "native/build/scan.node"));
  } catch (err) {
    if (err instanceof UnavailableError) return null;
    throw err;
  }
}

afterEach(() => {
  useScanner(null);
});

const CRLF = "\r\n";
const invite = [
  "INVITE sip:102@tel.example.test;transport=udp SIP/2.0",
  "Via: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1.a",
  "v: SIP/2.0/TCP [2001:db8::9];branch=z9hG4bK2;received=2001:db8::9, SIP/2.0/TLS a.example.test;branch=z9hG4bK3",
  "Max-Forwards: 70",
  'From: "Alice A." <sip:101@tel.example.test>;tag=a1',
  "To: Bob <sip:102@tel.example.test:5060;user=phone>;x;tag=b-2",
  "Call-ID: 1@10.0.0.1",
  "CSeq: 4711  INVITE",
  "Contact: <sip:101@10.0.0.1:5070;ob>;+sip.instance=\"<urn:uuid:1>\"",
  "Route: <sip:10.0.0.9;lr>,<sip:x;lr>",
  "Subject:  a, b  ",
  "l: 4",
  "",
  "body",
].join(CRLF);
const ringing = ["SIP/2.0 180 Ringing", "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx", "From: sip:a@b;tag=1", "To: <sips:c@d>", "i: 7", "CSeq: 1 INVITE", "", ""].join(CRLF);
const register = ["REGISTER sip:tel.example.test SIP/2.0", "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK9", "From: <sip:1@x>;tag=9", "To: <sip:1@x>", "Call-ID: c", "CSeq: 2147483647 REGISTER", "Contact: <sip:1@10.0.0.1>;expires=60", "User-Agent: Snom/8", "Expires: 60", "Content-Length: 0", "", ""].join(CRLF);

/** All that is read of a message, or what is wrong with it. */
function seen(text: string): unknown {
  const message = new Message();
  const error = message.parse(text);
  const copy = (): unknown => {
    try {
      const made = Message.of(text).copy();
      return [made.text, made.callId, made.fromTag, made.lineCount];
    } catch (err) {
      return String(err);
    }
  };
  const safely = <T>(read: () => T): T | string => {
    try {
      return read();
    } catch (err) {
      return String(err);
    }
  };
  const { isRequest } = message;
  return {
    error: error?.message,
    start: [isRequest, message.method, message.status, message.version, message.requestUri, message.reason],
    places: [message.uriStart, message.uriEnd, message.headersEnd, message.bodyStart, message.hasBreaks, message.text],
    lines: Array.from({ length: message.lineCount }, (_, line) => [message.lineId(line), message.lineStart(line), message.valueStart(line), message.valueEnd(line), message.lineEnd(line), message.lineName(line)]),
    firsts: headerSpellings().map(([, id]) => message.lineOf(id)),
    refresh: safely(() => (message.method === "REGISTER" && message.has(Header.via) ? refreshNumber(message) : null)),
    key: safely(() => {
      const key = { high: 0, low: 0 };
      if (isRequest && message.has(Header.via)) message.viaKey(key);
      return key;
    }),
    numbers: [message.cseq, message.cseqMethod, message.contentLength, message.maxForwards, message.expires],
    via: safely(() => {
      const { transport, host, port, branch, params, start, end } = message.topVia;
      return { transport, host, port, branch, params, start, end, received: [receivedVia(message.text, message.topVia, "10.0.0.1", 4242), receivedVia(message.text, message.topVia, "2001:db8::9", 1)] };
    }),
    uri: safely(() => message.uri),
    from: safely(() => message.addressUri(Header.from)),
    to: safely(() => message.addressUri(Header.to)),
    loop: isRequest ? message.loopHash : 0,
    tags: [message.fromTag, message.toTag, message.hasToTag, message.callId],
    vias: [message.hasLowerVia, isFirstHop(message)],
    fit: isRequest ? [refusalOf(message, "udp"), refusalOf(message, "tcp")] : isSoundResponse(message),
    copy: copy(),
  };
}

/** Asserts that the addon, whatever it makes of the text, leads to what JavaScript reads. Returns whether it was plain. */
function compare(text: string, why: string): boolean {
  useScanner(null);
  const plainly = seen(text);
  useScanner(maker);
  expect(seen(text), `${why}: ${JSON.stringify(text)}`).toEqual(plainly);
  const message = new Message();
  message.parse(text);
  return message.isPlain;
}

describe.skipIf(maker === null)("the native scanner finds what JavaScript finds", () => {
  test("in what phones send, all of it", () => {
    for (const text of [invite, ringing, register, invite.replaceAll("INVITE", "ACK")]) expect(compare(text, "plain")).toBe(true);
  });

  test.each([
    ["a folded line", invite.replace("Subject:  a", "Subject:\r\n a")],
    ["bare line feeds", invite.replaceAll(CRLF, "\n")],
    ["a bare carriage return", invite.replace("Subject:  a", "Subject: \ra")],
    ["a body that is too short", invite.replace("l: 4", "l: 5")],
    ["a body that is too long", invite.replace("l: 4", "l: 3")],
    ["two From", invite.replace("Subject: ", "f: <sip:x@y>\r\nSubject: ")],
    ["a quoted parameter of Via", invite.replace(";rport;", ';rport;x="a,b;branch=c";')],
    ["capital letters in a host", invite.replace("@tel.example.test;transport", "@Tel.example.test;transport")],
    ["a password", invite.replace("sip:102@", "sip:102:secret@")],
    ["headers in the request URI", invite.replace(";transport=udp", "?a=b")],
    ["no To", invite.replace(/^To: .*\r\n/m, "")],
    ["another version", invite.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia")],
    ["an unknown method", invite.replaceAll("INVITE", "JUMP")],
    ["another method in CSeq", invite.replace("4711  INVITE", "4711 BYE")],
    ["a CSeq beyond 2^31", register.replace("2147483647", "4294967295")],
    ["an empty value", invite.replace("Subject:  a, b  ", "Subject:   ")],
    ["an empty tag", invite.replace("tag=a1", "tag=")],
    ["two tags", invite.replace("tag=a1", "tag=a1;tag=a2")],
    ["an @ in a parameter", invite.replace(";transport=udp", ";x=a@b")],
    ["Max-Forwards above 255", invite.replace("70", "256")],
    ["a blank before a colon", invite.replace("Max-Forwards:", "Max-Forwards :")],
    ["nothing", ""],
    ["a start line alone", "INVITE sip:a@b SIP/2.0\r\n"],
    ["too many lines", invite.replace("Subject: ", "X: 1\r\n".repeat(250) + "Subject: ")],
    ["many lines", invite.replace("Subject: ", "X: 1\r\n".repeat(170) + "Subject: ")],
    ["a long message", invite.replace("Subject: ", `Subject: ${"x".repeat(70_000)}`)],
  ])("in %s", (why, text) => {
    compare(text, why);
  });

  test("in the torture messages of RFC 4475 and RFC 5118", () => {
    const folder = join(root, "test/torture");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".dat") || name.endsWith(".sip"));
    expect(files.length).toBeGreaterThan(40);
    for (const name of files) compare(readFileSync(join(folder, name), "latin1"), name);
  });

  test("in 40,000 mutations", () => {
    const seed = Date.now() >>> 0;
    const random = seededRandom(seed);
    const parts = ["\r\n", "\n", "\r", " ", "\t", ";", ":", ",", "<", ">", '"', "\\", "@", "=", "?", "[", "]", "SIP/2.0", "tag=", ";rport", ";received=1", "branch=", "v: ", "\0", "\xff", "sip:", "70", "INVITE", "%"];
    const seeds = [invite, ringing, register, invite.replaceAll("INVITE", "BYE")];
    let plain = 0;
    for (let run = 0; run < 40_000; run++) {
      let text = seeds[random.below(seeds.length)] ?? "";
      for (let change = random.below(3); change >= 0; change--) {
        const at = random.below(text.length);
        const part = parts[random.below(parts.length)] ?? "";
        const kind = random.below(4);
        if (kind === 0) text = text.slice(0, at) + part + text.slice(at);
        else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + random.below(4));
        else if (kind === 2) text = text.slice(0, at) + part + text.slice(at + part.length);
        else text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
      }
      if (compare(text, `seed ${String(seed)}, run ${String(run)}`)) plain++;
    }
    expect(plain).toBeGreaterThan(4000);
  }, 120_000);

  test("a file that is not there, and one of another kind, are refused by name", () => {
    expect(() => nativeScan(join(root, "native/build/missing.node"))).toThrow("not built");
    expect(() => nativeScan(join(root, "native/build/udp.node"))).toThrow("other sources");
  });
});
