import { expect, test } from "vitest";
import { challengesOf } from "../../src/proxy/challenges.ts";
import { Message } from "../../src/sip/message.ts";

const response = (status: number, ...challenges: string[]): string => `SIP/2.0 ${status} X\r\nCSeq: 1 INVITE\r\n${challenges.map((line) => `${line}\r\n`).join("")}\r\n`;

test.each([
  ["nothing, when nobody else challenges", [response(486), response(603, 'WWW-Authenticate: Digest realm="x"')], []],
  ["nothing of itself", [response(401, 'WWW-Authenticate: Digest realm="me"')], []],
  ["those of the others, each with its own header", [response(401, 'WWW-Authenticate: Digest realm="a", qop="auth"', 'WWW-Authenticate: Digest realm="b"'), response(407, 'Proxy-Authenticate: Digest realm="c"')], ['WWW-Authenticate: Digest realm="a", qop="auth"', 'WWW-Authenticate: Digest realm="b"', 'Proxy-Authenticate: Digest realm="c"']],
])("the chosen challenge takes over %s", (_name, others, lines) => {
  const chosen = Message.of(response(401, 'WWW-Authenticate: Digest realm="me"'));
  const failures = others.map((text) => ({ status: Message.of(text).status, text }));
  expect(challengesOf(chosen, failures).map((edit) => (edit.kind === "add" ? `${edit.name}: ${edit.value}` : edit.kind))).toEqual(lines);
});
