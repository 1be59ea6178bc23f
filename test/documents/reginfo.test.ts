import { describe, expect, test } from "vitest";
import { renderReginfoParts, type RegContact } from "../../src/documents/reginfo.ts";
import { parseXml } from "../../src/documents/xml.ts";
import { golden } from "./golden.ts";

const desk: RegContact = {
  id: "cAbC",
  state: "active",
  event: "registered",
  uri: "sip:101@192.0.2.7:5062;transport=tcp",
  q: 1,
  callId: "a84b4c76e66710",
  cseq: 7,
  expiresSeconds: 3600,
  instance: "urn:uuid:00000000-0000-1000-8000-000a95a0e128",
  publicGruu: "sip:101@tel.example.test;gr=urn:uuid:00000000-0000-1000-8000-000a95a0e128",
  temporaryGruu: "sip:tgruu.x@tel.example.test;gr",
};
const gone: RegContact = { ...desk, id: "cXyZ", state: "terminated", event: "expired", uri: "sip:101@192.0.2.8", q: 0.5, callId: 'b"<', instance: "", publicGruu: "", temporaryGruu: "", expiresSeconds: 0 };

const body = (contacts: readonly RegContact[], version: number): string => {
  const { head, tail } = renderReginfoParts("sip:101@tel.example.test", contacts);
  return `${head}${version}${tail}`;
};

describe("a registration document", () => {
  test.each([
    ["init", [], 0],
    ["active", [desk, gone], 3],
    ["terminated", [gone], 4],
  ] as const)("of an AoR in state %s is the golden one", (name, contacts, version) => {
    expect(body(contacts, version)).toBe(golden(`reg-${name}`));
    expect(parseXml(body(contacts, version)).children[0]?.attributes.get("state")).toBe(name);
  });
});
