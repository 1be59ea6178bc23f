import { describe, expect, test } from "vitest";
import { corpus } from "./corpus.ts";
import { ROWS, USERS, type Outcome } from "./outcomes.ts";
import { forwardingMistakes, responseMistakes } from "./preserved.ts";
import { responseTo, statusOf, TortureServer, type Reaction } from "./torture-server.ts";

const messages = corpus();
const textOf = (name: string): string => messages.get(name)?.text ?? "";

test("every message of the corpora has one row, and every row its message", () => {
  expect(ROWS.map(({ name }) => name).sort()).toEqual([...messages.keys()].sort());
});

describe.each(ROWS)("$name: $why ($by)", ({ name, outcome, stream }) => {
  test("as a datagram", async () => {
    const server = await TortureServer.start({ users: USERS });
    check(server, textOf(name), server.datagram(textOf(name)), outcome);
  });
  test("on a connection", async () => {
    const server = await TortureServer.start({ users: USERS });
    const from = server.wire.peer("tcp", "203.0.113.6", 5060);
    const reaction = server.stream(textOf(name), from);
    if (name === "dblreq") {
      expect([reaction.answers.map(statusOf), reaction.forwarded.map(({ text }) => text.split("\r\n")[0])]).toEqual([[200], ["INVITE sip:joe@198.51.100.7:5060 SIP/2.0"]]);
      return;
    }
    check(server, textOf(name), reaction, stream ?? outcome);
    expect(from.isOpen).toBe((stream ?? outcome).kind !== "answered and ended");
  });
});

describe("messages that the corpora hold broken, mended, and what a row could not show", () => {
  const mended: readonly (readonly [string, string, Outcome])[] = [
    ["baddn, whole: a name with a comma wants quotes", `${textOf("baddn")}\r\n`, { kind: "answered", status: 400 }],
    ["baddn, quoted", `${textOf("baddn")}\r\n`.replace("Bell, Alexander", '"Bell, Alexander"').replace("Watson, Thomas", '"Watson, Thomas"'), { kind: "forwarded", uri: "sip:t.watson@example.org", to: "198.51.100.99" }],
    ["rfc5118_4_6, whole", completed(textOf("rfc5118_4_6")), { kind: "forwarded", uri: "sip:user@198.51.100.7:5060", to: "198.51.100.7" }],
    ["rfc5118_4_5_2, without blanks: received without brackets", textOf("rfc5118_4_5_2").replaceAll(" @", "@"), { kind: "answered", status: 200 }],
    ["regescrt with a contact elsewhere", textOf("regescrt").replace("user@example.com?", "user@host5.example.com?"), { kind: "answered", status: 200, has: ["Contact: <sip:user@host5.example.com?Route=%3Csip:sip.example.com%3E>"] }],
    ["zeromf for the server itself", textOf("zeromf").replace("OPTIONS sip:user@example.com", "OPTIONS sip:example.com"), { kind: "answered", status: 200 }],
    ["Max-Forwards 0 for the server's name, but with a Route onwards", textOf("zeromf").replace("OPTIONS sip:user@example.com", "OPTIONS sip:example.com").replace("To:", "Route: <sip:next.example.net;lr>\r\nTo:"), { kind: "answered", status: 483 }],
    ["scalar02 with a good CSeq: hops above 255", textOf("scalar02").replace("CSeq: 36893488147419103232", "CSeq: 1"), { kind: "answered", status: 400 }],
    ["scalar02 with nothing but endless expiries: they are cut to what we grant", textOf("scalar02").replace("CSeq: 36893488147419103232", "CSeq: 1").replace("Max-Forwards: 300", "Max-Forwards: 70"), { kind: "answered", status: 200 }],
    ["inv2543 with a Content-Length", withLength(textOf("inv2543")), { kind: "forwarded", uri: "sip:UserB@198.51.100.7:5060", to: "198.51.100.7" }],
  ];
  test.each(mended)("%s", async (_name, text, outcome) => {
    const server = await TortureServer.start({ users: USERS });
    check(server, text, server.datagram(text), outcome);
  });
  test("regaut01 where credentials are asked for: an unknown scheme is none, 401 (RFC 4475 §3.3.7)", async () => {
    const server = await TortureServer.start({ users: ["j.user"], authentication: "all" });
    const { answers } = server.stream(textOf("regaut01"));
    expect(statusOf(answers[0])).toBe(401);
    expect(answers[0]?.text).toMatch(/^WWW-Authenticate: Digest /m);
  });
  test("regescrt: the escaped Route of a contact becomes neither a header nor a part of the request URI (RFC 4475 §3.3.14)", async () => {
    const server = await TortureServer.start();
    server.datagram(textOf("regescrt").replace("user@example.com?", "user@host5.example.com?"));
    const { forwarded } = server.datagram(textOf("lwsdisp"));
    const toContact = forwarded.find(({ text }) => text.includes("host5.example.com"));
    expect(toContact?.text).toMatch(/^OPTIONS sip:user@host5\.example\.com SIP\/2\.0\r\n/);
    expect(toContact?.text).not.toMatch(/^Route:/m);
  });
});

/** With the Content-Length of its body. */
function withLength(text: string): string {
  const bodyStart = text.indexOf("\r\n\r\n") + 4;
  return `${text.slice(0, bodyStart - 2)}Content-Length: ${text.length - bodyStart}\r\n\r\n${text.slice(bodyStart)}`;
}

/** The body filled up to its Content-Length. */
function completed(text: string): string {
  const bodyStart = text.indexOf("\r\n\r\n") + 4;
  const length = Number(/^Content-Length: (\d+)/m.exec(text)?.[1]);
  return text.padEnd(bodyStart + length, "\r\n");
}

function check(server: TortureServer, text: string, { answers, forwarded }: Reaction, outcome: Outcome): void {
  const seen = `${answers.map(({ text: answer }) => answer).join("\n")}\n${forwarded.map(({ text: request }) => request).join("\n")}`;
  expect(server.errors).toEqual([]);
  for (const answer of answers) expect(responseMistakes(answer.text), seen).toEqual([]);
  switch (outcome.kind) {
    case "dropped":
      expect([answers, forwarded], seen).toEqual([[], []]);
      return;
    case "answered":
    case "answered and ended":
      expect(forwarded, seen).toEqual([]);
      expect(answers.map(statusOf), seen).toEqual([outcome.status]);
      for (const line of outcome.kind === "answered" ? (outcome.has ?? []) : []) expect(`\r\n${answers[0]?.text ?? ""}`).toContain(`\r\n${line}`);
      return;
    case "forwarded": {
      expect(answers, seen).toEqual([]);
      const [first] = forwarded;
      expect([forwarded.length, first?.flow.remoteAddress], seen).toEqual([1, outcome.to]);
      if (first === undefined) return;
      expect(forwardingMistakes(text, first.text), seen).toEqual([]);
      expect(first.text.split(" SIP/2.0\r\n")[0]?.split(" ").slice(-1), seen).toEqual([outcome.uri]);
      const back = server.datagram(responseTo(first.text, 200, "OK"), first.flow);
      expect(back.answers.map(statusOf), "the answer comes back").toEqual([200]);
      for (const answer of back.answers) expect(responseMistakes(answer.text)).toEqual([]);
    }
  }
}
