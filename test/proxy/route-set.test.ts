import { parseSipUri } from "../../src/sip/uri.ts";
import { describe, expect, test } from "vitest";
import { keyedHash } from "../../src/base/keyed-hash.ts";
import type { OwnHosts } from "../../src/proxy/own-hosts.ts";
import { routeSet, type RouteSet } from "../../src/proxy/route-set.ts";
import { routeTokens } from "../../src/proxy/route-token.ts";
import { Message } from "../../src/sip/message.ts";

const own: OwnHosts = { isOurs: (uri) => uri.host === "us" };
const tokens = routeTokens(keyedHash(new Uint8Array(16)));
const token = tokens.write("c", { kind: "plain" });
const read = (requestUri: string, ...routes: string[]): Omit<RouteSet, "target"> => {
  const message = Message.of(`OPTIONS ${requestUri} SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: c\r\n${routes.map((route) => `Route: ${route}\r\n`).join("")}\r\n`);
  const { target, ...set } = routeSet(message, own, tokens);
  expect(target).toEqual(parseSipUri(set.uri));
  return set;
};

describe("the routes of a request", () => {
  test("none: the request URI says where to", () => {
    expect(read("sip:a@b")).toEqual({ own: 0, point: null, next: null, uri: "sip:a@b", routes: null });
  });
  test("our own come off, the next one says where to", () => {
    expect(read("sip:a@b", "<sip:us;lr>, <sip:us:5070;lr>", "<sip:next;lr>")).toEqual({ own: 2, point: null, next: "<sip:next;lr>", uri: "sip:a@b", routes: null });
  });
  test("a token of ours tells of a dialog that we let through", () => {
    expect(read("sip:a@b", `<sip:${token}@us;lr>`)).toMatchObject({ own: 1, point: { kind: "plain" }, next: null });
    expect(read("sip:a@b", "<sip:made-up@us;lr>")).toMatchObject({ own: 1, point: null });
  });
  test("a strict router before us put our URI into the request URI: the real one is the last Route (RFC 3261 §16.4)", () => {
    expect(read(`sip:${token}@us;lr`, "<sip:next;lr>", "<sip:a@b>")).toEqual({ own: 0, point: { kind: "plain" }, next: "<sip:next;lr>", uri: "sip:a@b", routes: ["<sip:next;lr>"] });
    expect(read(`sip:${token}@us;lr`, "<sip:a@b>")).toEqual({ own: 0, point: { kind: "plain" }, next: null, uri: "sip:a@b", routes: [] });
  });
  test("a strict router behind us gets itself as request URI, and the real one as the last Route (RFC 3261 §16.6 step 6)", () => {
    expect(read("sip:a@b", "<sip:us;lr>", "<sip:strict>, <sip:next;lr>")).toEqual({ own: 0, point: null, next: "<sip:strict>", uri: "sip:strict", routes: ["<sip:next;lr>", "<sip:a@b>"] });
    expect(read("sip:a@b", "<sip:loose;lr=on>")).toMatchObject({ next: "<sip:loose;lr=on>", routes: null });
  });
  test.each(["<sip:next", '"x', "<sip:a b>"])("a Route that cannot be read is refused: %s", (route) => {
    expect(() => read("sip:a@b", route)).toThrow();
  });
});
