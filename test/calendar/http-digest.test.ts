import { describe, expect, test } from "vitest";
import { digestAuthorization, digestChallenge } from "../../src/calendar/http-digest.ts";

const responseOf = (authorization: string): string => /response="([^"]*)"/.exec(authorization)?.[1] ?? "";

describe("the worked examples", () => {
  // RFC 7616 §3.9.1.
  const modern = { realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", isSession: false, hasQop: true };
  const mufasa = { method: "GET", target: "/dir/index.html", username: "Mufasa", password: "Circle of Life", count: 1, clientNonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" };
  test.each([
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
  ] as const)("RFC 7616 with %s", (algorithm, response) => {
    const written = digestAuthorization({ ...modern, algorithm }, mufasa);
    expect(responseOf(written)).toBe(response);
    expect(written).toContain(`opaque="${modern.opaque}"`);
    expect(written).toContain("nc=00000001");
  });
  // RFC 2617 §3.5.
  test("RFC 2617", () => {
    const challenge = digestChallenge('Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"');
    expect(challenge).not.toBeNull();
    if (challenge !== null) expect(responseOf(digestAuthorization(challenge, { ...mufasa, password: "Circle Of Life", clientNonce: "0a4f113b" }))).toBe("6629fae49393a05397450978507c4ef1");
  });
});

describe("a challenge", () => {
  test.each([
    ["the stronger of two in one header", 'Digest realm="a", nonce="1", algorithm=MD5, qop="auth", Digest realm="b", nonce="2", algorithm=SHA-256, qop="auth"', { realm: "b", nonce: "2", algorithm: "SHA-256" }],
    ["beside Basic", 'Basic realm="x, y", Digest realm="a", nonce="1", qop=auth', { realm: "a", algorithm: "MD5", hasQop: true }],
    ["without qop, as before 1999", 'Digest realm="a", nonce="1"', { hasQop: false, isSession: false }],
    ["of a session", 'digest REALM="a",NONCE="1",ALGORITHM=MD5-sess,QOP="auth-int , auth"', { algorithm: "MD5", isSession: true, hasQop: true }],
    ["with quotes in its realm", 'Digest realm="a \\"b\\" \\\\ c", nonce="1"', { realm: 'a "b" \\ c' }],
  ])("%s", (_, header, expected) => {
    expect(digestChallenge(header)).toMatchObject(expected);
  });
  test.each([
    ["that is Basic", 'Basic realm="Digest nonce"'],
    ["without a nonce", 'Digest realm="a"'],
    ["of an algorithm that nobody knows", 'Digest realm="a", nonce="1", algorithm=SHA-512-256'],
    ["that wants bodies signed", 'Digest realm="a", nonce="1", qop="auth-int"'],
    ["that is empty", ""],
    ["that is garbage", `Digest ${'="'.repeat(5000)}`],
  ])("%s is none that can be answered", (_, header) => {
    expect(digestChallenge(header)).toBeNull();
  });
});

test("names keep their letters and cannot end the header", () => {
  const written = digestAuthorization({ realm: "a", nonce: "1", algorithm: "MD5", isSession: false, hasQop: true }, { method: "GET", target: "/", username: 'jörg"\r\nx: y', password: "p", count: 255, clientNonce: "c" });
  expect(written).toContain(`username="${Buffer.from("jörg", "utf8").toString("latin1")}\\"x: y"`);
  expect(written).toContain("nc=000000ff");
  expect(written).not.toMatch(/[\r\n]/);
});
