import { describe, expect, test } from "vitest";
import { ParseError } from "../../../src/base/errors.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { parseAuthorization } from "../../../src/sip/digest/credentials.ts";

const RESPONSE = "8ca523f5e9506fed4657c9700eebdbec";
const FULL = `Digest username="101", realm="tel.example.test", nonce="abc", uri="sip:tel.example.test", response="${RESPONSE}", algorithm=MD5, cnonce="xyz", qop=auth, nc=0000000a, opaque=""`;

describe("reading Authorization", () => {
  test("a phone's whole header gives its values", () => {
    expect(parseAuthorization(FULL)).toEqual({
      username: "101",
      realm: "tel.example.test",
      nonce: "abc",
      uri: "sip:tel.example.test",
      response: RESPONSE,
      algorithm: "MD5",
      isSession: false,
      qop: "auth",
      cnonce: "xyz",
      nc: "0000000a",
      nonceCount: 10,
    });
  });

  test.each([
    ["lower-case scheme, no spaces after commas", FULL.replace("Digest", "digest").replaceAll(", ", ",")],
    ["names in capitals", FULL.replace("username", "USERNAME").replace("realm", "Realm")],
    ["qop and algorithm in quotes", FULL.replace("qop=auth", 'qop="AUTH"').replace("=MD5", '="md5"')],
    ["nothing quoted that need not be", FULL.replace('"abc"', "abc").replace('"xyz"', "xyz").replace('"101"', "101")],
    ["spaces around equals signs", FULL.replaceAll("=", " = ").replace("sip:tel.example.test", "sip:tel.example.test")],
    ["folded lines", FULL.replaceAll(", ", ",\r\n ")],
    ["empty elements and a comma at the end", FULL.replace(", ", ",, ,") + ","],
    ["the response in capitals", FULL.replace(RESPONSE, RESPONSE.toUpperCase())],
    ["a parameter of a later RFC", FULL + ', auts="x"'],
  ])("%s reads the same", (_, value) => {
    expect(parseAuthorization(value)).toEqual(parseAuthorization(FULL));
  });

  test("escapes are resolved in names and kept in what is hashed", () => {
    const read = parseAuthorization(FULL.replace('"101"', '"a\\"b\\\\c"').replace('"abc"', '"n\\"1"'));
    expect(read?.username).toBe('a"b\\c');
    expect(read?.nonce).toBe('n\\"1');
  });

  test("username* is read as the bytes of its UTF-8", () => {
    expect(parseAuthorization(FULL.replace('username="101"', "username*=UTF-8''J%C3%A4s"))?.username).toBe("J\u00c3\u00a4s");
  });

  test("without qop the form of RFC 2069 is read and its nonce counts as used once", () => {
    const read = parseAuthorization(`Digest username="1", realm="r", nonce="n", uri="sip:r", response="${RESPONSE}"`);
    expect(read).toMatchObject({ qop: "none", nc: "", nonceCount: 1, algorithm: "MD5" });
  });

  test.each([
    ["SHA-256", "ab".repeat(32), "SHA-256", false],
    ["sha-512-256-SESS", "ab".repeat(32), "SHA-512-256", true],
    ["MD5-sess", RESPONSE, "MD5", true],
    ["AKAv1-MD5", RESPONSE, null, false],
  ])("algorithm %s", (name, response, algorithm, isSession) => {
    expect(parseAuthorization(FULL.replace("MD5", name).replace(RESPONSE, response))).toMatchObject({ algorithm, isSession });
  });

  test.each(["Basic QWxhZGRpbjpvcGVu", "", "Digested a=b", "NTLM x"])("%s is another scheme", (value) => {
    expect(parseAuthorization(value)).toBeNull();
  });

  test.each([
    ["no username", FULL.replace("username", "user")],
    ["no nonce", FULL.replace("nonce=", "nonse=")],
    ["an empty nonce", FULL.replace('"abc"', '""')],
    ["no uri", FULL.replace("uri=", "url=")],
    ["no response", FULL.replace("response=", "answer=")],
    ["a short response", FULL.replace(RESPONSE, RESPONSE.slice(1))],
    ["a response that is not hexadecimal", FULL.replace(RESPONSE, "z".repeat(32))],
    ["an MD5 response for SHA-256", FULL.replace("MD5", "SHA-256")],
    ["qop without nc", FULL.replace("nc=", "mc=")],
    ["qop without cnonce", FULL.replace("cnonce=", "dnonce=")],
    ["an nc that is not hexadecimal", FULL.replace("0000000a", "0x1")],
    ["an nc too long", FULL.replace("0000000a", "000000001")],
    ["an unknown qop", FULL.replace("qop=auth", "qop=auth-conf")],
    ["a parameter twice", FULL + ', realm="other"'],
    ["a quote that never closes", FULL + ', x="y'],
    ["a quote that an escape keeps open", FULL + ', x="y\\"'],
    ["text after a quoted value", FULL.replace('"abc"', '"abc" def')],
    ["a name without a value", FULL + ", lonely"],
    ["too many parameters", FULL + Array.from({ length: 40 }, (_, n) => `, p${n}=1`).join("")],
    ["too long a value", FULL + `, x="${"y".repeat(5000)}"`],
    ["username* of another charset", FULL.replace('username="101"', "username*=iso-8859-1''x")],
    ["the scheme alone with a comma", "Digest ,"],
  ])("%s is a ParseError with 400", (_, value) => {
    expect(() => parseAuthorization(value)).toThrow(ParseError);
    try {
      parseAuthorization(value);
    } catch (err) {
      expect(err).toMatchObject({ status: 400 });
    }
  });

  test("100,000 mutations give values or ParseErrors, nothing else", () => {
    const seed = 20_617;
    const random = seededRandom(seed);
    for (let round = 0; round < 100_000; round++) {
      let text = FULL;
      for (let edits = 1 + random.below(4); edits > 0; edits--) {
        const at = random.below(text.length);
        const piece = random.below(2) === 0 ? "" : (['"', ",", "=", "\\", "\0", "\xff", " ", "digest "][random.below(8)] ?? "");
        text = text.slice(0, at) + piece + text.slice(at + random.below(6));
      }
      try {
        parseAuthorization(text);
      } catch (err) {
        if (!(err instanceof ParseError)) throw new Error(`seed ${seed} round ${round}: ${JSON.stringify(text)}`, { cause: err });
      }
    }
  });
});
