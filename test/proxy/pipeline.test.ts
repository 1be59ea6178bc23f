import { describe, expect, test } from "vitest";
import { ConfigError, ParseError } from "../../src/base/errors.ts";
import type { Call, Feature, Outcome } from "../../src/proxy/feature.ts";
import { checkOrder } from "../../src/proxy/pipeline.ts";
import { goOn, refuse, type Verdict } from "../../src/proxy/verdict.ts";
import { Header } from "../../src/sip/header-name.ts";
import { device, DOMAIN, person, Rig, type Peer } from "./rig.ts";

const BOB = `sip:102@${DOMAIN}`;
const CAROL = `sip:103@${DOMAIN}`;

const feature = (hooks: Partial<Feature>): Feature => ({ name: "made-up", after: ["authentication"], ...hooks });
const retarget = (to: string): Verdict => ({ kind: "retarget", to, cause: "user-busy" });

/** A promise that the test settles. */
function waiting<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (why: Error) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (why: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** 102 at 10.0.2.2 and 103 at 10.0.2.3, and a caller. */
async function office(...features: readonly Feature[]): Promise<{ rig: Rig; alice: Peer; bob: Peer; carol: Peer }> {
  const rig = await Rig.open({ features });
  const [alice, bob, carol] = [await rig.peer("10.0.1.1"), await rig.peer("10.0.2.2"), await rig.peer("10.0.2.3")];
  rig.devices.set(person("102"), [device("102", "10.0.2.2")]);
  rig.devices.set(person("103"), [device("103", "10.0.2.3")]);
  return { rig, alice, bob, carol };
}

describe("the order of the features is checked at start", () => {
  const named = (name: string, ...after: string[]): Feature => ({ name, after });
  test.each([
    ["none", [], null],
    ["each after what it names", [named("a"), named("b", "a"), named("c", "a", "b")], null],
    ["one before what it names", [named("b", "a"), named("a")], ["feature b must stand after a"]],
    ["one that is not there, and itself", [named("a", "x", "a")], ["feature a must stand after x", "feature a must stand after a"]],
  ])("%s", (_name, features, mistakes) => {
    if (mistakes === null) checkOrder(features);
    else
      try {
        checkOrder(features);
        expect.unreachable();
      } catch (err) {
        expect(err instanceof ConfigError ? err.mistakes : err).toEqual(mistakes);
      }
  });
});

describe.each(["at once", "by a promise"])("verdicts %s", (when) => {
  const given = (verdict: Verdict): Verdict | Promise<Verdict> => (when === "at once" ? verdict : Promise.resolve(verdict));
  test.each([
    ["continue: the location service finds the phone", goOn, [100, 486], 1, 0],
    ["reply", refuse(486, "Not today", "Warning: 399 x y\r\n"), [486], 0, 0],
    ["retarget: another person", retarget(CAROL), [100, 480], 0, 1],
    ["retarget to nobody", retarget(`sip:199@${DOMAIN}`), [100, 480], 0, 0],
    ["retarget to what is no URI", retarget("nonsense"), [500], 0, 0],
    ["route: these targets", { kind: "route", targets: [device("103", "10.0.2.3")] }, [100, 480], 0, 1],
    ["route: nobody", { kind: "route", targets: [] }, [100, 480], 0, 0],
  ] as const)("%s", async (_name, verdict, statuses, bobs, carols) => {
    const { rig, alice, bob, carol } = await office(feature({ onRequest: (call) => (call.retargets > 0 ? goOn : given(verdict)) }));
    bob.script = (request) => (request.method === "INVITE" ? bob.answer(request, 486) : null);
    carol.script = (request) => (request.method === "INVITE" ? carol.answer(request, 480) : null);
    alice.ask("INVITE", BOB);
    await rig.settle(200);
    // Whoever waits for a feature is told so at once.
    expect(alice.statuses().filter((status) => status !== 100)).toEqual(statuses.filter((status) => status !== 100));
    expect(alice.statuses()[0]).toBe(when === "at once" ? statuses[0] : 100);
    expect([bob.requests("INVITE").length, carol.requests("INVITE").length]).toEqual([bobs, carols]);
    expect(rig.errors).toEqual([]);
  });
});

describe("a feature that takes its time", () => {
  test("the caller is told 100 at once; a CANCEL meanwhile wins, whatever the feature says then", async () => {
    for (const act of ["goes on", "fails"]) {
      const wait = waiting<Verdict>();
      const { rig, alice, bob } = await office(feature({ onRequest: () => wait.promise }));
      const sent = alice.ask("INVITE", BOB);
      await rig.settle();
      expect(alice.statuses()).toEqual([100]);
      alice.hop(sent, "CANCEL");
      await rig.settle();
      expect([alice.statuses(), alice.statuses("CANCEL")]).toEqual([[100, 487], [200]]);
      if (act === "fails") wait.reject(new Error("too late"));
      else wait.resolve(goOn);
      await rig.settle(20_000);
      expect([bob.received.length, rig.errors]).toEqual([0, []]);
    }
  });

  test("its deadline is 10 s: then 500, and the late verdict counts for nothing", async () => {
    const wait = waiting<Verdict>();
    const { rig, alice, bob } = await office(feature({ onRequest: () => wait.promise }));
    alice.ask("INVITE", BOB);
    await rig.settle(10_100);
    expect(alice.statuses().slice(0, 2)).toEqual([100, 500]);
    expect(rig.errors).toHaveLength(1);
    wait.resolve(goOn);
    await rig.settle(100);
    expect(bob.received).toEqual([]);
  });

  test.each([
    ["by our own mistake: 500, and logged", new Error("oops"), 500, 1],
    ["by the peer's mistake: as the mistake says", new ParseError("no such thing", 488), 488, 0],
  ])("it fails %s", async (_name, why, status, errors) => {
    for (const isLate of [false, true]) {
      const fail = (): Promise<Verdict> => {
        if (isLate) return Promise.reject(why);
        throw why;
      };
      const { rig, alice } = await office(feature({ onRequest: fail }));
      alice.ask("INVITE", BOB);
      await rig.settle();
      expect([alice.statuses().at(-1), rig.errors.length]).toEqual([status, errors]);
    }
  });

  test("it still sees the request that it was asked about, whatever has come since", async () => {
    const wait = waiting<Verdict>();
    let seen: Call | null = null;
    const { rig, alice, bob } = await office(
      feature({
        onRequest: (call) => {
          if (call.message.method !== "INVITE") return goOn;
          seen = call;
          return wait.promise;
        },
      }),
    );
    const sent = alice.ask("INVITE", BOB, { body: "v=0\r\n" });
    await rig.settle();
    alice.ask("OPTIONS", CAROL);
    await rig.settle();
    wait.resolve(goOn);
    await rig.settle();
    expect((seen as Call | null)?.message.callId).toBe(sent.callId);
    expect(bob.got("INVITE").body).toBe("v=0\r\n");
  });
});

describe("retargeting", () => {
  test("for ever: 483 after five", async () => {
    let count = 0;
    const { rig, alice } = await office(feature({ onRequest: () => retarget(++count % 2 === 0 ? BOB : CAROL) }));
    alice.ask("INVITE", BOB);
    await rig.settle();
    expect([alice.statuses(), count]).toEqual([[483], 6]);
  });

  test.each(["at once", "by a promise"])("after a failure, %s: the request itself goes to the next person, not what came last; the second outcome is the caller's", async (when) => {
    const outcomes: Outcome[] = [];
    const seen: string[] = [];
    const { rig, alice, bob, carol } = await office(
      feature({
        onFailure: (call, outcome) => {
          outcomes.push(outcome);
          seen.push(`${call.message.isRequest ? call.message.method : "a response"} ${call.message.body}`);
          const verdict = outcomes.length === 1 ? retarget(CAROL) : goOn;
          return when === "at once" ? verdict : Promise.resolve(verdict);
        },
      }),
    );
    alice.ask("INVITE", BOB, { body: "v=0\r\n" });
    await rig.settle();
    bob.reply(bob.got("INVITE"), 180);
    await rig.settle();
    bob.reply(bob.got("INVITE"), 600);
    await rig.settle();
    const second = carol.got("INVITE");
    expect([second.requestUri, second.body, second.maxForwards]).toEqual(["sip:103@10.0.2.3:5060", "v=0\r\n", 69]);
    carol.reply(second, 486);
    await rig.settle();
    expect(outcomes).toEqual([{ status: 600, hasRung: true }, { status: 486, hasRung: false }]);
    expect(seen).toEqual(["INVITE v=0\r\n", "INVITE v=0\r\n"]);
    expect(alice.statuses()).toEqual([100, 180, 486]);
  });

  test("after timer C too, when the last message was somebody else's", async () => {
    const { rig, alice, bob, carol } = await office(feature({ onFailure: (_call, outcome) => (outcome.status === 408 ? retarget(CAROL) : goOn) }));
    const sent = alice.ask("INVITE", BOB, { body: "mine" });
    await rig.settle();
    bob.reply(bob.got("INVITE"), 180);
    await rig.settle(185_500);
    (await rig.peer("10.0.1.9")).ask("OPTIONS", `sip:${DOMAIN}`, { body: "another" });
    await rig.settle(33_000);
    const [forwarded] = carol.requests("INVITE");
    expect([forwarded?.callId, forwarded?.body]).toEqual([sent.callId, "mine"]);
  });

  test("onFailure is asked feature by feature until one decides; a reply of one is the answer", async () => {
    const asked: string[] = [];
    const { rig, alice } = await office(
      feature({ name: "first", onFailure: () => (asked.push("first"), goOn) }),
      feature({ name: "second", onFailure: () => (asked.push("second"), refuse(480, "Gone fishing")) }),
      feature({ name: "third", onFailure: () => (asked.push("third"), goOn) }),
    );
    alice.ask("INVITE", `sip:104@${DOMAIN}`);
    await rig.settle();
    expect([asked, alice.received.at(-1)?.reason]).toEqual([["first", "second"], "Gone fishing"]);
  });

  test("CANCEL while a failure is thought about: 487, and nobody else rings", async () => {
    const wait = waiting<Verdict>();
    const { rig, alice, bob, carol } = await office(feature({ onFailure: () => wait.promise }));
    const sent = alice.ask("INVITE", `sip:104@${DOMAIN}`);
    await rig.settle();
    alice.hop(sent, "CANCEL");
    await rig.settle();
    wait.resolve(retarget(BOB));
    await rig.settle();
    expect([alice.statuses(), bob.received.length, carol.received.length]).toEqual([[100, 487], 0, 0]);
  });
});

describe("the hooks on the way", () => {
  test("onTargets changes whom it goes to, one feature after the other, at once or later", async () => {
    for (const isLate of [false, true]) {
      const { rig, alice, bob, carol } = await office(
        feature({ onTargets: (_call, targets) => (isLate ? Promise.resolve([...targets, device("103", "10.0.2.3")]) : [...targets, device("103", "10.0.2.3")]) }),
        feature({ name: "second", onTargets: (_call, targets) => targets.filter((target) => target.device !== "10.0.2.2") }),
      );
      alice.ask("INVITE", BOB);
      await rig.settle();
      expect([bob.requests("INVITE").length, carol.requests("INVITE").length]).toEqual([0, 1]);
    }
  });

  test("onBranch and onReply edit what goes on, also a repeated 2xx; onEnd hears the end once, with the request at hand", async () => {
    const ends: string[] = [];
    const { rig, alice, bob } = await office(
      feature({
        onBranch: (call, target) => [{ kind: "add", name: "X-To", value: `${target.device} for ${call.message.method}` }],
        onReply: (call) => [{ kind: "replace", name: "X-Reply", value: call.message.isRequest ? "edited" : "wrong message" }],
        onEnd: (call, status) => ends.push(`${call.message.isRequest ? call.message.callId : "a response"} ${status}`),
      }),
    );
    const sent = alice.ask("INVITE", BOB);
    await rig.settle();
    expect(bob.got("INVITE").headerNamed("X-To")).toBe("10.0.2.2 for INVITE");
    bob.reply(bob.got("INVITE"), 180, { headers: "X-Reply: old\r\n" });
    bob.reply(bob.got("INVITE"), 200);
    await rig.settle(500);
    bob.reply(bob.got("INVITE"), 200);
    await rig.settle();
    expect(alice.received.slice(1).map((one) => `${one.status} ${one.headerNamed("X-Reply") ?? ""}`)).toEqual(["180 edited", "200 edited", "200 edited"]);
    expect(ends).toEqual([`${sent.callId} 200`]);
  });

  test("a hook that fails costs its own edits, not the call", async () => {
    const fail = (): never => {
      throw new Error("oops");
    };
    const { rig, alice, bob } = await office(feature({ onBranch: fail, onReply: fail }));
    bob.script = (request) => (request.method === "INVITE" ? bob.answer(request, 200) : null);
    alice.ask("INVITE", BOB);
    await rig.settle();
    expect([alice.statuses(), rig.errors.length]).toEqual([[100, 200], 2]);
  });

  test("a branch whose request URI a feature changes gets that one alone", async () => {
    const { rig, alice, bob } = await office(feature({ onBranch: () => [{ kind: "uri", uri: "sip:edited@10.0.2.2" }] }));
    alice.ask("OPTIONS", BOB);
    await rig.settle();
    expect(bob.got("OPTIONS").text.split("\r\n")[0]).toBe("OPTIONS sip:edited@10.0.2.2 SIP/2.0");
  });
});

describe("redirections", () => {
  const moved = (phone: Peer, ...to: string[]): void => {
    phone.script = (request) => (request.method === "INVITE" ? phone.answer(request, 302, { headers: to.map((uri) => `Contact: ${uri}\r\n`).join("") }) : null);
  };

  test("two phones that redirect to one another are tried once each (RFC 3261 §16.5)", async () => {
    const { rig, alice, bob, carol } = await office();
    moved(bob, `<${CAROL}>`);
    moved(carol, `<sip:104@${DOMAIN}>`);
    rig.devices.set(person("104"), [device("103", "10.0.2.3")]);
    alice.ask("INVITE", BOB);
    await rig.settle(200);
    expect([bob.requests("INVITE").length, carol.requests("INVITE").length, alice.statuses()]).toEqual([1, 1, [100, 302]]);
  });

  test("a chain is followed five times and no further", async () => {
    const rig = await Rig.open();
    const alice = await rig.peer("10.0.1.1");
    const phones: Peer[] = [];
    for (let number = 0; number < 9; number++) {
      const phone = await rig.peer(`10.0.3.${number}`);
      rig.devices.set(person(`11${number}`), [device(`11${number}`, phone.address)]);
      moved(phone, `<sip:11${number + 1}@${DOMAIN}>`);
      phones.push(phone);
    }
    alice.ask("INVITE", `sip:110@${DOMAIN}`);
    await rig.settle(300);
    expect([phones.filter((phone) => phone.received.length > 0).length, alice.statuses()]).toEqual([6, [100, 302]]);
  });

  test.each([["one that cannot be read", '"x'], ["a star", "*"], ["nothing", ""], ["a telephone number", "<tel:103>"], ["half of it elsewhere", `<${CAROL}>, <sip:x@elsewhere.example>`]])("%s is the caller's to follow, and the call ends", async (_name, contact) => {
    const { rig, alice, bob, carol } = await office();
    moved(bob, contact);
    alice.ask("INVITE", BOB);
    await rig.settle(200);
    expect([alice.statuses(), carol.received.length]).toEqual([[100, 302], 0]);
  });

  test("whom a phone names first by q rings first", async () => {
    const { rig, alice, bob, carol } = await office();
    const low = await rig.peer("10.0.2.9");
    rig.devices.set(person("102"), [device("102", "10.0.2.2"), device("102", "10.0.2.9", { q: 0.1 })]);
    moved(bob, `<${CAROL}>`);
    alice.ask("INVITE", BOB);
    await rig.settle(200);
    expect([carol.requests("INVITE").length, low.received.length]).toEqual([1, 0]);
  });
});

describe("a person who registered the address of another person", () => {
  test("is found at that person's devices, without a detour; circles end", async () => {
    const { rig, alice, bob, carol } = await office();
    rig.devices.set(person("102"), [device("102", "10.0.2.2"), { ...device("102", "x"), uri: CAROL, q: 0.5 }]);
    rig.devices.set(person("103"), [device("103", "10.0.2.3"), { ...device("103", "y"), uri: BOB }]);
    alice.ask("INVITE", BOB);
    await rig.settle();
    bob.reply(bob.got("INVITE"), 480);
    await rig.settle();
    expect(carol.got("INVITE").values(Header.via)).toHaveLength(2);
  });
});
