import { describe, expect, test } from "vitest";
import { GOOD_MESSAGES } from "./good-messages.ts";
import { USERS } from "./outcomes.ts";
import { responseTo, TortureServer, type Reaction } from "./torture-server.ts";

/** Where a peer's text stands in what he sends: what is found is followed by the payload. */
const PLACES: readonly (readonly [string, RegExp])[] = [
  ["request URI", /^\S+ sip:[^ ;]*/],
  ["Via's host", /Via: SIP\/2.0\/\w+ [\d.:]+/],
  ["branch", /branch=z9hG4bK\w+/],
  ["display name", /From: "J/],
  ["From's user", /From: .*<sip:joe/],
  ["From's parameters", /From: .*>/],
  ["From's tag", /;tag=f1/],
  ["To", /To: <sip:\w+/],
  ["behind To", /To: <[^>]*>/],
  ["Call-ID", /Call-ID: [\w-]+/],
  ["CSeq's number", /CSeq: 7/],
  ["CSeq's method", /CSeq: 7 \w+/],
  ["User-Agent", /User-Agent: \w+/],
  ["Max-Forwards", /Max-Forwards: 70/],
  ["Contact's URI", /Contact: <sip:joe/],
  ["Contact's parameters", /Contact: <[^>]*>/],
  ["instance", /urn:uuid:0+/],
  ["Path", /Path: <sip:edge/],
  ["Supported", /Supported: path/],
  ["Event", /Event: [\w-]+/],
  ["SIP-If-Match", /SIP-If-Match: \w+/],
  ["Accept", /Accept: \w+/],
  ["Record-Route", /Record-Route: <sip:edge/],
  ["Route", /Route: <sip:192\.0\.2\.200/],
  ["Reason", /Reason: SIP/],
  ["Proxy-Authorization", /nonce="x/],
  ["Refer-To", /Refer-To: <sip:watson/],
  ["Content-Type", /Content-Type: \w+/],
  ["Content-Length", /Content-Length: \d+/],
];

/** What may make a line of its own somewhere. What we take for the end of a line ourselves makes one in what we send on, and rightly: it is a header that
 *  the peer has sent. It may still not stand in what we say ourselves. */
const PAYLOADS: readonly (readonly [string, string, "nowhere" | "not in answers"])[] = [
  ["CR", "\rX-Evil: 1", "nowhere"],
  ["CR and more after", "\rX-Evil: 1\r", "nowhere"],
  ["CR CR LF", "\r\r\nX-Evil: 1", "nowhere"],
  ["escaped CRLF", "%0d%0aX-Evil: 1", "nowhere"],
  ["a backslash before CR", "\\\rX-Evil: 1", "nowhere"],
  ["NUL and CR", "\0\rX-Evil: 1", "nowhere"],
  ["vertical tab, form feed, NEL, line separator", "\x0bX-Evil: 1\x0cX-Evil: 1\x85X-Evil: 1\xe2\x80\xa8X-Evil: 1", "nowhere"],
  ["a folded line", "\r\n X-Evil: 1", "nowhere"],
  ["LF", "\nX-Evil: 1", "not in answers"],
  ["CRLF", "\r\nX-Evil: 1", "not in answers"],
];

/** True when some program would find the header in what was sent. */
function hasEvil({ text }: { readonly text: string }): boolean {
  return text.split(/\r\n\r\n/)[0]?.split(/\r\n|\r|\n/).some((line) => line.startsWith("X-Evil")) ?? false;
}

describe.each(PAYLOADS)("%s", (_name, payload, where) => {
  const judge = (server: TortureServer, { answers, forwarded }: Reaction): void => {
    expect(server.errors).toEqual([]);
    expect(answers.filter(hasEvil)).toEqual([]);
    if (where === "nowhere") expect(forwarded.filter(hasEvil)).toEqual([]);
  };

  test("in every place of every request gives no line to what we write", async () => {
    const server = await TortureServer.start({ users: USERS });
    let count = 0;
    for (const message of GOOD_MESSAGES) {
      for (const [, place] of PLACES) {
        const text = message.replace(place, (found) => found + payload);
        if (text === message) continue;
        count++;
        judge(server, server.datagram(text.replace(/z9hG4bK/, `z9hG4bKe${count}`)));
      }
    }
    expect(count).toBeGreaterThan(250);
    // What was kept of them (contacts, subscriptions) is written later.
    server.clock.advance(70_000);
    judge(server, { answers: [], forwarded: server.takeSent().filter(({ text }) => !text.startsWith("SIP/2.0") && /^Via: /m.exec(text) !== null && where === "nowhere") });
  });

  test("in a reason phrase and every place of a response gives no line to what the caller gets", async () => {
    const server = await TortureServer.start({ users: USERS });
    const [invite = ""] = GOOD_MESSAGES.filter((message) => message.startsWith("INVITE"));
    let count = 0;
    for (const place of [/SIP\/2.0 486 Busy/, /From: "J/, /To: <sip:\w+/, /tag=far/, /Call-ID: [\w-]+/, /CSeq: 7/, /Contact: <sip:far/, /Server: \w+/, /Content-Length: 0/, /Warning: 399 h "/]) {
      const [sent] = server.datagram(invite.replace("z9hG4bKINVITE1", `z9hG4bKr${++count}`).replace("good-INVITE", `r${count}`)).forwarded;
      if (sent === undefined) throw new Error("the INVITE did not go on");
      const response = responseTo(sent.text, 486, "Busy Here", 'Contact: <sip:far@h>\r\nServer: Far\r\nWarning: 399 h "x"\r\n');
      const { answers } = server.datagram(response.replace(place, (found) => found + payload), sent.flow);
      if (where === "nowhere") expect(answers.filter(hasEvil)).toEqual([]);
    }
    expect(server.errors).toEqual([]);
  });
});
