import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { digestAnswer } from "../../../src/sip/digest/answer.ts";
import { challenge, parseChallenge } from "../../../src/sip/digest/challenge.ts";
import type { DigestChallenge } from "../../../src/sip/digest/challenge.ts";
import { parseAuthorization } from "../../../src/sip/digest/credentials.ts";
import type { DigestCredentials } from "../../../src/sip/digest/credentials.ts";
import { digestUriFits } from "../../../src/sip/digest/digest-uri.ts";
import { DIGEST_ALGORITHMS, ha1Of, hashOf } from "../../../src/sip/digest/hashes.ts";
import type { DigestAlgorithm } from "../../../src/sip/digest/hashes.ts";
import { createNonces } from "../../../src/sip/digest/nonces.ts";
import { judge, verify } from "../../../src/sip/digest/response.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

function credentialsOf(value: string | null): DigestCredentials {
  const read = value === null ? null : parseAuthorization(value);
  if (read === null) throw new Error("no digest credentials");
  return read;
}

function challengesOf(values: readonly string[]): readonly DigestChallenge[] {
  return values.map((value) => parseChallenge(value)).filter((read) => read !== null);
}

describe("published examples", () => {
  const mufasa = (algorithm: string, response: string): string =>
    `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=${algorithm}, ` +
    `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ` +
    `response="${response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;

  test.each<[DigestAlgorithm, string]>([
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ])("RFC 7616 §3.9.1 with %s", (algorithm, response) => {
    const credentials = credentialsOf(mufasa(algorithm, response));
    const ha1 = ha1Of(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
    expect(verify({ credentials, method: "GET", ha1 })).toBe(true);
    expect(verify({ credentials, method: "PUT", ha1 })).toBe(false);
    expect(verify({ credentials, method: "GET", ha1: ha1Of(algorithm, "Mufasa", "http-auth@example.org", "Circle of life") })).toBe(false);
  });

  test("RFC 2617 §3.5 with MD5", () => {
    const credentials = credentialsOf(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, ' +
        'nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    );
    expect(verify({ credentials, method: "GET", ha1: ha1Of("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life") })).toBe(true);
  });

  test("RFC 2069's form, without qop", () => {
    const credentials = credentialsOf(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="670fd8c2df070c60b045671b8b24ff02"',
    );
    expect(verify({ credentials, method: "GET", ha1: ha1Of("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life") })).toBe(true);
  });

  test("text outside ASCII is hashed as its bytes", () => {
    expect(hashOf("MD5", Buffer.from("Jäsøn").toString("latin1"))).toBe(hashOf("MD5", "J\xc3\xa4s\xc3\xb8n"));
    expect(ha1Of("SHA-256", "Jäsøn", "r", "päss")).toBe(hashOf("SHA-256", Buffer.from("Jäsøn:r:päss").toString("latin1")));
  });
});

describe("challenges", () => {
  test("each algorithm has its own header, best first and MD5 last", () => {
    expect(challenge({ realm: "tel.example.test", algorithms: ["MD5", "SHA-256"], nonce: "n" })).toEqual([
      'Digest realm="tel.example.test", nonce="n", algorithm=SHA-256, qop="auth"',
      'Digest realm="tel.example.test", nonce="n", algorithm=MD5, qop="auth"',
    ]);
    expect(challenge({ realm: 'a"b', algorithms: ["MD5"], nonce: "n", stale: true, qop: [] })).toEqual(['Digest realm="a\\"b", nonce="n", algorithm=MD5, stale=true']);
  });

  test("the client takes the first that it can answer", () => {
    const offered = challengesOf([
      'Digest realm="r", nonce="n", algorithm=AKAv1-MD5, qop="auth"',
      'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-conf"',
      'digest realm="r",nonce="n",algorithm=sha-256,qop="auth,auth-int",opaque="o",stale=TRUE',
    ]);
    const input = { challenges: offered, method: "REGISTER", uri: "sip:r", username: "1", cnonce: "c", nonceCount: 1 };
    expect(offered[2]).toMatchObject({ isStale: true, opaque: "o" });
    expect(digestAnswer({ ...input, ha1: () => "00" })).toContain("algorithm=SHA-256");
    expect(digestAnswer({ ...input, ha1: () => null })).toBeNull();
    expect(digestAnswer({ ...input, challenges: [], ha1: () => "00" })).toBeNull();
    expect(parseChallenge('Basic realm="r"')).toBeNull();
    expect(() => parseChallenge('Digest realm="r"')).toThrow("without realm or nonce");
  });

  test("what our client answers, our server believes: every algorithm, session form and protection", () => {
    for (const algorithm of DIGEST_ALGORITHMS)
      for (const session of ["", "-sess"])
        for (const qop of ["", ', qop="auth"', ', qop="auth-int"']) {
          const challenges = challengesOf([`Digest realm="r", nonce="n", algorithm=${algorithm}${session}${qop}`]);
          const ha1 = ha1Of(algorithm, 'a"b', "r", "secret");
          const body = "v=0\r\n";
          const sent = digestAnswer({ challenges, method: "INVITE", uri: "sip:2@r", username: 'a"b', ha1: () => ha1, cnonce: "c", nonceCount: 17, body });
          const credentials = credentialsOf(sent);
          expect(credentials.username).toBe('a"b');
          expect(verify({ credentials, method: "INVITE", ha1, body }), sent ?? "").toBe(true);
          expect(verify({ credentials, method: "INVITE", ha1, body: "v=1\r\n" }), sent ?? "").toBe(!qop.includes("int"));
        }
  });
});

describe("judging credentials", () => {
  const clock = new FakeClock();
  const nonces = createNonces({ clock, random: seededRandom(5), secret: Buffer.alloc(32, 7) });
  const ha1 = ha1Of("MD5", "101", "r", "secret");
  const sent = (nonce: string, nonceCount: number, secret = ha1): DigestCredentials =>
    credentialsOf(
      digestAnswer({
        challenges: challengesOf(challenge({ realm: "r", algorithms: ["MD5"], nonce })),
        method: "REGISTER",
        uri: "sip:r",
        username: "101",
        ha1: () => secret,
        cnonce: "c",
        nonceCount,
      }),
    );
  const judged = (credentials: DigestCredentials): string => judge({ credentials, method: "REGISTER", ha1 }, nonces);

  test("the right password passes once a count, a replay and an old nonce are stale, a wrong password is wrong", () => {
    const nonce = nonces.issue();
    expect(judged(sent(nonce, 1))).toBe("right");
    expect(judged(sent(nonce, 1))).toBe("stale");
    expect(judged(sent(nonce, 2, "00"))).toBe("wrong");
    expect(judged(sent(nonce, 2))).toBe("right");
    expect(judged(sent("made-up", 1))).toBe("stale");
    clock.advance(300_000);
    expect(judged(sent(nonce, 3))).toBe("stale");
  });

  test("a wrong password does not use up the count", () => {
    const nonce = nonces.issue();
    expect(judged(sent(nonce, 1, "00"))).toBe("wrong");
    expect(judged(sent(nonce, 1))).toBe("right");
  });
});

describe("the digest-uri", () => {
  const isOurs = (host: string): boolean => host === "tel.example.test" || host === "10.0.0.1";
  test.each([
    ["sip:102@tel.example.test", "sip:102@tel.example.test", true],
    ["sip:102@tel.example.test:5060;transport=tcp", "sip:102@tel.example.test", true],
    ["sip:102@TEL.example.test", "sip:102@tel.example.test;user=phone", true],
    ["sip:tel.example.test", "sip:102@tel.example.test", true],
    ["sip:10.0.0.1", "sip:tel.example.test", true],
    ["sip:102@10.0.0.1", "sip:102@tel.example.test", true],
    ["<sip:102@tel.example.test>", "sip:102@tel.example.test", true],
    ["sip:%2A8@tel.example.test", "sip:*8@tel.example.test", true],
    ["tel:+3212345;phone-context=be", "sip:+3212345@tel.example.test", true],
    ["sip:[2001:db8::1]:5060", "sip:[2001:DB8::1]", true],
    ["tel.example.test", "sip:tel.example.test", true],
    ["sip:103@tel.example.test", "sip:102@tel.example.test", false],
    ["sip:102@elsewhere.test", "sip:102@tel.example.test", false],
    ["tel:+999", "sip:102@tel.example.test", false],
    ["garbage in here", "sip:102@tel.example.test", false],
    ["", "sip:102@tel.example.test", false],
  ])("%s for %s", (digestUri, requestUri, fits) => {
    expect(digestUriFits(digestUri, requestUri, isOurs)).toBe(fits);
  });
});
