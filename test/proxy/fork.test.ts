import { describe, expect, test } from "vitest";
import type { Resolver } from "../../src/sip/resolver/resolve.ts";
import type { Hop } from "../../src/sip/transport/transport.ts";
import { Header } from "../../src/sip/header-name.ts";
import { device, DOMAIN, person, Rig, type Peer } from "./rig.ts";

const BOB = `sip:102@${DOMAIN}`;
const ELSEWHERE = "sip:x@elsewhere.example";

/** Every name leads to these hosts, in this order. */
const namesLeadTo = (...hops: readonly Hop[]): Resolver => ({ resolve: () => hops });
const at = (address: string, protocol: "udp" | "tcp" = "udp"): Hop => ({ protocol, address, port: 5060 });
const reasons = (peer: Peer): readonly string[] => peer.requests("CANCEL").map((cancel) => cancel.header(Header.reason) ?? "");

/** A caller, and the devices of 102 at these hosts, all equal. */
async function ringing(rig: Rig, ...hosts: string[]): Promise<{ alice: Peer; phones: readonly Peer[] }> {
  const alice = await rig.peer("10.0.1.1");
  const phones = [];
  for (const host of hosts) phones.push(await rig.peer(host));
  rig.devices.set(person("102"), hosts.map((host) => device("102", host)));
  return { alice, phones };
}

describe("failover (RFC 3263 §4.3)", () => {
  test.each([
    ["the first refuses the connection", "tcp", 100],
    ["the first never answers: timer B", "udp", 33_000],
    ["the first answers 503", "udp", 100],
    ["the first gives no final answer to a MESSAGE: timer F", "udp", 33_000],
  ] as const)("%s: the next is tried", async (name, protocol, waitMs) => {
    const rig = await Rig.open({ resolver: namesLeadTo(at("10.0.2.1", protocol), at("10.0.2.2")) });
    const [alice, first, second] = [await rig.peer("10.0.1.1"), await rig.peer("10.0.2.1"), await rig.peer("10.0.2.2")];
    if (protocol === "tcp") rig.network.refuse("10.0.2.1");
    if (name.includes("503")) first.script = (request) => (request.method === "INVITE" ? first.answer(request, 503, { headers: "Retry-After: 60\r\n" }) : null);
    const method = name.includes("MESSAGE") ? "MESSAGE" : "INVITE";
    second.script = (request) => (request.method === method ? second.answer(request, 200) : null);
    alice.ask(method, ELSEWHERE);
    await rig.settle(waitMs);
    expect(second.got(method).maxForwards).toBe(69);
    expect(alice.statuses(method).at(-1)).toBe(200);
    if (name.includes("503")) expect(first.requests("ACK")).toHaveLength(1);
    // And who failed a moment ago comes last.
    const before = first.received.length;
    alice.ask(method, ELSEWHERE);
    await rig.settle(100);
    expect(second.requests(method)).toHaveLength(2);
    expect(first.received).toHaveLength(before);
  });

  test("all fail: 500 for what was unreachable, 408 for silence of an INVITE, nothing at all for silence of another method (RFC 4320)", async () => {
    const rig = await Rig.open({ resolver: { resolve: ({ host }) => (host === "refuses.example" ? [at("10.0.2.1", "tcp")] : host === "silent.example" ? [at("10.0.2.9")] : []) } });
    const [alice] = [await rig.peer("10.0.1.1"), await rig.peer("10.0.2.1")];
    rig.network.refuse("10.0.2.1");
    alice.ask("INVITE", "sip:x@refuses.example");
    alice.ask("OPTIONS", "sip:x@nowhere.example");
    await rig.settle(100);
    expect([alice.statuses("INVITE").at(-1), alice.statuses("OPTIONS")]).toEqual([500, [500]]);
    const other = await rig.peer("10.0.1.2");
    other.ask("INVITE", "sip:x@silent.example");
    other.ask("MESSAGE", "sip:x@silent.example");
    await rig.settle(40_000);
    expect([other.statuses("INVITE")[1], other.statuses("MESSAGE")]).toEqual([408, []]);
  });

  test("a 408 that a phone gives to another method than INVITE goes no further, nor does its 180", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    alice.ask("MESSAGE", BOB);
    await rig.settle();
    for (const status of [100, 180, 408]) bob?.reply(bob.got("MESSAGE"), status);
    await rig.settle(100);
    expect(alice.statuses("MESSAGE")).toEqual([]);
  });

  test("a phone whose connection is gone is reached by the one that it has registered by since; if there is none, 480", async () => {
    const rig = await Rig.open();
    const [alice, bob] = [await rig.peer("10.0.1.1"), await rig.peer("10.0.2.1")];
    bob.send("\r\n", "tcp");
    bob.ask("OPTIONS", `sip:${DOMAIN}`, { protocol: "tcp" });
    await rig.settle();
    const flow = rig.transports.connection(bob.flow("tcp").connection + 1) ?? rig.transports.connection(2);
    if (flow === null) throw new Error("no connection");
    rig.devices.set(person("102"), [device("102", "10.0.2.1", { flow })]);
    rig.network.stall("10.0.2.1");
    alice.ask("INVITE", BOB);
    await rig.settle();
    rig.moved.set("10.0.2.1", device("102", "10.0.2.1"));
    rig.network.stall("10.0.2.1", false);
    rig.network.cut("10.0.1.1", "10.0.2.1");
    flow.close();
    alice.ask("INVITE", BOB);
    await rig.settle(100);
    expect(bob.requests("INVITE").length).toBeGreaterThan(0);
    rig.moved.clear();
    const carol = await rig.peer("10.0.1.3");
    carol.ask("INVITE", BOB);
    await rig.settle(100);
    expect(carol.statuses().at(-1)).toBe(480);
  });
});

describe("how long it rings", () => {
  test("timer C: after three minutes without an answer the phone is cancelled and the caller hears 408; each provisional answer starts it anew", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    if (bob === undefined) return;
    alice.ask("INVITE", BOB);
    await rig.settle();
    const invite = bob.got("INVITE");
    bob.reply(invite, 180);
    await rig.settle(150_000);
    bob.reply(invite, 183);
    await rig.settle(150_000);
    expect(bob.requests("CANCEL")).toHaveLength(0);
    bob.script = (request) => (request.method === "CANCEL" ? bob.answer(request, 200) : null);
    await rig.settle(40_000);
    expect(reasons(bob)).toEqual(['SIP;cause=408;text="No answer"']);
    bob.reply(invite, 487);
    await rig.settle();
    expect(alice.statuses()).toEqual([100, 180, 183, 408]);
  });

  test("a target's own ringing time ends it, also of a phone that never answered anything (RFC 3261 §16.8): the next is tried, and a late 180 is cancelled", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const [dead, next] = phones;
    rig.devices.set(person("102"), [device("102", "10.0.2.1", { ringMs: 5000 }), device("102", "10.0.2.2", { q: 0.5, ringMs: 5000 })]);
    alice.ask("INVITE", BOB);
    await rig.settle(5500);
    const invite = next?.got("INVITE");
    const first = dead?.requests("INVITE")[0];
    if (invite === undefined || first === undefined) throw new Error("not tried");
    dead?.reply(first, 180);
    next?.reply(invite, 180);
    await rig.settle();
    expect(dead?.requests("CANCEL")).toHaveLength(1);
    await rig.settle(5000);
    expect(next === undefined ? "" : reasons(next)[0]).toBe('SIP;cause=408;text="No answer"');
    next?.reply(invite, 487);
    dead?.reply(first, 487);
    await rig.settle();
    expect(alice.statuses()).toEqual([100, 180, 408]);
  });
});

describe("CANCEL", () => {
  test("before any provisional answer: the phone is cancelled when it first answers, not before (RFC 3261 §9.1)", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    alice.hop(sent, "CANCEL");
    await rig.settle();
    expect(alice.statuses("CANCEL")).toEqual([200]);
    expect(bob?.requests("CANCEL")).toHaveLength(0);
    const invite = bob?.requests("INVITE")[0];
    if (bob === undefined || invite === undefined) throw new Error("no INVITE");
    bob.reply(invite, 100);
    await rig.settle();
    bob.got("CANCEL");
    bob.reply(invite, 487);
    await rig.settle();
    expect(alice.statuses()).toEqual([100, 487]);
  });

  test("of a phone that never answers: 487 when its INVITE has timed out; of one that ignores the CANCEL: 487 after 64 × T1", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    const deaf = phones[1];
    deaf?.reply(deaf.got("INVITE"), 180);
    await rig.settle();
    alice.hop(sent, "CANCEL");
    await rig.settle(70_000);
    expect(alice.statuses()[2]).toBe(487);
    expect(rig.dialogs.calls()).toEqual([]);
  });

  test("racing a 200: the call stands, the caller ends it with BYE", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    if (bob === undefined) return;
    bob.reply(bob.got("INVITE"), 180);
    await rig.settle();
    alice.hop(sent, "CANCEL");
    bob.reply(bob.got("INVITE"), 200);
    await rig.settle();
    bob.reply(bob.got("CANCEL"), 481);
    await rig.settle();
    expect([alice.statuses(), alice.statuses("CANCEL")]).toEqual([[100, 180, 200], [200]]);
    expect(rig.dialogs.calls()).toMatchObject([{ state: "confirmed" }]);
  });

  test("of what is unknown: 481; of what has been answered: 200 and nothing else", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    bob?.reply(bob.got("INVITE"), 200);
    await rig.settle();
    alice.hop(sent, "CANCEL");
    await rig.settle();
    expect([alice.statuses("CANCEL"), bob?.requests("CANCEL")]).toEqual([[200], []]);
    await rig.settle(40_000);
    alice.hop(sent, "CANCEL");
    await rig.settle();
    expect(alice.statuses("CANCEL")).toEqual([200, 481]);
  });
});

describe("answers of several branches", () => {
  test("two 2xx: both go on, also the second that comes when the fork is over, and their repetitions; 100 goes nowhere", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const [one, two] = phones;
    if (one === undefined || two === undefined) return;
    alice.ask("INVITE", BOB);
    await rig.settle();
    for (const phone of phones) phone.reply(phone.got("INVITE"), 100);
    await rig.settle();
    expect(alice.statuses()).toEqual([100]);
    one.reply(one.got("INVITE"), 200, { tag: "one" });
    await rig.settle();
    expect(two.requests("CANCEL")).toHaveLength(1);
    two.reply(two.got("INVITE"), 200, { tag: "two" });
    one.reply(one.got("INVITE"), 200, { tag: "one" });
    await rig.settle(1000);
    two.reply(two.got("INVITE"), 200, { tag: "two" });
    await rig.settle();
    expect(alice.statuses()).toEqual([100, 200, 200, 200, 200]);
    expect(alice.received.map((message) => /;tag=(one|two)/.exec(message.header(Header.to) ?? "")?.[1])).toEqual([undefined, "one", "two", "one", "two"]);
  });

  test("603 from one ends the others; no new branch begins after it", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2", "10.0.2.3");
    const [one, two, three] = phones;
    rig.devices.set(person("102"), [device("102", "10.0.2.1"), device("102", "10.0.2.2"), device("102", "10.0.2.3", { q: 0.1 })]);
    alice.ask("INVITE", BOB);
    await rig.settle();
    two?.reply(two.got("INVITE"), 180);
    await rig.settle();
    one?.reply(one.got("INVITE"), 603);
    await rig.settle();
    expect(two === undefined ? [] : reasons(two)).toEqual(['SIP;cause=603;text="Declined elsewhere"']);
    two?.reply(two.got("INVITE"), 487);
    await rig.settle();
    expect([alice.statuses(), three?.received]).toEqual([[100, 180, 603], []]);
  });

  test("the challenges of all branches go to the caller in one answer (RFC 3261 §16.7 step 7)", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const [one, two] = phones;
    alice.ask("INVITE", BOB);
    await rig.settle();
    one?.reply(one.got("INVITE"), 401, { headers: 'WWW-Authenticate: Digest realm="one", nonce="a"\r\n' });
    two?.reply(two.got("INVITE"), 407, { headers: 'Proxy-Authenticate: Digest realm="two", nonce="b, c"\r\n' });
    await rig.settle();
    const challenge = alice.received.at(-1);
    expect([challenge?.status, challenge?.header(Header.wwwAuthenticate), challenge?.header(Header.proxyAuthenticate)]).toEqual([401, 'Digest realm="one", nonce="a"', 'Digest realm="two", nonce="b, c"']);
  });

  test("a fork shares the breadth that the request came with among its branches, and what is too many waits its turn (RFC 5393 §5)", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2", "10.0.2.3");
    const breadths = (): readonly (string | undefined)[] => phones.flatMap((phone) => phone.requests("OPTIONS").map((one) => one.headerNamed("Max-Breadth")));
    alice.ask("OPTIONS", BOB);
    await rig.settle();
    expect(breadths()).toEqual(["21", "21", "21"]);
    alice.ask("OPTIONS", BOB, { headers: "Max-Breadth: 2\r\n" });
    await rig.settle();
    expect(breadths()).toHaveLength(5);
    expect(breadths().filter((breadth) => breadth === "1")).toHaveLength(2);
    for (const phone of phones.slice(0, 2)) phone.reply(phone.requests("OPTIONS")[1] ?? phone.got("OPTIONS"), 480);
    await rig.settle();
    expect(phones[2]?.requests("OPTIONS")).toHaveLength(2);
  });

  test("the caller's connection ends while it rings: the call goes on, and the answer opens a new one to its Via (RFC 3261 §18.2.2)", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const [bob] = phones;
    alice.ask("INVITE", BOB, { protocol: "tcp" });
    await rig.settle();
    bob?.reply(bob.got("INVITE"), 180);
    await rig.settle();
    alice.flow("tcp").close();
    await rig.settle();
    bob?.reply(bob.got("INVITE"), 200);
    await rig.settle();
    expect([alice.statuses(), bob?.requests("CANCEL")]).toEqual([[100, 180, 200], []]);
  });
});

describe("the fork from outside (ForkControl, by way of the dialog table)", () => {
  const controlOf = (rig: Rig, callId: string) => rig.dialogs.fork(person("102"), { callId });

  test("a device that came late rings too, and may answer", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1");
    const late = await rig.peer("10.0.2.9");
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    phones[0]?.reply(phones[0].got("INVITE"), 180);
    await rig.settle();
    expect(controlOf(rig, sent.callId)?.addBranch(device("102", "10.0.2.9"))).toBe(true);
    await rig.settle();
    late.reply(late.got("INVITE"), 200);
    await rig.settle();
    expect(alice.statuses()).toEqual([100, 180, 200]);
    phones[0]?.got("CANCEL");
  });

  test("who answers first wins: a pickup before the phone, or the phone before the pickup; a control that was kept says late and holds nothing", async () => {
    for (const isPickupFirst of [true, false]) {
      const rig = await Rig.open();
      const { alice, phones } = await ringing(rig, "10.0.2.1");
      const [bob] = phones;
      if (bob === undefined) return;
      const sent = alice.ask("INVITE", BOB);
      await rig.settle();
      bob.reply(bob.got("INVITE"), 180);
      await rig.settle();
      const control = controlOf(rig, sent.callId);
      if (control === null) throw new Error("no control");
      expect(control.invite()?.callId).toBe(sent.callId);
      const text = alice.answer(sent, 200, { tag: "pickup" });
      if (!isPickupFirst) {
        bob.reply(bob.got("INVITE"), 200);
        await rig.settle();
      }
      expect(control.answerCaller({ status: 200, text })).toBe(isPickupFirst ? "won" : "late");
      expect(control.answerCaller({ status: 200, text })).toBe("late");
      await rig.settle();
      expect(alice.statuses()).toEqual([100, 180, 200]);
      expect(bob.requests("CANCEL")).toHaveLength(isPickupFirst ? 1 : 0);
      expect([control.invite(), control.addBranch(device("102", "10.0.2.1"))]).toEqual([null, false]);
    }
  });

  test("all but one are cancelled, with the reason that was given", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    for (const phone of phones) phone.reply(phone.got("INVITE"), 180);
    await rig.settle();
    controlOf(rig, sent.callId)?.cancelOthers(0, 'SIP;cause=200;text="Parked"');
    await rig.settle();
    expect(phones.map((phone) => reasons(phone))).toEqual([[], ['SIP;cause=200;text="Parked"']]);
  });

  test("no branch is added after 603, nor after CANCEL", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    for (const end of ["603", "CANCEL"]) {
      const sent = alice.ask("INVITE", BOB);
      await rig.settle();
      for (const phone of phones) phone.reply(phone.requests("INVITE").at(-1) ?? phone.got("INVITE"), 180);
      await rig.settle();
      const control = controlOf(rig, sent.callId);
      if (end === "603") phones[0]?.reply(phones[0].got("INVITE"), 603);
      else alice.hop(sent, "CANCEL");
      await rig.settle();
      expect(control?.addBranch(device("102", "10.0.2.1")), end).toBe(false);
    }
  });
});

describe("what a call leaves behind", () => {
  test("when the call is set up no transaction knows its fork any more, though they linger for 32 s", async () => {
    const rig = await Rig.open();
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2");
    const [one, two] = phones;
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    for (const phone of phones) phone.reply(phone.got("INVITE"), 180);
    await rig.settle();
    one?.reply(one.got("INVITE"), 200);
    await rig.settle();
    two?.reply(two.got("CANCEL"), 200);
    two?.reply(two.got("INVITE"), 487);
    await rig.settle();
    const { table } = rig.layer;
    expect(table.count).toBeGreaterThan(2);
    const users = Array.from({ length: 1024 }, (_, slot) => table.user(slot)).map((user) => user?.constructor.name);
    expect(users.filter((name) => name === "Fork" || name === "Branch")).toEqual([]);
    expect(rig.dialogs.fork(person("102"), { callId: sent.callId })).toBe(null);
    await rig.settle(40_000);
    expect(table.count).toBe(0);
  });

  test("a table that is full refuses what is new with 503 and Retry-After, and what has begun with 500; it recovers", async () => {
    const rig = await Rig.open({ transactionsMax: 3 });
    const { alice, phones } = await ringing(rig, "10.0.2.1", "10.0.2.2", "10.0.2.3");
    alice.ask("OPTIONS", BOB);
    await rig.settle();
    expect(phones.filter((phone) => phone.received.length > 0)).toHaveLength(2);
    alice.ask("OPTIONS", BOB);
    await rig.settle();
    const busy = alice.received.at(-1);
    expect([busy?.status, busy?.header(Header.retryAfter)]).toEqual([503, "10"]);
    phones[0]?.reply(phones[0].got("OPTIONS"), 200);
    await rig.settle(80_000);
    phones[0]?.received.splice(0);
    alice.ask("OPTIONS", BOB);
    await rig.settle();
    expect(phones[0]?.requests("OPTIONS")).toHaveLength(1);
  });
});
