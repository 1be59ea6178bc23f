import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { certificateName, namedEntry, sipIdentityError } from "../../../src/sip/transport/tls.ts";
import { systemTransports } from "../../../src/sip/transport/system-transports.ts";
import { silentLog } from "../../../src/base/log.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { request, running, testAuthority } from "./loopback.ts";
import type { Running, TestAuthority } from "./loopback.ts";

interface KeyPair { readonly cert: string; readonly key: string }

let authority: TestAuthority;
let other: TestAuthority;
let main: KeyPair;
let wild: KeyPair;
let exact: KeyPair;
let phone: KeyPair;
let strangerPhone: KeyPair;

beforeAll(() => {
  authority = testAuthority();
  other = testAuthority();
  main = authority.issue("main.test", "DNS:main.test,DNS:alias.test,IP:127.0.0.1");
  wild = authority.issue("wild", "DNS:*.wild.test");
  exact = authority.issue("a.wild.test", "DNS:a.wild.test");
  phone = authority.issue("phone-7", "URI:sip:phone7.test,DNS:phone.test");
  strangerPhone = other.issue("evil", "DNS:phone.test");
});

afterAll(() => {
  authority.remove();
  other.remove();
});

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function start(...args: Parameters<typeof running>): Promise<Running> {
  const made = await running(...args);
  cleanUp.push(() => made.transports.stop());
  return made;
}

function tlsClient(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", ca: authority.ca, ...options });
  cleanUp.push(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
    socket.on("error", () => undefined);
  });
}

describe("TLS listener", () => {
  test("a message arrives and is answered; the flow says tls and the real port", async () => {
    const { recorder, port, transports } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main }] });
    recorder.onEach = (_text, flow) => flow.send("answer");
    const client = await tlsClient(port(), { servername: "main.test" });
    const answer = new Promise((resolve) => client.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    client.write(request(1));
    expect(await answer).toBe("answer");
    const flow = recorder.of("message")[0]?.flow;
    expect(flow).toMatchObject({ protocol: "tls", localAddress: "127.0.0.1", localPort: port(), remotePort: client.localPort });
    expect(flow?.peerName).toBeUndefined();
    expect(transports.counters.tls).toMatchObject({ connectionsOpen: 1, handshakeErrors: 0 });
  });

  test.each([
    ["main.test", "main.test"],
    ["alias.test", "main.test"],
    ["a.wild.test", "a.wild.test"],
    ["A.Wild.Test", "a.wild.test"],
    ["b.wild.test", "wild"],
  ])("a client that asks for %s gets the certificate of %s", async (servername, subject) => {
    const { port } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main, sni: [{ name: "*.wild.test", ...wild }, { name: "a.wild.test", ...exact }] }] });
    const client = await tlsClient(port(), { servername });
    expect(client.getPeerCertificate().subject.CN).toBe(subject);
  });

  test("a wildcard stands for one label only, and TLS below 1.2 is refused and counted", async () => {
    const { port, transports } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main, sni: [{ name: "*.wild.test", ...wild }] }] });
    await expect(tlsClient(port(), { servername: "x.b.wild.test" })).rejects.toThrow(/altnames/);
    await expect(tlsClient(port(), { servername: "main.test", minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
    while (transports.counters.tls.handshakeErrors === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("an optional client certificate gives the flow its name; none, or one of a stranger, gives none", async () => {
    const { recorder, port } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main, clientCa: authority.ca, clientCertificates: "optional" }] });
    for (const [at, pair, name] of [[0, phone, "phone7.test"], [1, null, undefined], [2, strangerPhone, undefined]] as const) {
      const client = await tlsClient(port(), { servername: "main.test", ...pair });
      client.write(request(at));
      expect((await recorder.wait("message", at)).flow.peerName).toBe(name);
    }
  });

  test("a required client certificate keeps the others out, which is counted", async () => {
    const { recorder, port, transports } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main, clientCa: authority.ca, clientCertificates: "required" }] });
    for (const pair of [null, strangerPhone]) {
      const socket = connect({ port: port(), host: "127.0.0.1", ca: authority.ca, servername: "main.test", ...pair });
      socket.on("error", () => undefined);
      socket.write(request("no"));
      await new Promise((resolve) => socket.once("close", resolve));
    }
    const client = await tlsClient(port(), { servername: "main.test", ...phone });
    client.write(request(1));
    const { text, flow } = await recorder.wait("message");
    expect(text).toBe(request(1));
    expect(flow.peerName).toBe("phone7.test");
    expect(transports.counters.tls.handshakeErrors).toBe(2);
  });

  test("plain text on the TLS port, and a handshake that stalls, are closed and counted", async () => {
    const clock = new FakeClock();
    const { port, transports } = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main }], clock });
    const counters = transports.counters.tls;
    const plain = connectTcp(port(), "127.0.0.1");
    plain.on("error", () => undefined);
    plain.write(request(1));
    await new Promise((resolve) => plain.once("close", resolve));
    while (counters.handshakeErrors < 1) await new Promise((resolve) => setImmediate(resolve));
    const silent = connectTcp(port(), "127.0.0.1");
    const gone = new Promise((resolve) => silent.once("close", resolve));
    silent.on("error", () => undefined);
    // A half hello, answered by nothing: once the server has read it the place is taken.
    await new Promise<void>((resolve) => silent.write(Buffer.from([22, 3, 1]), () => resolve()));
    const ticking = setInterval(() => clock.advance(1000), 1);
    cleanUp.push(() => clearInterval(ticking));
    await gone;
    clearInterval(ticking);
    while (counters.handshakeErrors < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(transports.connectionCount).toBe(0);
  });

  test("a certificate that does not fit its key is an operator's mistake", () => {
    const build = (): unknown => systemTransports({ listen: [{ url: "tls://127.0.0.1:0", cert: main.cert, key: wild.key }], clock: new FakeClock(), log: silentLog });
    expect(build).toThrow(expect.objectContaining({ code: "config_error" }));
  });
});

describe("TLS towards servers", () => {
  async function pair(): Promise<{ readonly server: Running; readonly client: Running }> {
    const server = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main, clientCa: authority.ca, clientCertificates: "optional" }] });
    const client = await start({ listen: [{ url: "tls://127.0.0.1:0", ...exact }], tlsPeers: { verifyPeers: true, ca: authority.ca, client: phone } });
    return { server, client };
  }

  test("the peer's certificate is checked against the name of the hop, ours is shown, and the connection is reused for that name only", async () => {
    const { server, client } = await pair();
    const hop = { protocol: "tls", address: "127.0.0.1", port: server.port(), host: "main.test" } as const;
    const flow = client.transports.open(hop);
    flow?.send(request(1));
    const there = await server.recorder.wait("message");
    expect(there.flow.peerName).toBe("phone7.test");
    expect(client.transports.open(hop)).toBe(flow);
    const alias = client.transports.open({ ...hop, host: "alias.test" });
    expect(alias).not.toBe(flow);
    alias?.send(request(2));
    expect((await server.recorder.wait("message", 1)).text).toBe(request(2));
    expect(server.transports.open({ protocol: "tls", address: "127.0.0.1", port: there.flow.remotePort })).toBe(there.flow);
    expect(server.transports.open({ protocol: "tls", address: "127.0.0.1", port: there.flow.remotePort, host: "phone7.test" })).toBe(there.flow);
    expect(server.transports.open({ protocol: "tls", address: "127.0.0.1", port: there.flow.remotePort, host: "else.test" })).not.toBe(there.flow);
  });

  test("a hop without a name is checked against its address", async () => {
    const { server, client } = await pair();
    client.transports.open({ protocol: "tls", address: "127.0.0.1", port: server.port() })?.send(request(1));
    expect((await server.recorder.wait("message")).text).toBe(request(1));
  });

  test("a wrong name and an unknown authority are refused, told once; without checks they pass", async () => {
    const { server, client } = await pair();
    const hop = { protocol: "tls", address: "127.0.0.1", port: server.port(), host: "bank.test" } as const;
    client.transports.open(hop)?.send(request("secret"));
    expect((await client.recorder.wait("closed")).text).toMatch(/bank\.test/);
    const trusting = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main }], tlsPeers: { verifyPeers: true, ca: other.ca } });
    trusting.transports.open({ ...hop, host: "main.test" })?.send(request("secret"));
    expect((await trusting.recorder.wait("closed")).text).toMatch(/certificate/);
    expect(server.recorder.of("message")).toEqual([]);
    const careless = await start({ listen: [{ url: "tls://127.0.0.1:0", ...main }], tlsPeers: { verifyPeers: false } });
    careless.transports.open(hop)?.send(request(3));
    expect((await server.recorder.wait("message")).text).toBe(request(3));
    expect(client.recorder.of("closed").length).toBe(1);
  });
});

describe("names in certificates", () => {
  const entries = [{ name: "pbx.example.test" }, { name: "*.example.test" }, { name: "*.a.example.test" }];
  test.each([
    ["pbx.example.test", "pbx.example.test"],
    ["PBX.example.test.", "pbx.example.test"],
    ["other.example.test", "*.example.test"],
    ["x.a.example.test", "*.a.example.test"],
    ["x.b.example.test", undefined],
    ["example.test", undefined],
    ["*.example.test", "*.example.test"],
    ["", undefined],
    [".example.test", undefined],
  ])("%s is served by %s", (name, expected) => {
    expect(namedEntry(entries, name)?.name).toBe(expected);
  });

  test("a SIP URI identity counts, quoted oddities do not", () => {
    const certificate = (subjectaltname: string): Parameters<typeof certificateName>[0] => ({ subject: { CN: "cn.test" }, subjectaltname }) as Parameters<typeof certificateName>[0];
    expect(sipIdentityError("sip.test", certificate("URI:sip:SIP.test, DNS:x.test"))).toBeUndefined();
    expect(sipIdentityError("sip.test", certificate('URI:"sip:sip.test", DNS:x.test'))).toBeInstanceOf(Error);
    expect(sipIdentityError("sip.test", certificate("URI:https:sip.test"))).toBeInstanceOf(Error);
    expect(certificateName(certificate("DNS:x.test, URI:sip:u.test"))).toBe("u.test");
    expect(certificateName(certificate("DNS:x.test, DNS:y.test"))).toBe("x.test");
    expect(certificateName(certificate(""))).toBe("cn.test");
  });
});
