import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import { parseFeatureRequest, renderFeatureEvents } from "../../src/documents/feature-event.ts";

describe("what a phone is told of its features", () => {
  test("one is a document of its own", () => {
    const { contentType, body } = renderFeatureEvents("101", [{ kind: "do-not-disturb", isOn: true }]);
    expect(contentType).toBe("application/x-as-feature-event+xml");
    expect(body).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<DoNotDisturbEvent xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3">\n <device>101</device>\n <doNotDisturbOn>true</doNotDisturbOn>\n</DoNotDisturbEvent>\n',
    );
  });

  test("several are parts, each with its length", () => {
    const { contentType, body } = renderFeatureEvents("101", [
      { kind: "do-not-disturb", isOn: false },
      { kind: "forwarding", type: "forwardNoAns", isOn: true, to: "102<", ringCount: 3 },
    ]);
    const boundary = /^multipart\/mixed;boundary=(\S+)$/.exec(contentType)?.[1] ?? "";
    const parts = body.split(`--${boundary}`);
    expect(parts).toHaveLength(4);
    expect(parts.at(-1)).toBe("--\r\n");
    for (const part of parts.slice(1, -1)) {
      const [head = "", text = ""] = part.split("\r\n\r\n");
      expect(Number(/Content-Length: (\d+)/.exec(head)?.[1])).toBe(text.length - 2);
    }
    expect(body).toContain("<forwardingType>forwardNoAns</forwardingType>\n <forwardStatus>true</forwardStatus>\n <forwardTo>102&lt;</forwardTo>\n <ringCount>3</ringCount>");
  });
});

describe("what a phone asks", () => {
  test.each([
    ["<SetDoNotDisturb><device>101</device><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>", { kind: "do-not-disturb", isOn: true }],
    ['<SetDoNotDisturb xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"><doNotDisturbOn>0</doNotDisturbOn></SetDoNotDisturb>', { kind: "do-not-disturb", isOn: false }],
    ["<SetForwarding><forwardingType>forwardImmediate</forwardingType><activateForward>true</activateForward><forwardDN>102</forwardDN></SetForwarding>", { kind: "forwarding", type: "forwardImmediate", isOn: true, to: "102", ringCount: null }],
    ["<SetForwarding><forwardingType>forwardNoAns</forwardingType><activateForward>false</activateForward><ringCount>4</ringCount></SetForwarding>", { kind: "forwarding", type: "forwardNoAns", isOn: false, to: null, ringCount: 4 }],
  ])("%s is read", (body, request) => {
    expect(parseFeatureRequest(body)).toEqual(request);
  });

  test.each(["", "hello", "<SetVolume/>", "<SetDoNotDisturb/>", "<SetDoNotDisturb><doNotDisturbOn>yes</doNotDisturbOn></SetDoNotDisturb>", "<SetForwarding><activateForward>true</activateForward></SetForwarding>", '<!DOCTYPE a [<!ENTITY b "c">]><SetDoNotDisturb/>'])(
    "%s is refused",
    (body) => {
      expect(() => parseFeatureRequest(body)).toThrow(ParseError);
    },
  );
});
