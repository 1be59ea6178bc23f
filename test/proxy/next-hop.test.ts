import { describe, expect, test } from "vitest";
import { parseSipUri } from "../../src/sip/uri.ts";
import { aorOf } from "../../src/base/ids.ts";
import type { Location } from "../../src/proxy/location.ts";
import { nextHops, type NextHop } from "../../src/proxy/next-hop.ts";
import type { RoutePoint } from "../../src/proxy/route-token.ts";
import { plainTarget, type Target } from "../../src/proxy/target.ts";
import type { Flow, Hop, Transports } from "../../src/sip/transport/transport.ts";
import type { ResolverTarget } from "../../src/sip/resolver/location-steps.ts";
import { fakeFlow } from "./fake-flow.ts";

const bob = aorOf("102", "tel.example.test");
const open = fakeFlow("tcp", "10.0.0.2", { connection: 7 });
const closed = fakeFlow("tcp", "10.0.0.2", { connection: 8, isOpen: false });
const UDP = fakeFlow("udp", "10.0.0.2");

/** A phone as it is registered by a UDP way. */
function registeredBy(way: { remote?: string; remotePort?: number; network?: string; connection?: number }): Target {
  const { remote = "10.0.0.2", ...more } = way;
  return { ...plainTarget("sip:102@192.168.1.2", bob), device: "d", flow: fakeFlow("udp", remote, more) };
}

/** Next hops over a world that only notes what it was asked. */
function world(now: Target | null = null): { hops: ReturnType<typeof nextHops>; asked: ResolverTarget[]; opened: Hop[] } {
  const asked: ResolverTarget[] = [];
  const opened: Hop[] = [];
  const transports: Transports = {
    listeners: [],
    start: () => Promise.resolve(),
    open: (hop) => {
      opened.push(hop);
      return hop.network === "gone" ? null : UDP;
    },
    connection: (number): Flow | null => (number === 7 ? open : null),
    stop: () => Promise.resolve(),
  };
  const location: Location = { targets: () => [], gruuTarget: () => null, tempGruuTarget: () => null, deviceTarget: () => now, deviceOf: () => "", flowOfContact: () => null };
  const resolver = {
    resolve: (target: ResolverTarget): readonly Hop[] => {
      asked.push(target);
      return target.host === "nowhere" ? [] : [{ protocol: "udp", address: target.host, port: target.port ?? 5060 }];
    },
  };
  return { hops: nextHops({ resolver, transports, location, server: "me" }), asked, opened };
}

const kindOf = (hop: NextHop | Promise<NextHop>): string => (hop instanceof Promise ? "later" : hop.kind === "none" ? `none ${hop.status}` : hop.kind === "flow" ? `flow ${hop.flow.connection}` : `to ${hop.hops[0]?.address ?? ""}`);

test("past a UDP way's peer it leaves from the same network", () => {
  const hop = world().hops.ofPoint({ kind: "udp", address: "10.0.0.2", port: 5060, network: "lan", aor: null, device: "", isOnly: false }, "<sip:n;lr>", parseSipUri("sip:102@h"));
  expect(hop).toEqual({ kind: "hops", hops: [{ protocol: "udp", address: "n", port: 5060, network: "lan" }] });
});

describe("by URI", () => {
  test.each([
    ["sip:a@h", { host: "h", secure: false }],
    ["sips:a@h:5071", { host: "h", secure: true, port: 5071 }],
    ["sip:a@h;transport=TCP", { host: "h", secure: false, transport: "tcp" }],
    ["sip:a@h;maddr=m;lr", { host: "m", secure: false }],
    ["sip:a@[::1]:5062", { host: "::1", secure: false, port: 5062 }],
  ])("%s is located as %j", (uri, target) => {
    const { hops, asked } = world();
    expect(kindOf(hops.ofUri(uri))).toMatch(/^to /);
    expect(asked).toEqual([target]);
  });
  test.each([["tel:+32475", "none 416"], ["nonsense", "none 416"], ["sip:a@h;transport=sctp", "none 503"], ["sip:a@nowhere", "none 503"]])("%s leads to %s", (uri, expected) => {
    expect(kindOf(world().hops.ofUri(uri))).toBe(expected);
  });
});

describe("by target", () => {
  const target = (more: Partial<Target>): Target => ({ ...plainTarget("sip:102@h", bob), device: "d", ...more });
  test.each([
    ["its Path before all", target({ routes: ["<sip:edge;lr>", "<sip:x>"], flow: open, next: "<sip:n>" }), null, "to edge"],
    ["the request's next Route", target({ next: '"N" <sip:n;lr>' }), null, "to n"],
    ["its flow", target({ flow: open }), null, "flow 7"],
    ["its URI when it has no flow", target({}), null, "to h"],
    ["the way by which the device has registered since its flow ended", target({ flow: closed }), target({ flow: open }), "flow 7"],
    ["the URI by which it has registered since", target({ flow: closed }), target({ uri: "sip:102@new" }), "to new"],
    ["nowhere, when it has not registered since", target({ flow: closed }), null, "none 430"],
    ["its URI, when nobody knows whose it is", target({ flow: closed, aor: null }), null, "to h"],
  ])("%s", (_name, wanted, now, expected) => {
    expect(kindOf(world(now).hops.ofTarget(wanted))).toBe(expected);
  });
});

describe("by route point", () => {
  const udp: RoutePoint = { kind: "udp", address: "10.0.0.2", port: 5060, network: "lan", aor: null, device: "", isOnly: false };
  const connection: RoutePoint = { kind: "connection", server: "me", connection: 7, aor: bob, device: "d", isOnly: false };
  test.each<[string, RoutePoint, string | null, Target | null, string]>([
    ["plain: the request URI", { kind: "plain" }, null, null, "to h"],
    ["plain: the next Route", { kind: "plain" }, "<sip:n;lr>", null, "to n"],
    ["outward: as plain", { kind: "outward", address: "1.1.1.1", port: 5060, aor: null }, "<sip:n;lr>", null, "to n"],
    ["a UDP way", udp, null, null, "flow 0"],
    ["a UDP way, but a Route is left", udp, "<sip:n;lr>", null, "to n"],
    ["a UDP way and no other, whatever Route is left", { ...udp, isOnly: true }, "<sip:n;lr>", null, "flow 0"],
    ["a UDP way of a network that is no more", { ...udp, network: "gone" }, null, null, "to h"],
    ["that and no other", { ...udp, network: "gone", isOnly: true }, null, null, "none 430"],
    ["the port from which the phone behind NAT has registered since", { ...udp, aor: bob, device: "d" }, null, registeredBy({ remotePort: 40_001, network: "lan", connection: 40_001 }), "flow 40001"],
    ["the old port, when it has registered from another address: that may be another phone of the same Contact", { ...udp, aor: bob, device: "d" }, null, registeredBy({ remote: "10.0.0.9", network: "lan" }), "flow 0"],
    ["the old port, when it has registered by another network", { ...udp, aor: bob, device: "d" }, null, registeredBy({ remotePort: 40_001, network: "wan" }), "flow 0"],
    ["the old port, when it is not registered", { ...udp, aor: bob, device: "d" }, null, null, "flow 0"],
    ["a connection", connection, null, null, "flow 7"],
    ["a connection and no other", { ...connection, isOnly: true }, "<sip:n;lr>", null, "flow 7"],
    ["a connection of that number, of another run", { ...connection, server: "before" }, null, null, "none 430"],
    ["one that is gone, and the device's new one", { ...connection, connection: 9 }, null, { ...plainTarget("sip:102@h", bob), flow: open }, "flow 7"],
    ["one that is gone, of nobody: by the request URI", { ...connection, connection: 9, aor: null }, null, null, "to h"],
    ["of nobody, and no other", { ...connection, connection: 9, aor: null, isOnly: true }, null, null, "none 430"],
  ])("%s", (_name, point, next, now, expected) => {
    const { hops, opened } = world(now);
    expect(kindOf(hops.ofPoint(point, next, parseSipUri("sip:102@h")))).toBe(expected);
    if (opened.length > 0) expect(opened[0]).toMatchObject({ protocol: "udp", address: "10.0.0.2", port: 5060 });
  });
});
