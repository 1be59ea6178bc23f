import { describe, expect, test } from "vitest";
import { isLoop, loopHash } from "../../src/proxy/loop.ts";
import { Message } from "../../src/sip/message.ts";

const request = (parts: { uri?: string; from?: string; callId?: string; cseq?: number; route?: string; vias?: readonly string[] } = {}): Message => {
  const { uri = "sip:102@x", from = "<sip:101@x>;tag=1", callId = "c", cseq = 1, route = "", vias = ["SIP/2.0/UDP h;branch=z9hG4bK1"] } = parts;
  return Message.of(`INVITE ${uri} SIP/2.0\r\n${vias.map((via) => `Via: ${via}\r\n`).join("")}From: ${from}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq} INVITE\r\n${route === "" ? "" : `Route: ${route}\r\n`}\r\n`);
};
const hashOf = (message: Message): string => loopHash(message);

describe("loops are told from spirals", () => {
  const loop = hashOf(request());
  test.each([
    ["nothing but Via", {}, true],
    ["the request URI", { uri: "sip:103@x" }, false],
    ["the Route", { route: "<sip:r;lr>" }, false],
    ["the From tag", { from: "<sip:101@x>;tag=2" }, false],
    ["the Call-ID", { callId: "d" }, false],
    ["the CSeq", { cseq: 2 }, false],
  ])("by the hash of what routing looks at: %s changed", (_name, parts, isSame) => {
    expect(hashOf(request(parts)) === loop).toBe(isSame);
  });
  test.each([
    ["no Via of ours", ["SIP/2.0/UDP h;branch=z9hG4bK1"], false],
    ["ours, with the same hash", ["SIP/2.0/UDP h;branch=z9hG4bK1", `SIP/2.0/UDP us;branch=z9hG4bKme.1.2.3.${loop}`], true],
    ["ours, deep in one line", [`SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP g;branch=z9hG4bK2 ,  SIP/2.0/UDP us;branch=z9hG4bKme.1.2.3.${loop}`], true],
    ["ours, with another hash: a spiral", ["SIP/2.0/UDP h;branch=z9hG4bK1", "SIP/2.0/UDP us;branch=z9hG4bKme.1.2.3.other"], false],
    ["another process's", ["SIP/2.0/UDP h;branch=z9hG4bK1", `SIP/2.0/UDP us;branch=z9hG4bKhe.1.2.3.${loop}`], false],
  ])("%s: %s", (_name, vias, expected) => {
    expect(isLoop(request({ vias }), "me")).toBe(expected);
  });
});
