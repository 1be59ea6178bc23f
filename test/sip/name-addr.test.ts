import { describe, expect, test } from "vitest";
import { parseNameAddr } from "../../src/sip/name-addr.ts";

describe("addresses with a name", () => {
  test.each([
    ["caller<sip:caller@example.com>;tag=323", { display: "caller", uri: "sip:caller@example.com", params: ";tag=323" }],
    ['"Bell, \\"A\\"" <sip:a@b>', { display: 'Bell, "A"', uri: "sip:a@b", params: "" }],
    ["T. Watson\r\n <sip:t@b>", { display: "T. Watson", uri: "sip:t@b", params: "" }],
    ["J\xc3\xbcrgen <sip:j@b>", { display: "J\xc3\xbcrgen", uri: "sip:j@b", params: "" }],
    ["sip:a@b;tag=1", { display: "", uri: "sip:a@b", params: ";tag=1" }],
    ["<isbn:2983792873>", { display: "", uri: "isbn:2983792873", params: "" }],
  ])("%s", (text, parts) => {
    expect(parseNameAddr(text)).toEqual(parts);
  });
  test.each([
    ["a comma in a name without quotes (RFC 4475 §3.1.2.15)", "Bell, Alexander <sip:a@b>"],
    ["blanks around the URI within the brackets (RFC 4475 §3.1.2.14)", "<sip:a@b >"],
    ["a blank before it", "< sip:a@b>"],
    ["a blank in it", "<sip:a b@c>"],
    ["a folded line in it", "<sip:a\r\n b@c>"],
    ["a control character in it", "<sip:a\0@c>"],
    ["a quote that does not close", '"Mr. J. User <sip:j@b>'],
    ["a bracket that does not close", "<sip:a@b"],
    ["a bracket that was not opened", "sip:a@b>"],
    ["a bracket within brackets", "<sip:<a@b>>"],
    ["a name in quotes without an address", '"A" sip:a@b'],
    ["a parameter whose quote does not close", '<sip:a@b>;x="1'],
    ["the same without brackets", 'sip:a@b;tag=a"b'],
    ["nothing", ""],
    ["empty brackets", "<>"],
  ])("refused: %s", (_name, text) => {
    expect(() => parseNameAddr(text)).toThrow();
  });
});
