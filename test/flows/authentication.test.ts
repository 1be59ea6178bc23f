import { afterEach, describe, expect, test } from "vitest";
import { ha1Of } from "../../src/sip/digest/hashes.ts";
import { Header } from "../../src/sip/header-name.ts";
import { Message } from "../../src/sip/message.ts";
import type { Phone } from "./phone.ts";
import { DOMAIN, Stage } from "./stage.ts";

let stage: Stage;
afterEach(async () => {
  await stage.stop();
});

const registerOf = (phone: Phone, user = phone.line.user): string => phone.text("REGISTER", `sip:${DOMAIN}`, { to: `sip:${user}@${DOMAIN}`, headers: "Expires: 600\r\n" });

describe("digest", () => {
  test("MD5 alone is offered by default, in one challenge; the realm is the domain, whatever address the phone used", async () => {
    stage = await Stage.start();
    const alice = await stage.phone("101", "udp", { domain: "127.0.0.1" });
    alice.send(alice.text("REGISTER", "sip:127.0.0.1", { to: "sip:101@127.0.0.1" }));
    const challenge = await alice.response("REGISTER", 401);
    const headers = challenge.text.split("\r\n").filter((line) => line.startsWith("WWW-Authenticate"));
    expect(headers).toHaveLength(1);
    expect(headers[0]).toContain(`realm="${DOMAIN}"`);
    expect(headers[0]).toContain("algorithm=MD5");
    expect((await alice.register()).status).toBe(200);
    expect(stage.server.registrar.bindings().map((binding) => binding.aor)).toEqual([`sip:101@${DOMAIN}`]);
  });

  test("with two algorithms each has its own header, the best first, and either is taken", async () => {
    stage = await Stage.start({ yaml: "authentication: { algorithms: [MD5, SHA-256] }\n" });
    const alice = await stage.phone("101");
    alice.send(registerOf(alice));
    const challenge = await alice.response("REGISTER", 401);
    const algorithms = [...challenge.text.matchAll(/algorithm=([\w-]+)/g)].map((found) => found[1]);
    expect(algorithms).toEqual(["SHA-256", "MD5"]);
    expect((await alice.register()).status).toBe(200);
  });

  test("a phone that fails on two challenges is offered the one that its rule names", async () => {
    stage = await Stage.start({ yaml: 'authentication: { algorithms: [MD5, SHA-256] }\nphones:\n  - { match: "^Old", digest: [MD5] }\n' });
    for (const [userAgent, offered] of [["OldPhone/1", ["MD5"]], ["NewPhone/1", ["SHA-256", "MD5"]]] as const) {
      const phone = await stage.phone("101", "udp", { userAgent });
      phone.send(registerOf(phone));
      const challenge = await phone.response("REGISTER", 401);
      expect([...challenge.text.matchAll(/algorithm=([\w-]+)/g)].map((found) => found[1]), userAgent).toEqual(offered);
      expect((await phone.register()).status).toBe(200);
    }
  });

  test("a wrong password is challenged anew, an unknown user is told the same, and a replayed answer is stale", async () => {
    stage = await Stage.start();
    const alice = await stage.phone("101", "udp", { password: "wrong" });
    expect((await alice.register()).status).toBe(401);
    const nobody = await stage.phone("999");
    expect((await nobody.register()).status).toBe(401);
    const bob = await stage.phone("102");
    const text = registerOf(bob);
    bob.send(text);
    const good = bob.withCredentials(text, await bob.response("REGISTER", 401));
    bob.send(good);
    await bob.response("REGISTER", 200);
    bob.send(good.replace(/branch=[^;]+/, "branch=z9hG4bKreplay").replace(/CSeq: \d+/, "CSeq: 77"));
    const again = await bob.response("REGISTER", 401);
    expect(again.text).toContain("stale=true");
  });

  test("guesses are slowed: after five wrong passwords from one address even the right one waits there, but not elsewhere", async () => {
    stage = await Stage.start({ listen: "[udp://127.0.0.1:0, tcp://127.0.0.1:0, \"udp://[::1]:0\"]" });
    const thief = await stage.phone("101", "udp", { password: "guess" });
    for (let guess = 0; guess < 5; guess++) expect((await thief.register()).status).toBe(401);
    expect((await thief.register()).status).toBe(403);
    const v6 = stage.transports.listeners.find((listener) => listener.address === "::1");
    const alice = await stage.phone("101", "udp", { server: { address: "::1", port: v6?.port ?? 0 } });
    expect((await alice.register()).status).toBe(200);
    expect(stage.server.authentication.slowed).toBeGreaterThan(0);
  });
});

describe("who may speak for whom", () => {
  test.each([
    ["a call in another's name", "INVITE", "sip:102@tel.example.test", "sip:103@tel.example.test"],
    ["a call in the name of nobody of ours", "INVITE", "sip:102@tel.example.test", "sip:nobody@tel.example.test"],
  ])("%s: 403", async (_name, method, to, from) => {
    stage = await Stage.start();
    const alice = await stage.phone("101");
    const { final } = await alice.ask(alice.text(method, to, { from }));
    expect(final.status).toBe(403);
  });

  test("one registers for oneself only, by id, alias or number", async () => {
    stage = await Stage.start({ people: 'users:\n  - { id: "101", aliases: [alice], numbers: ["+32475000101"], password: secret-101 }\n  - { id: "102", password: secret-102 }\n' });
    const alice = await stage.phone("101");
    expect((await alice.ask(registerOf(alice, "102"))).final.status).toBe(403);
    for (const name of ["alice", "+32475000101", "101"]) {
      const text = alice.text("REGISTER", `sip:${DOMAIN}`, { to: `sip:${name}@${DOMAIN}`, from: `sip:${name}@${DOMAIN}`, headers: "Expires: 600\r\n" });
      expect((await alice.ask(text)).final.status, name).toBe(200);
    }
  });

  test("another's PUBLISH: 403", async () => {
    stage = await Stage.start();
    const alice = await stage.phone("101");
    const { final } = await alice.ask(alice.text("PUBLISH", `sip:102@${DOMAIN}`, { headers: "Event: presence\r\nExpires: 600\r\nContent-Type: application/pidf+xml\r\n", body: "<x/>" }));
    expect(final.status).toBe(403);
  });

  test("a SUBSCRIBE is challenged as an INVITE is", async () => {
    stage = await Stage.start();
    const alice = await stage.phone("101");
    alice.send(alice.text("SUBSCRIBE", `sip:102@${DOMAIN}`, { headers: "Event: presence\r\nExpires: 600\r\n" }));
    await alice.response("SUBSCRIBE", 407);
  });
});

describe("strangers", () => {
  const stranger = "sip:x@elsewhere.example";
  test.each([
    ["relaying to another domain", "INVITE", "sip:y@victim.example", 403],
    ["relaying by a route", "MESSAGE", "sip:y@victim.example", 403],
    ["a user who lets nobody call", "INVITE", `sip:101@${DOMAIN}`, 403],
    ["watching a user who lets everyone call", "SUBSCRIBE", `sip:102@${DOMAIN}`, 403],
    ["a name that is none: no more is told", "INVITE", `sip:999@${DOMAIN}`, 403],
  ])("%s: %s %s -> %i", async (name, method, to, status) => {
    stage = await Stage.start({ people: 'users:\n  - { id: "101", password: secret-101 }\n  - { id: "102", password: secret-102, inbound: anyone }\n' });
    const phone = await stage.phone("x");
    const route = name.includes("route") ? `Route: <sip:127.0.0.1:${stage.address("udp").port};lr>\r\nRoute: <sip:127.0.0.1:9;lr>\r\n` : "";
    const { final } = await phone.ask(phone.text(method, to, { from: stranger, headers: `${route}Event: presence\r\n` }));
    expect(final.status).toBe(status);
  });

  test("reach a user whom the directory opens to anyone", async () => {
    stage = await Stage.start({ people: 'users:\n  - { id: "102", password: secret-102, inbound: anyone }\n' });
    const bob = await stage.phone("102");
    await bob.register();
    bob.onRequest = (request) => (request.method === "INVITE" ? bob.answer(request, 486, "Busy Here", { tag: "b" }) : null);
    const phone = await stage.phone("x");
    const { final } = await phone.ask(phone.text("INVITE", `sip:102@${DOMAIN}`, { from: stranger }));
    expect(final.status).toBe(486);
  });

  test("a made-up route token opens nothing: an in-dialog request by it is judged as any other", async () => {
    stage = await Stage.start();
    const phone = await stage.phone("x");
    const { port } = stage.address("udp");
    for (const token of ["", "0000000000000000@", "0123456789abcdef~u~127.0.0.1~9~default@"]) {
      const text = phone.text("BYE", "sip:y@127.0.0.1:9", { from: stranger, to: "sip:y@victim.example>;tag=1<", headers: `Route: <sip:${token}127.0.0.1:${port};lr>\r\n` }).replace("tag=1<>", "tag=1");
      phone.send(text);
      expect((await phone.final("BYE", Message.of(text).callId)).status, token).toBe(403);
    }
  });

  test("OPTIONS to the server itself is answered to anyone, with what it can do", async () => {
    stage = await Stage.start();
    const phone = await stage.phone("x");
    const { final } = await phone.ask(phone.text("OPTIONS", `sip:${DOMAIN}`, { from: stranger }));
    expect([final.status, final.header(Header.allow)?.includes("SUBSCRIBE"), final.headerNamed("Allow-Events")]).toEqual([200, true, "presence, dialog, message-summary, reg, as-feature-event, presence.winfo, dialog.winfo"]);
  });
});

describe("settings", () => {
  test("require: register challenges REGISTER alone; none takes everyone of the domain at his word", async () => {
    stage = await Stage.start({ yaml: "authentication: { require: register }\n" });
    const alice = await stage.phone("101");
    alice.send(registerOf(alice));
    await alice.response("REGISTER", 401);
    expect((await alice.ask(alice.text("INVITE", `sip:102@${DOMAIN}`, {}))).final.status).toBe(480);
    await stage.stop();
    stage = await Stage.start({ yaml: "authentication: { require: none }\n" });
    const bob = await stage.phone("102");
    bob.send(registerOf(bob));
    await bob.response("REGISTER", 200);
  });

  test("trusted networks are not challenged", async () => {
    stage = await Stage.start({ yaml: "authentication: { trusted_networks: [127.0.0.0/8] }\n" });
    const alice = await stage.phone("101");
    alice.send(registerOf(alice));
    await alice.response("REGISTER", 200);
  });

  test("users may be kept as hashes, so that the file holds no password", async () => {
    const hash = ha1Of("MD5", "101", DOMAIN, "secret-101");
    stage = await Stage.start({ people: `users:\n  - { id: "101", ha1: { MD5: ${hash} } }\n` });
    const alice = await stage.phone("101");
    expect((await alice.register()).status).toBe(200);
    const thief = await stage.phone("101", "udp", { password: "wrong" });
    expect((await thief.register()).status).toBe(401);
  });
});
