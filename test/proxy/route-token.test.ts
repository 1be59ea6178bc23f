import { describe, expect, test } from "vitest";
import { aorOf } from "../../src/base/ids.ts";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import { seededRandom } from "../../src/base/random.ts";
import { flowPoint, routeTokens, type RoutePoint } from "../../src/proxy/route-token.ts";
import { parseSipUri } from "../../src/sip/uri.ts";

const tokens = routeTokens(keyedHash(new Uint8Array(16).fill(7)));
const domain = "tel.example.test";
const points: readonly RoutePoint[] = [
  { kind: "plain" },
  { kind: "outward", address: "192.0.2.1", port: 5060, aor: aorOf("101", domain) },
  { kind: "outward", address: "2001:db8::1", port: 5060, aor: null },
  { kind: "udp", address: "192.0.2.7", port: 5060, network: "default", aor: null, device: "", isOnly: false },
  { kind: "udp", address: "2001:db8::7", port: 65535, network: "carriers_2-a", aor: null, device: "", isOnly: true },
  { kind: "udp", address: "192.0.2.7", port: 5060, network: "default", aor: aorOf("101", domain), device: "desk~1", isOnly: false },
  { kind: "connection", server: "a1b2c3", connection: 1, aor: null, device: "", isOnly: false },
  { kind: "connection", server: "a1b2c3", connection: 2 ** 40, aor: null, device: "", isOnly: true },
  ...["101", "a.b-c_d", "~!*'()&=+$,;?/", "é~!20", "x y", "!~", "u".repeat(128)].map((user): RoutePoint => ({ kind: "connection", server: "a1b2c3", connection: 77, aor: aorOf(user, domain), device: "dEv!~ice", isOnly: false })),
];

describe("route tokens", () => {
  test.each(points)("come back as they were, and may stand in a URI: %j", (point) => {
    const token = tokens.write("call@host", point);
    expect(tokens.read("call@host", token)).toEqual(point);
    expect(parseSipUri(`sip:${token}@192.0.2.1:5060;lr`)?.user).toBe(token);
  });

  test.each(points)("are good for their own Call-ID alone, and not when a character is changed: %j", (point) => {
    const token = tokens.write("call@host", point);
    expect(tokens.read("other@host", token)).toBe(null);
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token.charAt(at) === "0" ? "1" : "0"}${token.slice(at + 1)}`;
      expect(tokens.read("call@host", changed), changed).toBe(null);
    }
    expect([tokens.read("call@host", `${token}~`), tokens.read("call@host", token.slice(0, -1))]).toEqual([null, null]);
  });

  test("of another key are nothing", () => {
    expect(tokens.read("c", routeTokens(keyedHash(new Uint8Array(16).fill(8))).write("c", { kind: "plain" }))).toBe(null);
  });

  test("100,000 that are made up are all refused (seeded)", () => {
    const seed = 20261121;
    const random = seededRandom(seed);
    const alphabet = "0123456789abcdef~ucoUC!.";
    const accepted: string[] = [];
    for (let round = 0; round < 100_000; round++) {
      const bytes = random.bytes(random.below(40));
      const token = Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
      if (tokens.read("call@host", token) !== null) accepted.push(`round ${round}: ${token}`);
    }
    expect(accepted, `seed ${seed}`).toEqual([]);
  });

  test("a flow's point says where its peer is", () => {
    const listener = { protocol: "udp", address: "::", port: 5060, network: "lan", url: "" } as const;
    const flow = { listener, localAddress: "::1", localPort: 5060, remoteAddress: "2001:db8::7", remotePort: 5062, isOpen: true, send: () => true, close: () => undefined };
    expect(flowPoint({ ...flow, protocol: "udp", connection: 0 }, "s", null, "")).toEqual({ kind: "udp", address: "2001:db8::7", port: 5062, network: "lan", aor: null, device: "", isOnly: false });
    expect(flowPoint({ ...flow, protocol: "wss", connection: 5 }, "s", null, "d", true)).toEqual({ kind: "connection", server: "s", connection: 5, aor: null, device: "d", isOnly: true });
  });
});
