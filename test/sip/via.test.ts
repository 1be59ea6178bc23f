import { describe, expect, test } from "vitest";
import { parseVia, receivedVia } from "../../src/sip/via.ts";

const received = (value: string): string => receivedVia(value, parseVia(value, 0, value.length), "192.0.2.7", 4242);

describe("a Via says where its request came from", () => {
  test.each([
    ["SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.7"],
    ["SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1"],
    ["SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;rport=4242;branch=z9hG4bK1;received=192.0.2.7"],
    ["SIP/2.0/UDP 10.0.0.1 ;branch=z9hG4bK1 ", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.7"],
    ["SIP/2.0/UDP 10.0.0.1;\r\n rport;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;rport=4242;branch=z9hG4bK1;received=192.0.2.7"],
    ["SIP/2.0/UDP 10.0.0.1;received=1.1.1.1;rport=1;received=2.2.2.2;rport", "SIP/2.0/UDP 10.0.0.1;rport=4242;received=192.0.2.7"],
    ['SIP/2.0/UDP 10.0.0.1;x=";received=1;rport";branch=z9hG4bK1', 'SIP/2.0/UDP 10.0.0.1;x=";received=1;rport";branch=z9hG4bK1;received=192.0.2.7'],
    ["SIP/2.0/UDP 10.0.0.1;rportal=1;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;rportal=1;branch=z9hG4bK1;received=192.0.2.7"],
  ])("%s", (value, expected) => {
    expect(received(value)).toBe(expected);
  });
  test("an IPv6 sent-by is read with brackets and without (RFC 5118 §4.5)", () => {
    for (const value of ["SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bK1", "SIP/2.0/UDP 2001:db8::9;branch=z9hG4bK1", "SIP/2.0/UDP ::1;branch=z9hG4bK1"]) {
      expect(parseVia(value, 0, value.length).host).toMatch(/^\[[0-9a-f:]+\]$/);
    }
  });
  test.each(["SIP/2.0/UDP", "SIP/7.0/UDP h;branch=x", ";", "", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h x", "SIP/2.0/UDP h\0;branch=x", 'SIP/2.0/UDP h;branch=a"b', 'SIP/2.0/UDP h;x="\\";branch=b'])("no Via: %s", (value) => {
    expect(() => parseVia(value, 0, value.length)).toThrow();
  });
});
