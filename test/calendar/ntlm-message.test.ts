import { describe, expect, test } from "vitest";
import { md4 } from "../../src/calendar/md4.ts";
import { channelBinding, ntlmAccount, ntlmAuthenticate, ntlmKey, ntlmNegotiate, ntlmProof, parseNtlmChallenge } from "../../src/calendar/ntlm-message.ts";

describe("MD4 (RFC 1320 A.5)", () => {
  test.each([
    ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
    ["a", "bde52cb31de33e46245e05fbdbd6fb24"],
    ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
    ["message digest", "d9130a8164549fe818874806e1c7014b"],
    ["abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"],
    ["12345678901234567890123456789012345678901234567890123456789012345678901234567890", "e33b4ddc9c38f2199c3e7b164fcc0536"],
  ])("of %j", (text, digest) => {
    expect(md4(Buffer.from(text)).toString("hex")).toBe(digest);
  });
});

describe("NTLMv2 (the worked example of MS-NLMP 4.2.4)", () => {
  const account = { user: "User", domain: "Domain", password: "Password" };
  const info = Buffer.from("02000c0044006f006d00610069006e0001000c00530065007200760065007200" + "00000000", "hex");
  const serverChallenge = Buffer.from("0123456789abcdef", "hex");
  const clientChallenge = Buffer.alloc(8, 0xaa);

  test("the key that the password makes", () => {
    expect(ntlmKey(account).toString("hex")).toBe("0c868a403bfd7a93a3001ef22ef02e3f");
  });
  test("the proof and the session key", () => {
    const { proof, sessionKey } = ntlmProof(ntlmKey(account), serverChallenge, clientChallenge, 0n, info);
    expect(proof.toString("hex")).toBe("68cd0ab851e51c96aabc927bebef6a1c");
    expect(sessionKey.toString("hex")).toBe("8de40ccadbc14a82f15cb0ad0de95ca3");
  });
});

test("an account is written with its domain or as a principal name", () => {
  expect(ntlmAccount("CORP\\svc", "x")).toEqual({ domain: "CORP", user: "svc", password: "x" });
  expect(ntlmAccount("svc@corp.test", "x")).toEqual({ domain: "", user: "svc@corp.test", password: "x" });
});

test("the first message names nobody", () => {
  expect(ntlmNegotiate().subarray(0, 8).toString("latin1")).toBe("NTLMSSP\0");
  expect(ntlmNegotiate()).toHaveLength(40);
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a first message", ntlmNegotiate()],
  ["no target information", Buffer.concat([Buffer.from("NTLMSSP\0"), Buffer.from([2, 0, 0, 0]), Buffer.alloc(44)])],
  ["target information beyond its end", Buffer.concat([Buffer.from("NTLMSSP\0"), Buffer.from([2, 0, 0, 0]), Buffer.alloc(28), Buffer.from([16, 0, 16, 0, 255, 0, 0, 0])])],
])("%s is no challenge", (_, message) => {
  expect(() => parseNtlmChallenge(message)).toThrow("NTLM");
});

test("the answer to a challenge with a time has no LM part and carries the channel binding", () => {
  const pairs = Buffer.from("0700080000112233445566770000" + "0000", "hex");
  const head = Buffer.alloc(48);
  head.write("NTLMSSP\0", "latin1");
  head.writeUInt32LE(2, 8);
  head.write("0123456789abcdef", 24, "hex");
  head.writeUInt16LE(pairs.length, 40);
  head.writeUInt32LE(48, 44);
  const challenge = parseNtlmChallenge(Buffer.concat([head, pairs]));
  const certificate = Buffer.from("300a300230003004060230000000", "hex");
  const answer = ntlmAuthenticate({ user: "svc", domain: "CORP", password: "secret" }, challenge, { clientChallenge: Buffer.alloc(8, 1), now: 0, host: "mail.test", certificate });
  const lm = answer.readUInt32LE(16);
  expect(answer.subarray(lm, lm + 24)).toEqual(Buffer.alloc(24));
  expect(answer.includes(channelBinding(certificate))).toBe(true);
  expect(answer.includes(Buffer.from("HTTP/mail.test", "utf16le"))).toBe(true);
  expect(answer.subarray(72, 88)).not.toEqual(Buffer.alloc(16));
});
