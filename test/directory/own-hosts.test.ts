import { expect, test } from "vitest";
import { canonicalHost, interfaceAddresses, ownHosts } from "../../src/directory/own-hosts.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const machine = ["127.0.0.1", "192.0.2.7", "::1", "2001:DB8::7"];

test.each([
  [["192.0.2.7"], ["192.0.2.7"]],
  [["0.0.0.0"], ["127.0.0.1", "192.0.2.7"]],
  [["::"], ["127.0.0.1", "192.0.2.7", "::1", "2001:db8::7"]],
  [["0.0.0.0", "2001:db8::9"], ["127.0.0.1", "192.0.2.7", "2001:db8::9"]],
  [[], []],
])("listening on %j, the own addresses are %j", (listening, expected) => {
  const hosts = ownHosts({ listenAddresses: () => listening, machineAddresses: () => machine, hostName: "Laurel", clock: new FakeClock() });
  expect([...hosts()].sort()).toEqual(["laurel", "localhost", ...expected].sort());
});

test("an address that the machine gets is noticed after 10 s, and not asked for at every call", () => {
  const clock = new FakeClock();
  let asked = 0;
  const addresses = ["192.0.2.7"];
  const machineAddresses = (): readonly string[] => (asked++, addresses);
  const hosts = ownHosts({ listenAddresses: () => ["0.0.0.0"], machineAddresses, hostName: "laurel", clock });
  for (let call = 0; call < 100; call++) hosts();
  expect(asked).toBe(1);
  addresses.push("192.0.2.8");
  clock.advance(9_999);
  expect(hosts().has("192.0.2.8")).toBe(false);
  clock.advance(1);
  expect(hosts().has("192.0.2.8")).toBe(true);
  expect(asked).toBe(2);
});

test.each([
  ["Tel.Example.Test.", "tel.example.test"],
  ["[2001:DB8:0:0:0:0:0:1]", "2001:db8::1"],
  ["::FFFF:192.0.2.1", "::ffff:c000:201"],
  ["[::g]", "::g"],
  ["", ""],
])("the host %s is compared as %s", (host, canonical) => {
  expect(canonicalHost(host)).toBe(canonical);
});

test("this machine has a loopback address", () => {
  expect(interfaceAddresses().some((address) => address === "127.0.0.1" || address === "::1")).toBe(true);
});
