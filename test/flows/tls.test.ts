import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Header } from "../../src/sip/header-name.ts";
import { testAuthority, type TestAuthority } from "../sip/transport/loopback.ts";
import { invite } from "./calling.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let authority: TestAuthority;
let stage: Stage;
beforeAll(() => {
  authority = testAuthority();
});
afterAll(() => {
  authority.remove();
});
afterEach(async () => {
  await stage.stop();
});

/** A server with a certificate of its own, and one for any name of the domain. */
async function secured(more = ""): Promise<void> {
  const own = authority.issue("sip.example.test", "DNS:sip.example.test,IP:127.0.0.1");
  const wildcard = authority.issue("*.tel.example.test", "DNS:*.tel.example.test");
  stage = await Stage.start({
    listen: `[udp://127.0.0.1:0, { url: "tls://127.0.0.1:0", cert: ./own.pem, key: ./own.key, sni: [{ name: "*.tel.example.test", cert: ./any.pem, key: ./any.key }]${more} }]`,
    files: { "own.pem": own.cert, "own.key": own.key, "any.pem": wildcard.cert, "any.key": wildcard.key, "ca.pem": authority.ca },
  });
}

async function registered(user: string, protocol: "udp" | "tls", name = "sip.example.test"): Promise<Phone> {
  const phone = await stage.phone(user, protocol, protocol === "tls" ? { tls: { ca: authority.ca, name } } : {});
  expect((await phone.register()).status).toBe(200);
  return phone;
}

test("a call from UDP to TLS and its BYE back: two Record-Routes, each side its own transport", async () => {
  await secured();
  const alice = await registered("101", "udp");
  const bob = await registered("102", "tls");
  const sent = await invite(alice, `sip:102@${DOMAIN}`);
  const got = await bob.request("INVITE");
  expect(got.values(Header.via)[0]).toMatch(/^SIP\/2\.0\/TLS /);
  expect(got.values(Header.recordRoute)[0]).toContain("transport=tls");
  bob.send(bob.answer(got, 200, "OK", { tag: "bob" }));
  const dialog = alice.callerDialog(sent, await alice.response("INVITE", 200));
  alice.send(alice.within(dialog, "ACK"));
  await bob.request("ACK");
  bob.send(bob.within(bob.calleeDialog(got, "bob"), "BYE"));
  alice.send(alice.answer(await alice.request("BYE"), 200, "OK"));
  await bob.response("BYE", 200);
});

test("the certificate is chosen by the name that the phone asks for: its own, or the wildcard's", async () => {
  await secured();
  for (const [name, subject] of [["sip.example.test", "sip.example.test"], ["pbx.tel.example.test", "*.tel.example.test"]] as const) {
    const { port } = stage.address("tls");
    const socket = connectTls({ port, host: "127.0.0.1", ca: authority.ca, servername: name });
    await once(socket, "secureConnect");
    expect(socket.getPeerCertificate().subject.CN).toBe(subject);
    socket.destroy();
  }
  expect((await (await registered("101", "tls", "pbx.tel.example.test")).register()).status).toBe(200);
});

test("where client certificates are required, a phone without one is not let in", async () => {
  await secured(', client_ca: ./ca.pem, client_certificates: "required"');
  const { port } = stage.address("tls");
  const bare = connectTls({ port, host: "127.0.0.1", ca: authority.ca, servername: "sip.example.test" });
  bare.on("error", () => undefined);
  bare.resume();
  await new Promise<void>((done) => {
    bare.once("close", () => {
      done();
    });
  });
  const own = authority.issue("phone-101", "DNS:phone-101");
  const socket = connectTls({ port, host: "127.0.0.1", ca: authority.ca, servername: "sip.example.test", cert: own.cert, key: own.key });
  await once(socket, "secureConnect");
  socket.write(`OPTIONS sip:${DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:1;branch=z9hG4bKc\r\nMax-Forwards: 70\r\nFrom: <sip:x@elsewhere.example>;tag=1\r\nTo: <sip:${DOMAIN}>\r\nCall-ID: c@x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toContain("SIP/2.0 200");
  socket.destroy();
});
