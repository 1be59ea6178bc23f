import { expect, test } from "vitest";
import { sessionEnd, sessionGraceMs } from "../../src/dialog/session-timer.ts";
import { Message } from "../../src/sip/message.ts";

test.each<[string, number]>([
  ["Session-Expires: 1800;refresher=uac", 1800],
  ["Session-Expires: 1800 ; refresher=uas", 1800],
  ["x: 90", 90],
  ["Session-Expires: 4", 90],
  ["Session-Expires: 0", 0],
  ["Session-Expires: never", 0],
  ["Session-Expires: 1800s", 0],
  ["Session-Expires: -5", 0],
  ["Session-Expires: 99999999", 0],
  ["Session-Expires: ", 0],
  ["Supported: timer", 0],
])("a 2xx with %j is over after %d s without a refresh (0: none is expected)", (line, seconds) => {
  const success = Message.of(`SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n${line}\r\nContent-Length: 0\r\n\r\n`);
  expect(sessionEnd(success, 1000)).toBe(seconds === 0 ? 0 : 1000 + seconds * 1000 + sessionGraceMs);
});
