import { describe, expect, test } from "vitest";
import { addressChooser, localAddresses } from "../../../src/sip/transport/local-address.ts";
import type { InterfaceAddress } from "../../../src/sip/transport/local-address.ts";
import { parseIpv4Routes, parseIpv6Routes } from "../../../src/sip/transport/route-table.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { addressBytes, canonicalAddress, isLinkLocalAddress, isLoopbackAddress, isWildcardAddress, unmappedAddress } from "../../../src/sip/transport/ip-address.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const interfaces: readonly InterfaceAddress[] = [
  { device: "lo", address: "127.0.0.1", prefix: 8 },
  { device: "lo", address: "::1", prefix: 128 },
  { device: "docker0", address: "172.17.0.1", prefix: 16 },
  { device: "eth0", address: "192.0.2.10", prefix: 24 },
  { device: "eth0", address: "fe80::10", prefix: 64 },
  { device: "eth0", address: "2001:db8:1::10", prefix: 64 },
  { device: "eth1", address: "fe80::11", prefix: 64 },
  { device: "eth1", address: "10.1.0.1", prefix: 16 },
  { device: "eth1", address: "10.1.5.1", prefix: 24 },
];

const routeText = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth1	0000140A	FE00010A	0003	0	0	0	0000FFFF	0	0	0
junk
`;
const route6Text = `20010db8000100000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth0
`;

describe("addressChooser", () => {
  const towards = addressChooser(interfaces, [...parseIpv4Routes(routeText), ...parseIpv6Routes(route6Text)]);
  test.each([
    ["a neighbour", "192.0.2.77", "192.0.2.10"],
    ["a neighbour, longest prefix", "10.1.5.9", "10.1.5.1"],
    ["a neighbour of the wider net", "10.1.6.9", "10.1.0.1"],
    ["loopback", "127.0.0.9", "127.0.0.1"],
    ["ourselves", "172.17.0.1", "172.17.0.1"],
    ["a routed net", "10.20.1.1", "10.1.0.1"],
    ["the world", "198.51.100.1", "192.0.2.10"],
    ["an IPv4-mapped peer", "::ffff:192.0.2.77", "192.0.2.10"],
    ["an IPv6 neighbour", "2001:db8:1::99", "2001:db8:1::10"],
    ["the IPv6 world", "2001:db8:ffff::1", "2001:db8:1::10"],
    ["IPv6 loopback", "::1", "::1"],
    ["a link-local peer with its zone", "fe80::77%eth1", "fe80::11"],
    ["no address at all", "pbx.example.test", "127.0.0.1"],
  ])("towards %s", (_, remote, expected) => {
    expect(towards(remote)).toBe(expected);
  });

  test("without routes it is the first address that others can reach, else loopback", () => {
    expect(addressChooser(interfaces, [])("198.51.100.1")).toBe("172.17.0.1");
    expect(addressChooser([], [])("198.51.100.1")).toBe("127.0.0.1");
    expect(addressChooser([], [])("2001:db8::1")).toBe("::1");
  });
});

describe("localAddresses", () => {
  test("a changed interface is seen within 10 s, and the generation tells", () => {
    const clock = new FakeClock();
    let address = "192.0.2.10";
    const local = localAddresses(clock, { interfaces: () => [{ device: "eth0", address, prefix: 24 }], routes: () => [] });
    expect(local.towards("192.0.2.5")).toBe("192.0.2.10");
    const before = local.generation;
    address = "192.0.2.11";
    expect(local.towards("192.0.2.5")).toBe("192.0.2.10");
    clock.advance(10_000);
    expect(local.towards("192.0.2.5")).toBe("192.0.2.11");
    expect(local.generation).toBe(before + 1);
    clock.advance(10_000);
    expect(local.generation).toBe(before + 1);
  });

  test("this host gives an address that is never a wildcard", () => {
    const local = localAddresses(systemClock);
    for (const remote of ["127.0.0.1", "198.51.100.1", "2001:db8::1"]) expect(isWildcardAddress(local.towards(remote))).toBe(false);
    expect(local.towards("127.0.0.1")).toBe("127.0.0.1");
  });
});

describe("IP addresses", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::", Array.from({ length: 16 }, () => 0).join(".")],
    ["::1", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1"],
    ["2001:db8::5:1", "32.1.13.184.0.0.0.0.0.0.0.0.0.5.0.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "0.100.255.155.0.0.0.0.0.0.0.0.192.0.2.1"],
    ["1:2:3:4:5:6:7:8", "0.1.0.2.0.3.0.4.0.5.0.6.0.7.0.8"],
    ["256.1.1.1", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4.5", undefined],
    ["1:2:3:4:5:6:7", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["1::2::3", undefined],
    ["12345::", undefined],
    [":1:2", undefined],
    ["", undefined],
    ["host", undefined],
  ])("%s reads as %s", (text, expected) => {
    expect(addressBytes(text)?.join(".")).toBe(expected);
  });

  test.each([
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["192.0.2.1", "192.0.2.1"],
    ["host:5060", "host:5060"],
  ])("%s is written %s", (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected);
  });

  test("kinds of addresses", () => {
    expect([isLoopbackAddress("127.8.8.8"), isLoopbackAddress("::1"), isLoopbackAddress("::2"), isLoopbackAddress("10.0.0.1")]).toEqual([true, true, false, false]);
    expect([isLinkLocalAddress("fe80::1%eth0"), isLinkLocalAddress("169.254.1.1"), isLinkLocalAddress("fec0::1")]).toEqual([true, true, false]);
    expect([isWildcardAddress("0.0.0.0"), isWildcardAddress("::"), isWildcardAddress("::1")]).toEqual([true, true, false]);
    expect(unmappedAddress("::FFFF:10.0.0.1")).toBe("10.0.0.1");
    expect(unmappedAddress("::ffff:1")).toBe("::ffff:1");
  });
});
