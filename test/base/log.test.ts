import { expect, test } from "vitest";
import { createLog, withoutCredentials } from "../../src/base/log.ts";

test.each([
  ["Authorization", 'Authorization: Digest username="101", response="6629fae49393a05397450978507c4ef1"'],
  ["Proxy-Authorization, odd case and blanks", 'PROXY-authorization \t:  Digest username="101", response="6629fae49393a05397450978507c4ef1"'],
  ["a folded value", 'Authorization: Digest username="101",\r\n response="6629fae49393a05397450978507c4ef1",\r\n\tcnonce="x"'],
])("credentials are struck out of what is logged: %s", (_name, line) => {
  const text = `REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n${line}\r\nContent-Length: 0\r\n\r\n`;
  const logged = withoutCredentials(text);
  expect(logged).not.toContain("6629fae4");
  expect(logged).not.toContain("cnonce");
  expect(logged).toContain("Via: SIP/2.0/UDP h\r\n");
  expect(logged).toContain("\r\nContent-Length: 0");
});

test("what is no credential stays: the challenge, a body that speaks of authorization", () => {
  const text = 'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="x"\r\n\r\nmy Authorization: none';
  expect(withoutCredentials(text)).toBe(text);
});

test("lines are JSON with the time, the level and the fields; those below the level are not written", () => {
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  log.debug({ aor: "sip:101@x" }, "unseen");
  log.info({ aor: "sip:101@x", status: 200 }, "registered");
  expect(log.isDebug).toBe(false);
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 30, aor: "sip:101@x", status: 200, msg: "registered" });
});
