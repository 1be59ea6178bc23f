import { expect, test } from "vitest";
import { ownHosts } from "../../src/proxy/own-hosts.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { fakeFlow } from "./fake-flow.ts";

const listeners = [fakeFlow("udp", "x").listener, fakeFlow("tls", "x", { port: 5061 }).listener];
const own = ownHosts({ isOwnDomain: (host) => host === "tel.example.test" || host === "[::1]", listeners: () => listeners });

test.each([
  ["sip:102@tel.example.test", true],
  ["sip:tel.example.test", true],
  ["sip:102@tel.example.test:5061", true],
  ["sips:102@[::1]:5060", true],
  ["sip:102@tel.example.test:5070", false],
  ["sip:102@elsewhere.example", false],
  ["sip:tel.example.test@elsewhere.example", false],
])("%s is ours: %s", (text, expected) => {
  const uri = parseSipUri(text);
  expect(uri !== null && own.isOurs(uri)).toBe(expected);
});
