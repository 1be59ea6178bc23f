import { encode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { decodeResponse, dnsName, encodeQuery } from "../../src/dns/codec.ts";
import { parseResolvConf } from "../../src/dns/name-servers.ts";
import { hostsFirst } from "../../src/dns/hosts-file.ts";
import { a, aaaa, cname, naptr, soa, srv } from "./fake-dns-server.ts";

const response = encode({
  type: "response",
  id: 7,
  flags: 0,
  questions: [{ type: "SRV", name: "_sip._udp.Example.TEST" }],
  answers: [srv("_sip._udp.Example.TEST", 10, 5, 5070, "One.example.test"), naptr("example.test", 1, 2, "sip+d2u", "_sip._udp.example.test"), a("x.test", "10.0.0.1"), aaaa("x.test", "2001:db8::1"), cname("y.test", "X.test")],
  authorities: [soa("example.test", 30, 20)],
});

test("a response gives its records with names in lower case", () => {
  const read = decodeResponse(response);
  expect(read).toMatchObject({ id: 7, isTruncated: false, rcode: 0, question: { name: "_sip._udp.example.test", type: "SRV" }, negativeSeconds: 20 });
  expect(read.answers).toEqual([
    { type: "SRV", name: "_sip._udp.example.test", ttlSeconds: 60, priority: 10, weight: 5, port: 5070, target: "one.example.test" },
    { type: "NAPTR", name: "example.test", ttlSeconds: 60, order: 1, preference: 2, flags: "s", service: "SIP+D2U", regexp: "", replacement: "_sip._udp.example.test" },
    { type: "A", name: "x.test", ttlSeconds: 60, address: "10.0.0.1" },
    { type: "AAAA", name: "x.test", ttlSeconds: 60, address: "2001:db8::1" },
    { type: "CNAME", name: "y.test", ttlSeconds: 60, target: "x.test" },
  ]);
});

test("a query is no response, and neither is what breaks off", () => {
  expect(() => decodeResponse(encodeQuery(1, "x.test", "A"))).toThrow(ParseError);
  for (let end = 0; end < 20; end++) expect(() => decodeResponse(response.subarray(0, end))).toThrow(ParseError);
});

test("20,000 damaged responses give values or ParseErrors", () => {
  const seed = 53;
  const random = seededRandom(seed);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(response.subarray(0, 12 + random.below(response.length - 11)));
    for (let edits = random.below(6); edits >= 0; edits--) bytes[random.below(bytes.length)] = random.below(256);
    try {
      decodeResponse(bytes);
    } catch (err) {
      if (!(err instanceof ParseError)) throw new Error(`seed ${seed} round ${round}: ${bytes.toString("hex")}`, { cause: err });
    }
  }
});

test.each([
  ["Example.TEST.", "example.test"],
  ["_sips._tcp.example.test", "_sips._tcp.example.test"],
  ["localhost", "localhost"],
  ["", null],
  [".", null],
  ["a..b", null],
  ["a b.test", null],
  ["j\xe4s.test", null],
  [`${"x".repeat(64)}.test`, null],
  [`${"x".repeat(63)}.test`, `${"x".repeat(63)}.test`],
  ["ab.".repeat(90), null],
])("%j may be asked for as %j", (name, expected) => {
  expect(dnsName(name)).toBe(expected);
});

describe("resolv.conf", () => {
  test.each([
    ["nameserver 10.0.0.53\n", [{ address: "10.0.0.53", port: 53 }], 1000, 2],
    ["# x\nnameserver 2001:db8::53 ; y\r\nnameserver bogus\nsearch a b\noptions timeout:2 attempts:3 rotate\n", [{ address: "2001:db8::53", port: 53 }], 2000, 3],
    ["nameserver fe80::1%eth0\noptions timeout:900 attempts:0", [{ address: "fe80::1%eth0", port: 53 }], 5000, 1],
    ["", [{ address: "127.0.0.1", port: 53 }], 1000, 2],
  ])("%j", (text, servers, timeoutMs, attempts) => {
    expect(parseResolvConf(text)).toEqual({ servers, timeoutMs, attempts });
  });

  test("no more than three servers count", () => {
    expect(parseResolvConf(Array.from({ length: 9 }, (_, n) => `nameserver 10.0.0.${n}`).join("\n")).servers).toHaveLength(3);
  });
});

test("names of the hosts file and localhost need no DNS", () => {
  const asked: string[] = [];
  const dns = hostsFirst("127.0.1.1 Box.example.test box # x\n::1 ip6-box box\nbogus y\n", {
    lookup(name) {
      asked.push(name);
      return { kind: "none" };
    },
  });
  expect(dns.lookup("box.EXAMPLE.test", "A")).toMatchObject({ kind: "found", records: [{ address: "127.0.1.1" }] });
  expect(dns.lookup("box", "AAAA")).toMatchObject({ kind: "found", records: [{ address: "::1" }] });
  expect(dns.lookup("box", "SRV")).toEqual({ kind: "none" });
  expect(dns.lookup("localhost", "A")).toMatchObject({ kind: "found", records: [{ address: "127.0.0.1" }] });
  expect(dns.lookup("y", "A")).toEqual({ kind: "none" });
  expect(asked).toEqual(["y"]);
});
