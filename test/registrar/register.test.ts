import { describe, expect, test } from "vitest";
import { readRegister } from "../../src/registrar/register-request.ts";
import { register } from "../../src/registrar/register.ts";
import { noOrigin } from "../../src/registrar/origin.ts";
import type { Binding } from "../../src/registrar/binding.ts";
import { Message } from "../../src/sip/message.ts";
import { registerText, type RegisterText } from "./site.ts";

const expires = { defaultSeconds: 600, minSeconds: 60, maxSeconds: 7200 };

/** The outcome as one line: the status and, when accepted, each contact with its seconds. */
function outcome(before: readonly RegisterText[], request: RegisterText): { text: string; bindings: readonly Binding[]; isSame: boolean } {
  let bindings: readonly Binding[] = [];
  let text = "";
  let isSame = false;
  for (const one of [...before, request]) {
    const read = readRegister(Message.of(registerText(one)), expires);
    const decision =
      read.kind === "refused"
        ? read
        : register(bindings, read, { nowMs: 1_000_000, contactsMax: 3, originOf: () => noOrigin, deviceOf: (contact) => contact.instance, userAgent: read.userAgent });
    if (decision.kind === "refused") {
      isSame = true;
      text = `${decision.status} ${decision.headers.trim()}`.trim();
      continue;
    }
    isSame = decision.bindings === bindings;
    bindings = decision.bindings;
    const list = bindings.map((binding) => `${binding.uri.replace("sip:", "")} ${(binding.expiresAt - 1_000_000) / 1000}`);
    text = ["200", ...list].join(" | ");
  }
  return { text, bindings, isSame };
}

const a = "Contact: <sip:a@192.0.2.7>";
const b = "Contact: <sip:b@192.0.2.8>";
const phone = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';
const onceA: RegisterText = { lines: [a], cseq: 5 };
const both: RegisterText = { lines: [a, b], cseq: 5 };

const cases: readonly [name: string, before: readonly RegisterText[], request: RegisterText, wanted: string][] = [
  ["a first contact is kept for the default time", [], { lines: [a] }, "200 | a@192.0.2.7 600"],
  ["no Contact asks for what there is", [both], { cseq: 6 }, "200 | a@192.0.2.7 600 | b@192.0.2.8 600"],
  ["several contacts stand in one line", [], { lines: [`${a};expires=100, "B, or <not>" <sip:b@192.0.2.8>;q=0.5`] }, "200 | a@192.0.2.7 100 | b@192.0.2.8 600"],
  ["and in several, long and compact", [], { lines: [a, "m: sip:b@192.0.2.8;expires=70"] }, "200 | a@192.0.2.7 600 | b@192.0.2.8 70"],
  ["the contact's own expiry beats the header", [], { lines: [`${a};expires=100`, b, "Expires: 200"] }, "200 | a@192.0.2.7 100 | b@192.0.2.8 200"],
  ["too long an expiry is cut in silence", [], { lines: [a, "Expires: 99999999999"] }, "200 | a@192.0.2.7 7200"],
  ["too short an expiry is refused with the least", [], { lines: [a, "Expires: 59"] }, "423 Min-Expires: 60"],
  ["one too short among good ones refuses all", [onceA], { lines: [a, `${b};expires=3`], cseq: 6 }, "423 Min-Expires: 60"],
  ["the least expiry is granted", [], { lines: [a, "Expires: 60"] }, "200 | a@192.0.2.7 60"],
  ["a malformed expires parameter counts as an hour", [], { lines: [`${a};expires=soon`] }, "200 | a@192.0.2.7 3600"],
  ["a malformed Expires header counts as an hour", [], { lines: [a, "Expires: -1"] }, "200 | a@192.0.2.7 3600"],
  ["an empty expires parameter counts as an hour", [], { lines: [`${a};expires=`] }, "200 | a@192.0.2.7 3600"],
  ["expires=0 removes that contact alone", [both], { lines: [`${a};expires=0`], cseq: 6 }, "200 | b@192.0.2.8 600"],
  ["Expires: 0 removes the named contact alone", [both], { lines: [b, "Expires: 0"], cseq: 6 }, "200 | a@192.0.2.7 600"],
  ["removing a contact that is not there is accepted", [onceA], { lines: [b, "Expires: 0"], cseq: 6 }, "200 | a@192.0.2.7 600"],
  ["* with Expires 0 removes all", [both], { lines: ["Contact: *", "Expires: 0"], cseq: 6 }, "200"],
  ["* of another Call-ID removes all, whatever its CSeq", [both], { lines: ["Contact: *", "Expires: 0"], cseq: 1, callId: "c2" }, "200"],
  ["* with an older CSeq is refused", [both], { lines: ["Contact: *", "Expires: 0"], cseq: 4 }, "500"],
  ["* without Expires is refused", [both], { lines: ["Contact: *"], cseq: 6 }, "400"],
  ["* with another Expires is refused", [both], { lines: ["Contact: *", "Expires: 60"], cseq: 6 }, "400"],
  ["* with an unreadable Expires is refused", [both], { lines: ["Contact: *", "Expires: x"], cseq: 6 }, "400"],
  ["* beside a contact is refused", [both], { lines: ["Contact: *", a, "Expires: 0"], cseq: 6 }, "400"],
  ["* with parameters is no *", [both], { lines: ["Contact: *;expires=0", "Expires: 0"], cseq: 6 }, "400"],
  ["a higher CSeq refreshes", [onceA], { lines: [a, "Expires: 900"], cseq: 6 }, "200 | a@192.0.2.7 900"],
  ["a lower CSeq of the same Call-ID is refused", [onceA], { lines: [a, "Expires: 900"], cseq: 4 }, "500"],
  ["a lower CSeq for one of two contacts changes neither", [onceA], { lines: [b, a], cseq: 4 }, "500"],
  ["a repeat is answered with what there is", [onceA], { lines: [`${a};expires=900`], cseq: 5 }, "200 | a@192.0.2.7 600"],
  ["a late removal is refused", [onceA], { lines: [`${a};expires=0`], cseq: 4 }, "500"],
  ["another Call-ID replaces, also with a lower CSeq", [onceA], { lines: [a, "Expires: 900"], cseq: 1, callId: "c2" }, "200 | a@192.0.2.7 900"],
  ["a lower CSeq matters only to the contact that it names", [onceA], { lines: [b], cseq: 4 }, "200 | a@192.0.2.7 600 | b@192.0.2.8 600"],
  ["URIs are compared, not texts", [onceA], { lines: ["Contact: <SIP:a@192.0.2.7;x=1>"], cseq: 6 }, "200 | SIP:a@192.0.2.7;x=1 600"],
  ["another transport is another contact", [onceA], { lines: ["Contact: <sip:a@192.0.2.7;transport=tcp>"], cseq: 6 }, "200 | a@192.0.2.7 600 | a@192.0.2.7;transport=tcp 600"],
  ["the default port written out is another contact", [onceA], { lines: ["Contact: <sip:a@192.0.2.7:5060>"], cseq: 6 }, "200 | a@192.0.2.7 600 | a@192.0.2.7:5060 600"],
  ["the same contact twice counts once", [], { lines: [a, a] }, "200 | a@192.0.2.7 600"],
  ["a q above 1 is refused", [], { lines: [`${a};q=1.1`] }, "400"],
  ["a q with four decimals is refused", [], { lines: [`${a};q=0.1234`] }, "400"],
  ["a q that is no number is refused", [], { lines: [`${a};q=high`] }, "400"],
  ["a q of .5 is refused", [], { lines: [`${a};q=.5`] }, "400"],
  ["q of 0 and 1.000 are good", [], { lines: [`${a};q=0, <sip:b@192.0.2.8>;q=1.000`] }, "200 | a@192.0.2.7 600 | b@192.0.2.8 600"],
  ["a tel contact is refused", [], { lines: ["Contact: <tel:+3215123456>"] }, "400"],
  ["a mailto contact is refused", [], { lines: ["Contact: <mailto:a@example.test>"] }, "400"],
  ["a contact that cannot be read is refused", [onceA], { lines: ["Contact: <sip:a@192.0.2.7"], cseq: 6 }, "400"],
  ["a contact with a bad port is refused", [], { lines: ["Contact: <sip:a@192.0.2.7:99999>"] }, "400"],
  ["a contact of 513 characters is refused", [], { lines: [`Contact: <sip:${"a".repeat(513 - 14)}@192.0.2.7>`] }, "400"],
  ["a fourth contact is refused where three are allowed", [{ lines: [a, b, "Contact: <sip:c@192.0.2.9>"], cseq: 5 }], { lines: ["Contact: <sip:d@192.0.2.9>"], cseq: 6 }, "403"],
  ["a refresh of one of three is not", [{ lines: [a, b, "Contact: <sip:c@192.0.2.9>"], cseq: 5 }], { lines: [a], cseq: 6 }, "200 | b@192.0.2.8 600 | c@192.0.2.9 600 | a@192.0.2.7 600"],
  ["one may go while another comes", [{ lines: [a, b, "Contact: <sip:c@192.0.2.9>"], cseq: 5 }], { lines: [`${a};expires=0`, "Contact: <sip:d@192.0.2.9>"], cseq: 6 }, "200 | b@192.0.2.8 600 | c@192.0.2.9 600 | d@192.0.2.9 600"],
  ["an unknown required extension is refused by name", [], { lines: [a, "Require: path, Gin", "Require: x-y"] }, "420 Unsupported: gin, x-y"],
  ["the known ones are not", [], { lines: [a, "Require: path, outbound", "Require: gruu"] }, "200 | a@192.0.2.7 600"],
  ["a CSeq that is no number is refused", [], { lines: [a], cseq: "x" }, "400"],
  ["a missing Call-ID is refused", [], { lines: [a], callId: "" }, "400"],
  ["a Path that cannot be read is refused", [], { lines: [a, "Path: <sip:"] }, "400"],
  ["the same instance under a new contact replaces the old", [{ lines: [`${a};${phone}`], cseq: 5 }], { lines: [`${b};${phone.toUpperCase().replace("+SIP.INSTANCE", "+sip.instance")}`], callId: "c2" }, "200 | b@192.0.2.8 600"],
  ["but not with an older CSeq", [{ lines: [`${a};${phone}`], cseq: 5 }], { lines: [`${b};${phone}`], cseq: 4 }, "500"],
  ["two contacts of one instance in one request both stand", [], { lines: [`${a};${phone}`, `${b};${phone}`] }, "200 | a@192.0.2.7 600 | b@192.0.2.8 600"],
  ["an instance in a contact without brackets is read", [{ lines: [`Contact: sip:a@192.0.2.7;${phone}`] }], { lines: [`${b};${phone}`], cseq: 2 }, "200 | b@192.0.2.8 600"],
  ["two flows of one instance share a contact", [{ lines: [`${a};${phone};reg-id=1`] }], { lines: [`${a};${phone};reg-id=2`], callId: "c2" }, "200 | a@192.0.2.7 600 | a@192.0.2.7 600"],
  ["the same flow under a new contact replaces", [{ lines: [`${a};${phone};reg-id=1`] }], { lines: [`${b};${phone};reg-id=1`], callId: "c2" }, "200 | b@192.0.2.8 600"],
  ["a flow that is removed leaves the other", [{ lines: [`${a};${phone};reg-id=1`] }, { lines: [`${b};${phone};reg-id=2`], callId: "c2" }], { lines: [`${a};${phone};reg-id=1;expires=0`], cseq: 2 }, "200 | b@192.0.2.8 600"],
  ["reg-id without an instance means nothing", [{ lines: [`${a};reg-id=1`] }], { lines: [`${b};reg-id=1`], cseq: 2 }, "200 | a@192.0.2.7 600 | b@192.0.2.8 600"],
  [
    "outbound behind a proxy that does not know it is refused",
    [],
    { lines: ["Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2", `${a};${phone};reg-id=1`, "Supported: outbound, path", "Path: <sip:192.0.2.9;lr>"] },
    "439",
  ],
  ["outbound behind an edge that keeps the flow is not", [], { lines: ["Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2", `${a};${phone};reg-id=1`, "Supported: outbound", "Path: <sip:p2;lr>, <sip:p1;lr;ob>"] }, "200 | a@192.0.2.7 600"],
  ["a reg-id that nobody asked outbound for is only passed over", [], { lines: ["Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2", `${a};${phone};reg-id=1`] }, "200 | a@192.0.2.7 600"],
];

describe("RFC 3261 §10.3", () => {
  test.each(cases)("%s", (_name, before, request, wanted) => {
    const found = outcome(before, request);
    const isRefused = !wanted.startsWith("200");
    expect(isRefused && !wanted.includes(" ") ? found.text.slice(0, 3) : found.text).toBe(wanted);
    if (isRefused) expect(found.isSame).toBe(true);
  });
});

test("what is kept of a contact is what it said", () => {
  const [binding] = outcome([], { lines: [`${a};q=0.7;${phone};reg-id=3`, "User-Agent: Phone 1", "Path: <sip:p1;lr>,<sip:p2;lr>"] }).bindings;
  expect(binding).toMatchObject({ q: 0.7, instance: "urn:uuid:00000000-0000-1000-8000-000a95a0e128", regId: 3, userAgent: "Phone 1", path: ["<sip:p1;lr>", "<sip:p2;lr>"], callId: "c1", cseq: 1 });
});
