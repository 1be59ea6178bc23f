import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { parseMessageSummary, renderMessageSummary } from "../../src/documents/message-summary.ts";

const RFC = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n";

describe("a message summary", () => {
  test("of RFC 3842 §5.4 is read and written to the byte", () => {
    const summary = parseMessageSummary(RFC);
    expect(summary).toEqual({ isWaiting: true, account: "sip:alice@vmail.example.com", counts: new Map([["voice-message", { fresh: 2, old: 8, urgentFresh: 0, urgentOld: 2 }]]) });
    expect(renderMessageSummary(summary, "sip:101@d")).toBe(RFC);
  });

  test.each([
    ["names in any case, lines ended by a line feed", "messages-waiting:YES\nVOICE-MESSAGE : 1/0\n", "Messages-Waiting: yes\r\nMessage-Account: sip:101@d\r\nVoice-Message: 1/0 (0/0)\r\n"],
    ["other classes, in their order", "Messages-Waiting: no\r\nFax-Message: 0/1\r\nVoice-Message: 0/0\r\nText-Message: 3/4 (1/2)\r\n", "Messages-Waiting: no\r\nMessage-Account: sip:101@d\r\nVoice-Message: 0/0 (0/0)\r\nFax-Message: 0/1\r\nText-Message: 3/4 (1/2)\r\n"],
    ["single messages, which nobody else needs to see", "Messages-Waiting: yes\r\n\r\nTo: alice\r\nSubject: secret\r\n", "Messages-Waiting: yes\r\nMessage-Account: sip:101@d\r\n"],
    ["an account that is no URI", "Messages-Waiting: yes\r\nMessage-Account: evil line\r\n", "Messages-Waiting: yes\r\nMessage-Account: sip:101@d\r\n"],
    ["a count beyond all bounds", "Messages-Waiting: yes\r\nVoice-Message: 999999999/0\r\n", "Messages-Waiting: yes\r\nMessage-Account: sip:101@d\r\nVoice-Message: 65535/0 (0/0)\r\n"],
  ])("with %s", (_, body, written) => {
    expect(renderMessageSummary(parseMessageSummary(body), "sip:101@d")).toBe(written);
  });

  test.each(["", "Voice-Message: 1/2", "Messages-Waiting: maybe", "Messages-Waiting: yes\r\nVoice-Message: 1", "Messages-Waiting: yes\r\nVoice-Message: -1/2", "Messages-Waiting: yes\r\nVoice-Message: 1/2 (3)"])("%j is refused", (body) => {
    expect(() => parseMessageSummary(body)).toThrow(ParseError);
  });

  test("whatever comes, what is written has whole header lines only", () => {
    const seed = 3842;
    const random = seededRandom(seed);
    for (let round = 0; round < 3000; round++) {
      const at = random.below(RFC.length);
      const body = RFC.slice(0, at) + String.fromCharCode(random.below(256)) + RFC.slice(at + random.below(4));
      try {
        expect(renderMessageSummary(parseMessageSummary(body), "sip:101@d"), `seed ${seed} round ${round}`).toMatch(/^(?:[A-Z][A-Za-z-]+: [\x20-\x7e]+\r\n)+$/);
      } catch (err) {
        if (!(err instanceof ParseError)) throw err;
      }
    }
  });
});
