import { describe, expect, test } from "vitest";
import { forwardedRequest, forwardedResponse, type Forwarding } from "../../src/proxy/forward.ts";
import { Message } from "../../src/sip/message.ts";
import { fakeFlow } from "./fake-flow.ts";

const source = fakeFlow("udp", "10.0.0.9", { remotePort: 5070 });
const OUT = fakeFlow("udp", "10.0.0.2");
const STREAM = fakeFlow("tcp", "10.0.0.2");
const as: Forwarding = { uri: "sip:102@10.0.0.2", routesOff: 0, routes: [], recordRoute: "", branch: "z9hG4bKnew", realm: "tel.example.test", edits: [] };
const text = (...lines: string[]): string => [...lines, "", ""].join("\r\n");
const REQUEST = ["INVITE sip:102@tel.example.test SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1", "Max-Forwards: 70", "From: <sip:101@x>;tag=1", "Content-Length: 0"];
const sent = ["INVITE sip:102@10.0.0.2 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnew;rport", ...REQUEST.slice(1, 2), "Max-Forwards: 69", ...REQUEST.slice(3)];

/** The request with line `at` replaced by others. */
const having = (lines: readonly string[], at: number, ...other: string[]): string => text(...lines.slice(0, at), ...other, ...lines.slice(at + 1));

describe("a forwarded request is the request with our Via on top, one hop fewer, and", () => {
  test.each<[string, string, Partial<Forwarding>, string]>([
    ["nothing else", text(...REQUEST), {}, text(...sent)],
    ["Max-Forwards when it had none", having(REQUEST, 2), {}, text(sent[0] ?? "", sent[1] ?? "", "Max-Forwards: 70", ...sent.slice(2, 3), ...sent.slice(4))],
    ["its last hop", having(REQUEST, 2, "Max-Forwards: 1"), {}, having(sent, 3, "Max-Forwards: 0")],
    ["rport and received filled in", having(REQUEST, 1, "Via: SIP/2.0/UDP 192.168.1.2;rport;branch=z9hG4bK1"), {}, having(sent, 2, "Via: SIP/2.0/UDP 192.168.1.2;rport=5070;branch=z9hG4bK1;received=10.0.0.9")],
    ["compact and joined Vias as they were", having(REQUEST, 1, "v: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1, SIP/2.0/TCP h;branch=z9hG4bK0"), {}, having(sent, 2, "v: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1, SIP/2.0/TCP h;branch=z9hG4bK0")],
    ["our Routes off, whole lines", having(REQUEST, 2, "Route: <sip:us;lr>", "Route: <sip:us:5061;lr>", "Route: <sip:next;lr>", "Max-Forwards: 70"), { routesOff: 2 }, having(sent, 3, "Route: <sip:next;lr>", "Max-Forwards: 69")],
    ["our Routes off, of one line", having(REQUEST, 2, "Route: <sip:us;lr>, <sip:us:5061;lr> , <sip:next,1;lr>", "Max-Forwards: 70"), { routesOff: 2 }, having(sent, 3, "Route: <sip:next,1;lr>", "Max-Forwards: 69")],
    ["a Route above Via taken off", having(REQUEST, 1, "Route: <sip:us;lr>", REQUEST[1] ?? ""), { routesOff: 1 }, text(...sent)],
    ["Path as Routes", text(...REQUEST), { routes: ["<sip:edge;lr>", "<sip:edge2;lr>"] }, text(sent[0] ?? "", sent[1] ?? "", "Route: <sip:edge;lr>", "Route: <sip:edge2;lr>", ...sent.slice(2))],
    ["Path above the Routes that it has, also where those stand above Via", having(REQUEST, 1, "Route: <sip:old;lr>", REQUEST[1] ?? ""), { routes: ["<sip:edge;lr>"] }, text(sent[0] ?? "", "Route: <sip:edge;lr>", "Route: <sip:old;lr>", sent[1] ?? "", ...sent.slice(2))],
    ["Record-Route below Via", text(...REQUEST), { recordRoute: "Record-Route: <sip:t@us;lr>\r\n" }, text(sent[0] ?? "", sent[1] ?? "", "Record-Route: <sip:t@us;lr>", ...sent.slice(2))],
    ["Record-Route above those that it has, also where they stand above Via", having(REQUEST, 1, "Record-Route: <sip:old;lr>", REQUEST[1] ?? ""), { recordRoute: "Record-Route: <sip:t@us;lr>\r\n" }, text(sent[0] ?? "", "Record-Route: <sip:t@us;lr>", "Record-Route: <sip:old;lr>", sent[1] ?? "", ...sent.slice(2))],
    ["credentials for us off, others left", having(REQUEST, 2, 'Proxy-Authorization: Digest username="101", realm="TEL.example.test", response="x"', 'Proxy-Authorization: Digest username="1", realm="next.example"', 'Authorization: Digest realm="tel.example.test"', "Max-Forwards: 70"), {}, having(sent, 3, 'Proxy-Authorization: Digest username="1", realm="next.example"', "Max-Forwards: 69")],
    ["edits", text(...REQUEST), { edits: [{ kind: "add", name: "X-A", value: "1" }, { kind: "replace", name: "From", value: "<sip:a@b>" }] }, having(having(sent, 4).split("\r\n").slice(0, -2), 5, "X-A: 1", "From: <sip:a@b>").replace("Content-Length: 0\r\n", "").replace("X-A", "Content-Length: 0\r\nX-A")],
    ["a request URI that an edit gives, once", text(...REQUEST), { edits: [{ kind: "uri", uri: "sip:e@f" }] }, having(sent, 0, "INVITE sip:e@f SIP/2.0")],
  ])("%s", (_name, request, how, expected) => {
    expect(forwardedRequest(Message.of(request), source, OUT, { ...as, ...how })).toBe(expected);
  });

  test("Content-Length is added for a stream, which has no other end, and not over UDP; a body that an edit gives has its own", () => {
    const request = Message.of(`${having(REQUEST, 4)}v=0\r\n`);
    expect(forwardedRequest(request, source, OUT, as)).not.toContain("Content-Length");
    expect(forwardedRequest(request, source, STREAM, as)).toMatch(/Content-Length: 5\r\n\r\nv=0\r\n$/);
    const edited = forwardedRequest(request, source, STREAM, { ...as, edits: [{ kind: "body", contentType: "text/plain", body: "hello!" }] });
    expect(edited).toMatch(/Content-Type: text\/plain\r\nContent-Length: 6\r\n\r\nhello!$/);
    expect(edited.match(/Content-Length/g)).toHaveLength(1);
  });

  test("what lies beyond Content-Length stays behind (RFC 3261 §18.3)", () => {
    const request = Message.of(`${having(REQUEST, 4, "Content-Length: 3")}v=0INVITE sip:smuggled`);
    expect(forwardedRequest(request, source, STREAM, as)).toMatch(/\r\n\r\nv=0$/);
  });

  test("the Via names the transport, address and port that it leaves by", () => {
    const via = (flow: typeof OUT): string => forwardedRequest(Message.of(text(...REQUEST)), source, flow, as).split("\r\n")[1] ?? "";
    expect(via(STREAM)).toBe("Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKnew");
    expect(via(fakeFlow("wss", "2001:db8::2", { local: "2001:db8::1", port: 443 }))).toBe("Via: SIP/2.0/WSS [2001:db8::1]:443;branch=z9hG4bKnew");
  });
});

describe("a forwarded response is the response without our Via", () => {
  const RESPONSE = ["SIP/2.0 200 OK", "Via: SIP/2.0/UDP us;branch=z9hG4bKnew", "Via: SIP/2.0/UDP them;branch=z9hG4bK1", "Content-Length: 0"];
  test.each([
    ["on a line of its own", text(...RESPONSE), having(RESPONSE, 1)],
    ["before theirs on one line", having(RESPONSE, 1, "Via: SIP/2.0/UDP us;branch=z9hG4bKnew ,\r\n SIP/2.0/UDP a;x=\"1,2\""), having(RESPONSE, 1, 'Via: SIP/2.0/UDP a;x="1,2"')],
    ["with a Content-Length when it had none", `${having(RESPONSE, 3)}v=0`, `${having(having(RESPONSE, 1).split("\r\n").slice(0, -2), 2, "Content-Length: 3")}v=0`],
  ])("%s", (_name, response, expected) => {
    expect(forwardedResponse(Message.of(response))).toBe(expected);
  });
  test("edited", () => {
    expect(forwardedResponse(Message.of(text(...RESPONSE)), [{ kind: "add", name: "X", value: "1" }])).toBe(text(...RESPONSE.filter((_, at) => at !== 1), "X: 1"));
  });
});
