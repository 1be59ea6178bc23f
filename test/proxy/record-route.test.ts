import { describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { contactUri, recordRoutes, type CallerSide } from "../../src/proxy/record-route.ts";
import { routeTokens, type RoutePoint } from "../../src/proxy/route-token.ts";
import { plainTarget } from "../../src/proxy/target.ts";
import { Message } from "../../src/sip/message.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import type { Flow } from "../../src/sip/transport/transport.ts";
import { fakeFlow } from "./fake-flow.ts";

const tokens = routeTokens(keyedHash(new Uint8Array(16)));
const routes = recordRoutes(tokens, "me");
const alice = aorOf("101", "tel.example.test");
const bob = aorOf("102", "tel.example.test");

/** What the lines say: each address, and the point that its token bears. */
function said(parts: { source: Flow; out: Flow; contact?: string; uri?: string; isByFlow?: boolean; side?: Partial<CallerSide>; isCalleeOurs?: boolean; vias?: number }): readonly (readonly [string, RoutePoint | null])[] {
  const { source, out, contact = "sip:101@10.0.0.1", uri = "sip:102@10.0.0.2", isByFlow = false, side = {}, isCalleeOurs = true, vias = 1 } = parts;
  const message = Message.of(`INVITE sip:102@x SIP/2.0\r\n${"Via: SIP/2.0/UDP h\r\n".repeat(vias)}Call-ID: c\r\nContact: <${contact}>\r\n\r\n`);
  const target = { ...plainTarget(uri, isCalleeOurs ? bob : null), device: isCalleeOurs ? "desk" : "" };
  const lines = routes.lines(message, { source, caller: alice, callerDevice: "mobile", isCallerKnown: true, ...side }, out, isByFlow, target);
  return [...lines.matchAll(/^Record-Route: <(sip:([^@]+)@([^>]*));lr>\r\n/gm)].map(([, uriText = "", token = "", address = ""]) => {
    expect(parseSipUri(uriText)).not.toBe(null);
    return [address, tokens.read("c", token)] as const;
  });
}

const plain: RoutePoint = { kind: "plain" };
const udp = (remote: string, more = {}): Flow => fakeFlow("udp", remote, more);

describe("Record-Route", () => {
  test("one plain line between phones that can be reached by their Contact, on one listener", () => {
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2") })).toEqual([["192.0.2.1:5060", plain]]);
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), isByFlow: true })).toEqual([["192.0.2.1:5060", plain]]);
  });
  test("two, the callee's side on top, when transport, listener or family changes (RFC 5658)", () => {
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2", { port: 5070, network: "b" }) })).toEqual([["192.0.2.1:5070", plain], ["192.0.2.1:5060", { kind: "udp", address: "10.0.0.1", port: 5060, network: "default", aor: alice, device: "mobile", isOnly: false }]]);
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2", { port: 5070 }) })).toEqual([["192.0.2.1:5070", plain], ["192.0.2.1:5060", plain]]);
    expect(said({ source: udp("10.0.0.1"), out: fakeFlow("udp", "2001:db8::2", { local: "2001:db8::1" }), uri: "sip:102@[2001:db8::2]" }).map(([address]) => address)).toEqual(["[2001:db8::1]:5060", "192.0.2.1:5060"]);
    expect(said({ source: udp("10.0.0.1"), out: fakeFlow("wss", "10.0.0.2", { port: 443 }) }).map(([address]) => address)).toEqual(["192.0.2.1:443;transport=ws", "192.0.2.1:5060"]);
  });
  test("the way back to a phone that its Contact does not lead to: behind NAT, on a connection, with a Contact that is none", () => {
    const back: RoutePoint = { kind: "udp", address: "10.0.0.1", port: 5060, network: "default", aor: alice, device: "mobile", isOnly: false };
    for (const contact of ["sip:101@192.168.1.1", "sip:101@10.0.0.1:5062", "sip:101@pc.local", "tel:101"]) {
      expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), contact }), contact).toEqual([["192.0.2.1:5060", plain], ["192.0.2.1:5060", back]]);
    }
    expect(said({ source: fakeFlow("tcp", "10.0.0.1", { connection: 9 }), out: udp("10.0.0.2") })[1]).toEqual(["192.0.2.1:5060;transport=tcp", { kind: "connection", server: "me", connection: 9, aor: alice, device: "mobile", isOnly: false }]);
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), uri: "sip:102@192.168.1.2", isByFlow: true })[0]).toEqual(["192.0.2.1:5060", { ...back, address: "10.0.0.2", aor: bob, device: "desk" }]);
  });
  test("a way that was located can be located again; what another proxy brought goes back by its Record-Route or Contact", () => {
    expect(said({ source: udp("10.0.0.1"), out: fakeFlow("tcp", "10.0.0.2") })[0]).toEqual(["192.0.2.1:5060;transport=tcp", plain]);
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), contact: "sip:101@192.168.1.1", vias: 2 })).toEqual([["192.0.2.1:5060", plain]]);
  });
  test("a stranger's requests go to the one whom he called, and requests to him come from there; one behind NAT is reached where he is", () => {
    const side = { caller: null, callerDevice: "", isCallerKnown: false };
    const only: RoutePoint = { kind: "udp", address: "10.0.0.2", port: 5060, network: "default", aor: bob, device: "desk", isOnly: true };
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), side })).toEqual([["192.0.2.1:5060", only], ["192.0.2.1:5060", { kind: "outward", address: "10.0.0.2", port: 5060, aor: bob }]]);
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), side, contact: "sip:x@192.168.1.1" })[1]?.[1]).toEqual({ ...only, address: "10.0.0.1", aor: null, device: "" });
  });
  test("so it is when one of ours calls a stranger", () => {
    expect(said({ source: udp("10.0.0.1"), out: udp("10.0.0.2"), isCalleeOurs: false }).map(([, point]) => point)).toEqual([
      { kind: "outward", address: "10.0.0.1", port: 5060, aor: alice },
      { kind: "udp", address: "10.0.0.1", port: 5060, network: "default", aor: alice, device: "mobile", isOnly: true },
    ]);
  });
});

test.each([["<sip:a@b>;q=1", "sip:a@b"], ["*", ""], ['"x', ""], ["sip:a@b;expires=1", "sip:a@b"]])("the URI of Contact %s is %j", (value, uri) => {
  expect(contactUri(Message.of(`INVITE sip:x SIP/2.0\r\nContact: ${value}\r\n\r\n`))).toBe(uri);
});
