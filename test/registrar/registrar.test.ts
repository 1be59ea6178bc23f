import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { aor, domain, flowFrom, registerText, site, udpFlow, type RegisterText, type Site } from "./site.ts";

const contact = "Contact: <sip:101@192.0.2.7:5060>";
const instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';
const tcpVia = "SIP/2.0/TCP 192.0.2.7:5060;branch=z9hG4bK1";
const wsVia = "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1";
const wsContact = `Contact: <sip:101@df7jal23ls0d.invalid;transport=ws>;${instance};reg-id=1`;

function put(at: Site, parts: RegisterText = {}, flow = udpFlow): void {
  expect(at.send(registerText({ lines: [contact], ...parts }), flow).status).toBe(200);
}

describe("which REGISTER is answered", () => {
  test("requests of other methods and for other domains go on", () => {
    const at = site();
    expect(at.verdict(registerText({ uri: "sip:example.org" }))).toEqual({ kind: "continue" });
    expect(at.verdict(registerText().replaceAll("REGISTER", "OPTIONS"))).toEqual({ kind: "continue" });
  });
  test.each([
    [`<sip:101@${domain}>`, 200],
    [`"A \\" <x>" <sip:101@${domain}:5060;x=1>`, 200],
    [`"A" <sip:101@${domain.toUpperCase()}>`, 200],
    [`sip:101@${domain}`, 200],
    [`<sips:101@${domain}>`, 200],
    [`<sip:104@${domain}>`, 404],
    [`<sip:101@example.org>`, 404],
    [`<sip:${domain}>`, 404],
    [`<tel:101>`, 404],
    [`<sip:101@${domain}`, 400],
    [`<sip:101@exa mple>`, 400],
    [`"A <sip:101@${domain}>`, 400],
  ])("To %s is answered %i", (to, status) => {
    expect(site().send(registerText({ to, lines: [contact] })).status).toBe(status);
  });
  test("a contact that is its own AoR is refused", () => {
    const at = site();
    expect(at.send(registerText({ lines: [`Contact: <sip:101@${domain}>`] })).status).toBe(403);
    expect(at.send(registerText({ lines: [`Contact: <sip:102@${domain}>`] })).status).toBe(200);
  });
});

describe("the answer", () => {
  test("lists every binding with what is left of its time, q, instance and reg-id, and the date", () => {
    const at = site();
    put(at, { lines: [`${contact};q=0.5;expires=100`] });
    at.clock.advance(40_500);
    const reply = at.send(registerText({ callId: "c2", lines: [`Contact: <sip:b@192.0.2.8>;${instance};reg-id=2;expires=200`] }));
    expect(reply.contacts).toEqual(["<sip:101@192.0.2.7:5060>;expires=60;q=0.5", `<sip:b@192.0.2.8>;expires=200;${instance};reg-id=2`]);
    expect(reply.headers).toMatch(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/m);
  });
  test("returns the Path to a phone that supports it, and keeps it for the others too", () => {
    const at = site();
    const path = "Path: <sip:p1;lr>, <sip:p2;lr>";
    expect(at.send(registerText({ lines: [contact, path, "Supported: path"] })).headers).toContain(`${path}\r\n`);
    expect(at.send(registerText({ lines: [contact, path], cseq: 2 })).headers).not.toContain("Path");
    expect(at.registrar.targets(aor("101"))).toMatchObject([{ uri: "sip:101@192.0.2.7:5060", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], aor: aor("101"), q: 1 }]);
    expect(at.registrar.targets(aor("101"))[0]?.flow).toBeUndefined();
  });
  test("asks for keep-alives where a registration used outbound by a connection", () => {
    const at = site();
    const lines = [`${contact};${instance};reg-id=1`, "Supported: outbound"];
    expect(at.send(registerText({ lines, via: tcpVia }), flowFrom("tcp", "192.0.2.7", 40000)).headers).toContain("Require: outbound\r\nFlow-Timer: 120\r\n");
    expect(at.send(registerText({ lines, cseq: 2 })).headers).toMatch(/Require: outbound\r\n(?!Flow-Timer)/);
    expect(at.send(registerText({ lines: [`${contact};${instance};reg-id=1`], cseq: 3 })).headers).not.toContain("outbound");
  });
});

describe("time", () => {
  test("a binding ends by itself, not before its time, and its AoR with the last one", () => {
    const at = site();
    put(at, { lines: [`${contact};expires=60`] });
    put(at, { lines: ["Contact: <sip:b@192.0.2.8>;expires=120"], callId: "c2" });
    at.clock.advance(59_990);
    expect(at.registrar.targets(aor("101"))).toHaveLength(2);
    at.clock.advance(20);
    expect(at.registrar.targets(aor("101")).map((target) => target.uri)).toEqual(["sip:b@192.0.2.8"]);
    at.clock.advance(60_010);
    expect(at.registrar.targets(aor("101"))).toEqual([]);
    expect(at.changes).toEqual(["101 on", "101 off"]);
    expect(at.store.rows.size).toBe(0);
    expect(at.wheel.count).toBe(0);
  });
  test("refreshes keep it alive, with one timer", () => {
    const at = site();
    for (let cseq = 1; cseq <= 20; cseq++) {
      put(at, { lines: [`${contact};expires=60`], cseq });
      at.clock.advance(50_000);
      expect(at.wheel.count).toBe(1);
    }
    expect(at.changes).toEqual(["101 on"]);
    at.clock.advance(20_000);
    expect(at.changes).toEqual(["101 on", "101 off"]);
  });
});

describe("the way back", () => {
  const at = (via: string, contactUri: string, flow = udpFlow): { flow: unknown; uri: string | undefined } => {
    const here = site();
    put(here, { via, lines: [`Contact: <${contactUri}>`] }, flow);
    const [target] = here.registrar.targets(aor("101"));
    return { flow: target?.flow, uri: target?.uri };
  };
  const udp = (address: string, port: number, network?: string) => flowFrom("udp", address, port, network);
  test.each([
    ["a contact where the REGISTER came from is reached by its URI", "SIP/2.0/UDP 192.0.2.7:5060", "sip:101@192.0.2.7", udp("192.0.2.7", 5060), false],
    ["but by the flow when networks are named", "SIP/2.0/UDP 192.0.2.7:5060", "sip:101@192.0.2.7", udp("192.0.2.7", 5060, "voice"), true],
    ["a phone behind NAT by the flow", "SIP/2.0/UDP 10.0.0.5:5060", "sip:101@10.0.0.5:5060", udp("198.51.100.1", 3456), true],
    ["a private contact from a public address by the flow", "SIP/2.0/UDP 198.51.100.1:3456", "sip:101@10.0.0.5:5060", udp("198.51.100.1", 3456), true],
    ["a phone that listens on another port of its own by its URI", "SIP/2.0/UDP 127.0.0.1:4000", "sip:101@127.0.0.1:5090", udp("127.0.0.1", 4000), false],
    ["a phone whose port was rewritten by the flow", "SIP/2.0/UDP 192.0.2.7:5060", "sip:101@192.0.2.7:5060", udp("192.0.2.7", 3456), true],
    ["a Via with a host name proves nothing", "SIP/2.0/UDP phone.local", "sip:101@phone.local", udp("192.0.2.7", 5060), true],
    ["a connection", "SIP/2.0/TCP 192.0.2.7:5060", "sip:101@192.0.2.7;transport=tcp", flowFrom("tcp", "192.0.2.7", 40000), true],
    ["a WebSocket", "SIP/2.0/WS x.invalid", "sip:101@x.invalid;transport=ws", flowFrom("ws", "192.0.2.7", 40000), true],
    ["UDP where a phone on TCP asks for it", "SIP/2.0/TCP 192.0.2.7:5060", "sip:101@192.0.2.7;transport=udp", flowFrom("tcp", "192.0.2.7", 40000), false],
    ["what came through another proxy by its URI", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.5", "sip:101@10.0.0.5", udp("192.0.2.7", 5060), false],
  ])("%s", (_name, via, uri, flow, isByFlow) => {
    const found = at(via.includes("branch") ? via : `${via};branch=z9hG4bK1`, uri, flow);
    expect(found.uri).toBe(uri);
    expect(found.flow).toBe(isByFlow ? flow : undefined);
  });
  test("URI headers and method have no place in a request URI", () => {
    expect(at("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", "sip:101@192.0.2.7;method=INVITE;x=1?Subject=a").uri).toBe("sip:101@192.0.2.7;x=1");
  });
  test("targets come by q, then the newest first", () => {
    const here = site();
    put(here, { lines: ["Contact: <sip:a@192.0.2.1>;q=0.5, <sip:b@192.0.2.2>, <sip:c@192.0.2.3>;q=0.5, <sip:d@192.0.2.4>;q=0"] });
    expect(here.registrar.targets(aor("101")).map((target) => target.uri.slice(4, 5))).toEqual(["b", "c", "a", "d"]);
  });
});

describe("connections that end", () => {
  test("an ordinary TCP contact stays a target by its URI", () => {
    const at = site();
    const flow = flowFrom("tcp", "192.0.2.7", 40000);
    put(at, { via: tcpVia, lines: ["Contact: <sip:101@192.0.2.7:5060;transport=tcp>"] }, flow);
    expect(at.registrar.targets(aor("101"))[0]?.flow).toBe(flow);
    expect(at.registrar.flowOfContact("sip:101@192.0.2.7:5060;transport=tcp")).toBe(flow);
    flow.isOpen = false;
    at.registrar.flowClosed(flow);
    const [target] = at.registrar.targets(aor("101"));
    expect(target?.uri).toBe("sip:101@192.0.2.7:5060;transport=tcp");
    expect(target?.flow).toBeUndefined();
    expect(at.registrar.flowOfContact("sip:101@192.0.2.7:5060;transport=tcp")).toBeNull();
  });
  test("a WebSocket phone stays registered, and is a target again under the same name once it is back", () => {
    const at = site();
    const flow = flowFrom("ws", "192.0.2.7", 40000);
    put(at, { via: wsVia, lines: [wsContact, "Supported: outbound"] }, flow);
    const device = at.registrar.targets(aor("101"))[0]?.device ?? "";
    expect(device).toMatch(/^[\w-]{8}$/);
    flow.isOpen = false;
    at.registrar.flowClosed(flow);
    expect(at.registrar.targets(aor("101"))).toEqual([]);
    expect(at.registrar.deviceTarget(aor("101"), device)).toBeNull();
    expect(at.registrar.bindings()).toMatchObject([{ isReachable: false, transport: "ws" }]);
    expect(at.changes).toEqual(["101 on"]);
    const again = flowFrom("ws", "192.0.2.7", 40001);
    put(at, { via: wsVia, callId: "c2", lines: [wsContact.replace("df7jal23ls0d", "another"), "Supported: outbound"] }, again);
    expect(at.registrar.deviceTarget(aor("101"), device)).toMatchObject({ flow: again, device });
    expect(at.registrar.bindings()).toHaveLength(1);
  });
  test("a device with two flows is a target once: by the newest that is open", () => {
    const at = site();
    const one = flowFrom("tcp", "192.0.2.7", 40001);
    const two = flowFrom("tcp", "192.0.2.7", 40002);
    const lines = (regId: number): string[] => [`Contact: <sip:101@192.0.2.7;transport=tcp>;${instance};reg-id=${regId}`, "Supported: outbound"];
    put(at, { via: tcpVia, lines: lines(1) }, one);
    put(at, { via: tcpVia, lines: lines(2), callId: "c2" }, two);
    expect(at.registrar.targets(aor("101"))).toMatchObject([{ flow: two }]);
    two.isOpen = false;
    expect(at.registrar.targets(aor("101"))).toMatchObject([{ flow: one }]);
    at.registrar.flowClosed(two);
    expect(at.registrar.targets(aor("101"))).toMatchObject([{ flow: one }]);
    one.isOpen = false;
    at.registrar.flowClosed(one);
    expect(at.registrar.targets(aor("101"))).toEqual([]);
    expect(at.registrar.bindings(aor("101"))).toHaveLength(2);
  });
  test("a connection with several users frees all of them", () => {
    const at = site();
    const flow = flowFrom("tcp", "192.0.2.7", 40000);
    for (const user of ["101", "102"]) put(at, { to: `<sip:${user}@${domain}>`, via: tcpVia, lines: ["Contact: <sip:pbx@192.0.2.7;transport=tcp>"] }, flow);
    expect(at.registrar.flowOfContact("sip:pbx@192.0.2.7;transport=tcp")).toBe(flow);
    at.registrar.flowClosed(flow);
    for (const user of ["101", "102"]) expect(at.registrar.targets(aor(user))[0]?.flow).toBeUndefined();
  });
  test("nobody draws another's requests to himself by registering his contact", () => {
    const at = site();
    const mine = flowFrom("tcp", "192.0.2.7", 40000);
    const lines = ["Contact: <sip:phone@192.0.2.7;transport=tcp>"];
    put(at, { via: tcpVia, lines }, mine);
    put(at, { to: `<sip:102@${domain}>`, via: tcpVia, lines }, flowFrom("tcp", "203.0.113.9", 40000));
    expect(at.registrar.flowOfContact("sip:phone@192.0.2.7;transport=tcp")).toBeNull();
  });
});

test("a sender's device is found by its contact, else by its flow", () => {
  const at = site();
  const flow = flowFrom("tcp", "192.0.2.7", 40000);
  put(at, { via: tcpVia, lines: ["Contact: <sip:a@192.0.2.7;transport=tcp>"] }, flow);
  const a = at.registrar.targets(aor("101"))[0]?.device ?? "";
  expect(at.registrar.deviceOf(aor("101"), flow, "sip:x@192.0.2.9")).toBe(a);
  put(at, { callId: "c2", lines: ["Contact: <sip:b@192.0.2.7:5060>"] });
  const b = at.registrar.targets(aor("101")).find((target) => target.uri.startsWith("sip:b"))?.device ?? "";
  expect(b).not.toBe(a);
  expect(at.registrar.deviceOf(aor("101"), flow, "sip:b@192.0.2.7:5060;ob")).toBe(b);
  expect(at.registrar.deviceOf(aor("101"), udpFlow, "sip:x@192.0.2.9")).toBe(b);
  expect(at.registrar.deviceOf(aor("101"), flowFrom("udp", "192.0.2.8", 1), "sip:x@192.0.2.9")).toBe("");
  expect(at.registrar.deviceOf(aor("102"), flow, "")).toBe("");
});

describe("GRUU", () => {
  const lines = [`${contact};${instance}`, "Supported: gruu"];
  const gruus = (value: string): { pub: string; temp: string } => ({ pub: /pub-gruu="([^"]*)"/.exec(value)?.[1] ?? "", temp: /temp-gruu="sip:([^"@]*)@/.exec(value)?.[1] ?? "" });

  test("a device with an instance gets both, and each leads to it alone", () => {
    const at = site();
    put(at, { callId: "c9", lines: ["Contact: <sip:other@192.0.2.8>"] });
    const reply = at.send(registerText({ lines }));
    const { pub, temp } = gruus(reply.contacts[1] ?? "");
    expect(pub).toBe(`sip:101@${domain};gr=urn:uuid:00000000-0000-1000-8000-000a95a0e128`);
    expect(reply.contacts[1]).toMatch(new RegExp(`temp-gruu="sip:tgruu\\.[\\w-]{28}@${domain};gr"`));
    expect(at.registrar.gruuTarget(aor("101"), "urn:uuid:00000000-0000-1000-8000-000A95A0E128")).toMatchObject({ uri: "sip:101@192.0.2.7:5060" });
    const found = at.registrar.aorOfTempGruu(temp);
    expect(found?.aor).toBe(aor("101"));
    expect(at.registrar.deviceTarget(aor("101"), found?.device ?? "")).toMatchObject({ uri: "sip:101@192.0.2.7:5060" });
    expect(gruus(reply.contacts[0] ?? "").pub).toBe("");
    expect(at.registrar.gruuTarget(aor("101"), "urn:uuid:00000000-0000-1000-8000-000a95a0e129")).toBeNull();
    expect(at.registrar.gruuTarget(aor("101"), "")).toBeNull();
  });
  test("an instance that is no UUID gets a short name", () => {
    const at = site();
    const { pub } = gruus(at.send(registerText({ lines: [`${contact};+sip.instance="<imei:90420156-025763-0>"`, "Supported: gruu"] })).contacts[0] ?? "");
    const gr = /;gr=([\w-]{8})$/.exec(pub)?.[1] ?? "";
    expect(at.registrar.gruuTarget(aor("101"), gr)).toMatchObject({ uri: "sip:101@192.0.2.7:5060" });
  });
  test("no phone that does not ask gets one", () => {
    expect(site().send(registerText({ lines: [`${contact};${instance}`] })).headers).not.toContain("gruu");
  });
  test("each refresh gives another temporary one, all lead home until the Call-ID changes or the registration ends", () => {
    const at = site();
    const given = [1, 2, 3].map((cseq) => gruus(at.send(registerText({ lines, cseq })).contacts[0] ?? "").temp);
    expect(new Set(given).size).toBe(3);
    for (const user of given) expect(at.registrar.aorOfTempGruu(user)?.aor).toBe(aor("101"));
    const fresh = gruus(at.send(registerText({ lines, callId: "c2" })).contacts[0] ?? "").temp;
    for (const user of given) expect(at.registrar.aorOfTempGruu(user)).toBeNull();
    expect(at.registrar.aorOfTempGruu(fresh)?.aor).toBe(aor("101"));
    const again = at.restart();
    expect(again.registrar.aorOfTempGruu(fresh)?.aor).toBe(aor("101"));
    again.clock.advance(700_000);
    expect(again.registrar.aorOfTempGruu(fresh)).toBeNull();
  });
  test("a forged one leads nowhere", () => {
    const at = site();
    const { temp } = gruus(at.send(registerText({ lines })).contacts[0] ?? "");
    for (let place = 6; place < temp.length; place++) {
      const forged = temp.slice(0, place) + (temp[place] === "A" ? "B" : "A") + temp.slice(place + 1);
      expect(at.registrar.aorOfTempGruu(forged)).toBeNull();
    }
    for (const user of ["", "101", "tgruu.", "tgruu.AAAA", `tgruu.${"A".repeat(28)}`, `tgruu.${"*".repeat(28)}`]) expect(at.registrar.aorOfTempGruu(user)).toBeNull();
  });
  test("100,000 that are made up, or are others in one or two places, lead nowhere (seeded)", () => {
    const seed = 20_261_121;
    const random = seededRandom(seed);
    const at = site();
    const { temp } = gruus(at.send(registerText({ lines })).contacts[0] ?? "");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const letter = (): string => alphabet.charAt(random.below(alphabet.length));
    const found: string[] = [];
    for (let round = 0; round < 100_000; round++) {
      const letters = round % 2 === 0 ? Array.from({ length: 28 }, letter) : [...temp.slice("tgruu.".length)];
      if (round % 2 === 1) for (let change = 0; change <= random.below(2); change++) letters[random.below(letters.length)] = letter();
      const forged = `tgruu.${letters.join("")}`;
      if (forged !== temp && at.registrar.aorOfTempGruu(forged) !== null) found.push(`round ${String(round)}: ${forged}`);
      const gr = letters.join("").slice(0, random.below(28));
      if (at.registrar.gruuTarget(aor("101"), gr) !== null) found.push(`round ${String(round)}: gr=${gr}`);
    }
    expect(found, `seed ${String(seed)}`).toEqual([]);
    expect(at.registrar.aorOfTempGruu(temp)?.aor).toBe(aor("101"));
  });
  test("a GRUU is no contact of its own AoR", () => {
    const at = site();
    const { temp } = gruus(at.send(registerText({ lines })).contacts[0] ?? "");
    expect(at.send(registerText({ lines: [`Contact: <sip:${temp}@${domain};gr>`], cseq: 2 })).status).toBe(403);
  });
});

describe("a restart", () => {
  test("keeps bindings, device names and UDP ways, and ends what has expired meanwhile", () => {
    const at = site();
    put(at, { via: "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1", lines: ["Contact: <sip:101@10.0.0.5>", "Path: "] }, flowFrom("udp", "198.51.100.1", 3456, "wan"));
    put(at, { to: `<sip:102@${domain}>`, via: tcpVia, lines: ["Contact: <sip:102@192.0.2.7;transport=tcp>;expires=60"] }, flowFrom("tcp", "192.0.2.7", 40000));
    put(at, { to: `<sip:103@${domain}>`, via: wsVia, lines: [wsContact] }, flowFrom("ws", "192.0.2.7", 40001));
    const device = at.registrar.targets(aor("101"))[0]?.device;
    const again = at.restart();
    expect(again.opened).toEqual([]);
    expect(again.changes.sort()).toEqual(["101 on", "102 on", "103 on"]);
    expect(again.registrar.targets(aor("101"))).toMatchObject([{ device, flow: { remoteAddress: "198.51.100.1", remotePort: 3456 } }]);
    expect(again.registrar.targets(aor("101"))[0]?.flow).toBe(again.registrar.flowOfContact("sip:101@10.0.0.5"));
    expect(again.opened).toEqual([{ protocol: "udp", address: "198.51.100.1", port: 3456, network: "wan" }]);
    expect(again.registrar.targets(aor("102"))[0]?.flow).toBeUndefined();
    expect(again.registrar.targets(aor("102"))).toHaveLength(1);
    expect(again.registrar.targets(aor("103"))).toEqual([]);
    expect(again.registrar.counts).toEqual({ aors: 3, bindings: 3 });
    again.clock.advance(61_000);
    const third = again.restart();
    expect(third.changes.sort()).toEqual(["101 on", "103 on"]);
    // The CSeq of before still counts.
    expect(third.send(registerText({ cseq: 0, lines: ["Contact: <sip:101@10.0.0.5>"] })).status).toBe(500);
  });
  test("keeps what a plain refresh changed, in a small record of its own, until the binding itself changes or ends", () => {
    const at = site();
    for (let cseq = 1; cseq <= 3; cseq++) {
      put(at, { lines: [`${contact};expires=60`], cseq });
      at.clock.advance(50_000);
    }
    const stored = at.store.rows.get("bindings sip:101@tel.example.test") ?? "";
    expect(JSON.parse(at.store.rows.get("refreshes sip:101@tel.example.test") ?? "")).toEqual([3, at.clock.now() + 10_000]);
    const again = at.restart();
    expect(again.registrar.bindings(aor("101"))).toMatchObject([{ cseq: 3, expiresAt: at.clock.now() + 10_000 }]);
    expect(again.send(registerText({ cseq: 2, lines: [`${contact};expires=60`] })).status).toBe(500);
    // The phone restarts: a new Call-ID counts from the beginning, whatever was refreshed before.
    put(again, { callId: "c2", lines: [`${contact};expires=60`], cseq: 1 });
    expect(again.store.rows.has("refreshes sip:101@tel.example.test")).toBe(false);
    expect(again.store.rows.get("bindings sip:101@tel.example.test")).not.toBe(stored);
    expect(again.restart().registrar.bindings(aor("101"))).toMatchObject([{ cseq: 1, callId: "c2" }]);
    put(again, { callId: "c2", lines: [`${contact};expires=60`], cseq: 2 });
    put(again, { callId: "c2", lines: [`${contact};expires=0`], cseq: 3 });
    expect(again.store.rows.size).toBe(0);
  });
  test("a refresh that was overtaken, that cannot be read or whose binding is gone says nothing", () => {
    const at = site();
    put(at, { lines: [`${contact};expires=60`], cseq: 7 });
    at.store.rows.set("refreshes sip:101@tel.example.test", '["9",1]');
    at.store.rows.set("refreshes sip:102@tel.example.test", "[9,1]");
    const again = at.restart();
    expect(again.registrar.bindings(aor("101"))).toMatchObject([{ cseq: 7 }]);
    expect([...again.store.rows.keys()]).toEqual(["bindings sip:101@tel.example.test", "refreshes sip:101@tel.example.test"]);
  });
  test.each([
    ["bindings sip:101@tel.example.test", "null"],
    ["bindings sip:101@tel.example.test", '{"format":2,"bindings":[]}'],
    ["bindings sip:101@tel.example.test", '{"format":1,"bindings":[{"uri":"sip:a@b"}, 7]}'],
    ["bindings nonsense", '{"format":1,"bindings":[]}'],
  ])("drops a record that it cannot read: %s %s", (key, json) => {
    const at = site();
    at.store.rows.set(key, json);
    const again = at.restart();
    expect(again.registrar.counts).toEqual({ aors: 0, bindings: 0 });
    expect(again.store.rows.size).toBe(0);
  });
  test("drops the bindings of someone who is gone from the directory", () => {
    const at = site();
    put(at);
    at.store.rows.set("bindings sip:109@tel.example.test", at.store.rows.get("bindings sip:101@tel.example.test") ?? "");
    expect(at.restart().registrar.counts.aors).toBe(1);
  });
});

test("lists show what is known of a binding", () => {
  const at = site();
  put(at, { lines: [`${contact};q=0.3;expires=90`, "User-Agent: Yealink SIP-T46S 66.85.0.5"], cseq: 4 });
  const [view] = at.registrar.bindings(aor("101"));
  expect(view).toEqual({
    aor: aor("101"),
    uri: "sip:101@192.0.2.7:5060",
    expiresAt: at.clock.now() + 90_000,
    userAgent: "Yealink SIP-T46S 66.85.0.5",
    transport: "udp",
    received: "192.0.2.7:5060",
    q: 0.3,
    instance: "",
    callId: "c1",
    cseq: 4,
    isReachable: true,
  });
  expect(at.registrar.bindings()).toEqual([view]);
  expect(at.registrar.bindings(aor("102"))).toEqual([]);
  at.registrar.forget(aor("101"));
  expect(at.registrar.bindings()).toEqual([]);
  expect(at.changes).toEqual(["101 on", "101 off"]);
});

test("an answer is given only after the store was told", () => {
  const at = site();
  for (let cseq = 1; cseq <= 3; cseq++) {
    put(at, { cseq });
    const row = cseq === 1 ? at.store.rows.get("bindings sip:101@tel.example.test") : at.store.rows.get("refreshes sip:101@tel.example.test");
    expect(row).toContain(cseq === 1 ? `"cseq":1,` : `[${cseq},`);
  }
});
