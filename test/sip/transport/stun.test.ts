import { describe, expect, test } from "vitest";
import { isStun, stunAnswer } from "../../../src/sip/transport/stun.ts";

const hex = (text: string): string => Buffer.from(text.replace(/\s/g, ""), "hex").toString("latin1");
const shown = (text: string | null): string | null => (text === null ? null : Buffer.from(text, "latin1").toString("hex"));
const id = "b7e7a701bc34d686fa87dfae";

describe("stunAnswer", () => {
  test("an IPv4 binding request gets XOR-MAPPED-ADDRESS (the values of RFC 5769 §2.2)", () => {
    expect(shown(stunAnswer(hex(`0001 0000 2112a442 ${id}`), "192.0.2.1", 32853))).toBe(`0101000c2112a442${id}002000080001a147e112a643`);
  });

  test("an IPv6 binding request gets XOR-MAPPED-ADDRESS (the values of RFC 5769 §2.3)", () => {
    expect(shown(stunAnswer(hex(`0001 0000 2112a442 ${id}`), "2001:db8:1234:5678:11:2233:4455:6677", 32853))).toBe(
      `010100182112a442${id}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
    );
  });

  test("a classic request without the magic cookie gets MAPPED-ADDRESS", () => {
    expect(shown(stunAnswer(hex(`0001 0000 00112233 ${id}`), "192.0.2.1", 5060))).toBe(`0101000c00112233${id}000100080001 13c4 c0000201`.replace(/ /g, ""));
  });

  test("known and optional attributes are accepted", () => {
    const software = "8022 0003 61626300";
    const username = "0006 0004 61626364";
    expect(shown(stunAnswer(hex(`0001 0010 2112a442 ${id} ${software} ${username}`), "192.0.2.1", 1))?.slice(0, 4)).toBe("0101");
  });

  test("an unknown attribute that must be understood gets 420 and is named", () => {
    const answer = shown(stunAnswer(hex(`0001 0004 2112a442 ${id} 0777 0000`), "192.0.2.1", 1));
    expect(answer?.slice(0, 4)).toBe("0111");
    expect(answer).toContain("00000414");
    expect(answer?.endsWith("000a000207770000")).toBe(true);
  });

  test.each([
    ["an indication", `0011 0000 2112a442 ${id}`],
    ["a response", `0101 0000 2112a442 ${id}`],
    ["a length that does not fit", `0001 0004 2112a442 ${id}`],
    ["an attribute that runs over the end", `0001 0004 2112a442 ${id} 0006 00ff`],
    ["too short", "0001 0000 2112a442"],
    ["empty", ""],
  ])("%s is not answered", (_, bytes) => {
    expect(stunAnswer(hex(bytes), "192.0.2.1", 5060)).toBeNull();
  });

  test("SIP is not STUN", () => {
    expect(isStun("OPTIONS sip:a@b.test SIP/2.0\r\n\r\n")).toBe(false);
  });
});
