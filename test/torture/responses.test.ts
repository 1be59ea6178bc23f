import { describe, expect, test } from "vitest";
import { forwardingMistakes, responseMistakes } from "./preserved.ts";
import { responseTo, statusOf, TortureServer, type Reaction } from "./torture-server.ts";

const INVITE =
  "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKi1\r\nFrom: <sip:a@example.net>;tag=1\r\nTo: <sip:user@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@203.0.113.5>\r\nContent-Length: 0\r\n\r\n";

/** A request on its way, and what its caller gets of a response. */
async function asked(request = INVITE): Promise<{ server: TortureServer; text: string; respond: (response: string) => Reaction }> {
  const server = await TortureServer.start();
  const [sent] = server.datagram(request).forwarded;
  if (sent === undefined) throw new Error("the request did not go on");
  return { server, text: sent.text, respond: (response) => server.datagram(response, sent.flow) };
}

describe("a next hop that answers badly", () => {
  const changes: readonly (readonly [string, (response: string) => string])[] = [
    ["two Content-Lengths, by which the caller's stream would lose its step", (text) => text.replace("Content-Length: 0", "Content-Length: 5\r\nl: 0").concat("hello")],
    ["a Content-Length above its body", (text) => text.replace("Content-Length: 0", "Content-Length: 50")],
    ["a header broken by a carriage return", (text) => text.replace("Content-Length", "X-A: 1\rContact: <sip:evil@evil>\r\nContent-Length")],
    ["no From", (text) => text.replace(/From:.*\r\n/, "")],
    ["a CSeq of another method", (text) => text.replace("1 INVITE", "1 OPTIONS")],
    ["another version", (text) => text.replace("SIP/2.0 486", "SIP/3.0 486")],
  ];
  test.each(changes)("%s: not passed on", async (_name, change) => {
    const { text, respond, server } = await asked();
    const { answers, forwarded } = respond(change(responseTo(text, 486, "Busy Here")));
    expect([answers, forwarded, server.errors]).toEqual([[], [], []]);
    expect(respond(responseTo(text, 486, "Busy Here")).answers.map(statusOf)).toEqual([486]);
  });
  test("bytes behind its body are not passed on, and a response with bare line feeds goes on with CRLF", async () => {
    const { text, respond } = await asked();
    const { answers } = respond(`${responseTo(text, 180, "Ringing")}SIP/2.0 200 OK\r\n\r\n`);
    expect(answers[0]?.text.endsWith("Content-Length: 0\r\n\r\n")).toBe(true);
    const later = respond(responseTo(text, 183, "Session Progress").replaceAll("\r\n", "\n"));
    expect(later.answers.flatMap((answer) => responseMistakes(answer.text))).toEqual([]);
    expect(later.answers.map(statusOf)).toEqual([183]);
  });
  test("without the caller's Via it counts as failed: 502, and nothing is left over", async () => {
    const { text, respond, server } = await asked();
    const onlyOurs = (status: number): string => responseTo(text, status, "x").replace(/Via: SIP\/2.0\/UDP 203.*\r\n/, "");
    expect(respond(onlyOurs(180)).answers).toEqual([]);
    expect(respond(onlyOurs(200)).answers.map(statusOf)).toEqual([502]);
    server.clock.advance(400_000);
    expect(server.server.layer.table.count).toBe(0);
  });
  test("a redirection whose Contact cannot be read is passed on as it is, and nothing is left over", async () => {
    const { text, respond, server } = await asked();
    const { answers } = respond(responseTo(text, 302, "Moved", 'Contact: "x <sip:user@example.com>\r\n'));
    expect(answers.map(statusOf)).toEqual([302]);
    server.clock.advance(400_000);
    expect([server.server.layer.table.count, server.errors]).toEqual([0, []]);
  });
});

describe("requests that would be read otherwise by the next hop", () => {
  test("a second request behind the body of a datagram does not reach a peer on a stream", async () => {
    const server = await TortureServer.start();
    const smuggled = INVITE.replace("INVITE sip:user@example.com", "INVITE sip:far@example.net;transport=tcp").concat("BYE sip:boss@example.net SIP/2.0\r\n\r\n");
    const { forwarded } = server.datagram(smuggled);
    expect(forwarded.map(({ flow, text }) => [flow.protocol, text.includes("boss")])).toEqual([["tcp", false]]);
  });
  test("a request with bare line feeds goes on with CRLF", async () => {
    const { text } = await asked(INVITE.replaceAll("\r\n", "\n"));
    expect(forwardingMistakes(INVITE, text)).toEqual([]);
  });
  test("a Route of ours before the Via comes off, once", async () => {
    const { text } = await asked(INVITE.replace("Via:", "Route: <sip:192.0.2.200;lr>\r\nVia:"));
    expect(text).not.toMatch(/^Route:/m);
  });
  test("a Route that a caller gives is followed (RFC 3261 §16.6 step 7)", async () => {
    const server = await TortureServer.start();
    const { forwarded } = server.datagram(INVITE.replace("Via:", "Route: <sip:192.0.2.200;lr>, <sip:198.51.100.44:5090;lr>\r\nVia:"));
    expect(forwarded.map(({ flow, text }) => [`${flow.remoteAddress}:${flow.remotePort}`, /^Route: (.*)\r/m.exec(text)?.[1], text.split(" ")[1]])).toEqual([["198.51.100.44:5090", "<sip:198.51.100.44:5090;lr>", "sip:user@example.com"]]);
  });
});

test("thousands of Contacts in one REGISTER are refused before they are compared with one another", async () => {
  const contacts = Array.from({ length: 4000 }, (_, number) => `<sip:u@h${number}>`).join(",");
  const server = await TortureServer.start();
  const startMs = performance.now();
  const { answers } = server.datagram(INVITE.replaceAll("INVITE", "REGISTER").replace("sip:user@", "sip:").replace(/Contact: .*\r\n/, `Contact: ${contacts}\r\n`));
  expect(answers.map(statusOf)).toEqual([400]);
  expect(performance.now() - startMs).toBeLessThan(400);
});

test("a SUBSCRIBE whose Record-Route cannot be read is refused: no NOTIFY could follow it", async () => {
  const server = await TortureServer.start();
  const subscribe = INVITE.replaceAll("INVITE", "SUBSCRIBE").replace("Content-Length", "Event: presence\r\nRecord-Route: <sip:edge>, < sip:e dge>\r\nContent-Length");
  expect(server.datagram(subscribe).answers.map(statusOf)).toEqual([400]);
  expect(server.errors).toEqual([]);
});

test("a SUBSCRIBE with more Record-Routes than hops can be is refused: each NOTIFY would carry them all", async () => {
  const routes = Array.from({ length: 300 }, (_, number) => `<sip:h${number};lr>`).join(", ");
  const server = await TortureServer.start();
  const subscribe = INVITE.replaceAll("INVITE", "SUBSCRIBE").replace("sip:a@example.net", "sip:user@example.com").replace("Content-Length", `Event: presence\r\nRecord-Route: ${routes}\r\nContent-Length`);
  expect(server.datagram(subscribe).answers.map(statusOf)).toEqual([400]);
  expect(server.datagram(subscribe.replace(routes, "<sip:h;lr>").replace("bKi1", "bKi2")).answers.map(statusOf)).toEqual([200]);
});

test("a response for a connection that is gone, with a Via that the next hop has spoilt, harms nobody", async () => {
  const server = await TortureServer.start();
  const from = server.wire.peer("tcp", "203.0.113.6", 5060);
  const [sent] = server.stream(INVITE.replace("SIP/2.0/UDP 203.0.113.5", "SIP/2.0/TCP 203.0.113.6"), from).forwarded;
  server.wire.close(from);
  if (sent === undefined) throw new Error("the request did not go on");
  server.datagram(responseTo(sent.text, 486, "Busy Here").replace("SIP/2.0/TCP 203.0.113.6", "SIP/2.0/TCP 203.0\x80.113.6"), sent.flow);
  server.clock.advance(400_000);
  expect([server.errors, server.server.layer.table.count]).toEqual([[], 0]);
});

test("a further 2xx without the caller's Via is not passed on", async () => {
  const { text, respond } = await asked();
  expect(respond(responseTo(text, 200, "OK")).answers.map(statusOf)).toEqual([200]);
  expect(respond(responseTo(text, 200, "OK")).answers.map(statusOf)).toEqual([200]);
  expect(respond(responseTo(text, 200, "OK").replace(/Via: SIP\/2.0\/UDP 203.*\r\n/, "")).answers).toEqual([]);
});

test("a provisional answer without the caller's Via still counts as heard: the branch is cancelled in its time, nothing is left over", async () => {
  const { text, respond, server } = await asked();
  respond(responseTo(text, 180, "Ringing").replace(/Via: SIP\/2.0\/UDP 203.*\r\n/, ""));
  server.clock.advance(400_000);
  expect([server.server.layer.table.count, server.errors]).toEqual([0, []]);
});
