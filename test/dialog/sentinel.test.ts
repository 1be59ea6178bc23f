import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Call } from "../../src/dialog/call.ts";
import type { DialogTable } from "../../src/dialog/dialog-table.ts";
import type { Leg } from "../../src/dialog/leg.ts";
import type { Side } from "../../src/dialog/side.ts";
import { probesPerSecondMax, sentinel, type Sentinel } from "../../src/dialog/sentinel.ts";
import type { ProbeAnswer, ProbeRound } from "../../src/dialog/sentinel-verdict.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import type { FakeClock } from "../sim/fake-clock.ts";
import { seen, tableOf, TestCall } from "./calls.ts";

type Answerer = (side: Side, kind: ProbeRound["kind"], call: Call) => ProbeAnswer;

/** A sentinel over a table, and phones that answer as told a moment (silence: 32 s) later. */
function guarded(answer: Answerer, options: { endDead?: boolean; probeMs?: number } = {}): { table: DialogTable; clock: FakeClock; guard: Sentinel; asked: string[]; hungUp: string[]; wheel: TimerWheel } {
  const { table, clock } = tableOf();
  const asked: string[] = [];
  const hungUp: string[] = [];
  const wheel = new TimerWheel(clock);
  const guard = sentinel({
    calls: table,
    prober: {
      ask(call: Call, _leg: Leg, side: Side, kind, done): void {
        asked.push(`${side} ${kind}`);
        const said = answer(side, kind, call);
        clock.after(said === "silent" ? 32_000 : 20, () => {
          done(said, `phone of ${side}`);
        });
      },
      hangUp: (_call, _leg, side) => {
        hungUp.push(side);
      },
    },
    clock,
    wheel,
    log: silentLog,
    settings: { probeMs: options.probeMs ?? 60_000, endDead: options.endDead ?? false },
  });
  guard.start();
  return { table, clock, guard, asked, hungUp, wheel };
}

const HOUR = 3_600_000;

describe("a call of which nothing is seen", () => {
  test("is not asked after within the time, then about once in it, and lives while both answer", () => {
    const { table, clock, guard, asked } = guarded(() => "alive");
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    clock.advance(59_000);
    expect(asked).toEqual([]);
    clock.advance(HOUR);
    expect(asked.length).toBeGreaterThan(2 * 40);
    expect(asked.length).toBeLessThan(2 * 61);
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
    expect([guard.unexplained, guard.doubted, guard.counts.healed]).toEqual([0, 0, { lost: 0, silent: 0, unreachable: 0, session: 0 }]);
  });

  test.each<[string, Answerer, number, string]>([
    ["whose BYE was lost for ever: the phone that said it answers 481", (side) => (side === "caller" ? "lost" : "alive"), 100_000, "lost"],
    ["whose phones both lost their power", () => "silent", 200_000, "silent"],
    ["whose connections both are gone and do not come back", () => "unreachable", 420_000, "unreachable"],
  ])("goes dark in a set time: one %s", (_name, answer, withinMs, reason) => {
    const { table, clock, guard, hungUp } = guarded(answer);
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    clock.advance(withinMs);
    expect([seen(table, "101"), seen(table, "102"), table.calls()]).toEqual([[], [], []]);
    expect(guard.counts.healed).toMatchObject({ [reason]: 1 });
    expect([guard.doubted, hungUp]).toEqual([0, []]);
  });

  test.each<[string, Answerer]>([
    ["refuse OPTIONS, or its CSeq", () => "alive"],
    ["do not answer OPTIONS within a dialog, but do outside", (_side, kind) => (kind === "within" ? "silent" : "alive")],
    ["lose their power on one side only", (side) => (side === "caller" ? "silent" : "alive")],
  ])("is not ended when its phones %s", (_name, answer) => {
    const { table, clock, guard } = guarded(answer);
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    clock.advance(2 * HOUR);
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
    expect(guard.doubted).toBeLessThan(2);
  });

  test("is not ended by phones that are out of reach for some minutes and then come back", () => {
    let isBack = false;
    const { table, clock } = guarded(() => (isBack ? "alive" : "unreachable"));
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    for (let round = 0; round < 5; round++) {
      isBack = false;
      clock.advance(240_000);
      isBack = true;
      clock.advance(120_000);
    }
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
  });

  test("is given up only when nothing was said in it while its phones were asked", () => {
    const { table, clock } = guarded(() => "silent");
    const call = new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    for (let minute = 0; minute < 60; minute++) {
      clock.advance(25_000);
      call.asks("INFO", "bob").replies("INFO", 200, "bob");
    }
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
  });

  test("is ended for both phones by BYE where the configuration says so", () => {
    const { table, clock, hungUp } = guarded((side) => (side === "callee" ? "lost" : "alive"), { endDead: true });
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    clock.advance(100_000);
    expect(hungUp).toEqual(["caller", "callee"]);
  });

  test("is not asked after where that is switched off", () => {
    const { table, clock, asked } = guarded(() => "silent", { probeMs: 0 });
    new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
    clock.advance(2 * HOUR);
    expect([asked, seen(table, "102")]).toEqual([[], ["recipient confirmed"]]);
  });
});

test("a phone that says BYE in a call of which it had said 481 is not believed again", () => {
  const { table, clock, guard } = guarded((side) => (side === "caller" ? "lost" : "alive"));
  const first = new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
  clock.advance(100_000);
  expect(seen(table, "102")).toEqual([]);
  first.asks("BYE", "bob");
  expect(guard.counts.mistaken).toBe(1);
  new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
  clock.advance(HOUR);
  expect(seen(table, "102")).toEqual(["recipient confirmed"]);
});

test("a BYE from the other side, who never got the first one, is no such sign", () => {
  const { table, clock, guard } = guarded((side) => (side === "caller" ? "lost" : "alive"));
  const call = new TestCall(table, "101", "102").isAnswered(0, "102", "bob");
  clock.advance(100_000);
  call.asks("BYE", "bob", { by: "callee" });
  expect(guard.counts.mistaken).toBe(0);
});

test("a session timer that nobody refreshes makes the silence of one side enough", () => {
  for (const line of ["", "Session-Expires: 300;refresher=uac\r\n"]) {
    const { table, clock, guard } = guarded((side) => (side === "callee" ? "silent" : "alive"));
    const call = new TestCall(table, "101", "102");
    call.answers(0, "102", 200, "bob", line).ends(200);
    clock.advance(300_000);
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
    clock.advance(300_000);
    expect(seen(table, "102")).toEqual(line === "" ? ["recipient confirmed"] : []);
    expect(guard.counts.healed.session).toBe(line === "" ? 0 : 1);
  }
});

test("a refresh in time keeps the session; one that both outlive is expected no more", () => {
  const { table, clock, guard } = guarded((side) => (side === "callee" ? "silent" : "alive"));
  const call = new TestCall(table, "101", "102");
  call.answers(0, "102", 200, "bob", "Session-Expires: 300\r\n").ends(200);
  for (let turn = 0; turn < 20; turn++) {
    clock.advance(150_000);
    call.asks("UPDATE", "bob").replies("UPDATE", 200, "bob", { headers: "Session-Expires: 300\r\n" });
  }
  expect(guard.counts.healed.session).toBe(0);
  // The timer is switched off by a 2xx without it (RFC 4028 §7.2).
  call.asks("UPDATE", "bob").replies("UPDATE", 200, "bob");
  clock.advance(HOUR);
  expect(seen(table, "102")).toEqual(["recipient confirmed"]);
});

test("five thousand calls that fell silent at once are asked at a bounded rate, and all go dark", () => {
  const { table, clock, guard, asked } = guarded(() => "lost");
  for (let index = 0; index < 5000; index++) new TestCall(table, `1${String(index % 90 + 10)}`, "900", { callId: `c${index}` }).isAnswered(0, "900", "x");
  clock.advance(60_000);
  let most = 0;
  for (let second = 0; second < 300; second++) {
    const before = asked.length;
    clock.advance(1000);
    most = Math.max(most, asked.length - before);
  }
  expect(most).toBeLessThanOrEqual(5 * probesPerSecondMax);
  expect([table.count, guard.doubted]).toEqual([0, 0]);
});

describe("a call that goes through us and is not known", () => {
  const contactsOf = (aor: string): readonly string[] => [`sip:${aor.slice(4, 7)}@10.0.0.${aor.slice(6, 7)}:5060`];
  const contact = (user: string): string => `Contact: <sip:${user}@10.0.0.${user.slice(2)}:5060>\r\n`;

  test.each(["INVITE", "UPDATE"])("is taken up again when both sides agree on it anew by %s: the lamps light up", (method) => {
    const store = memoryStore({ node: "t", clock: tableOf().clock });
    const lost = tableOf({ store, contactsOf });
    const call = new TestCall(tableOf().table, "101", "102").isAnswered(0, "102", "bob").of(lost.table);
    call.asks(method, "bob", { headers: contact("101") }).replies(method, 200, "bob", { headers: contact("102") });
    expect([seen(lost.table, "101"), seen(lost.table, "102"), lost.table.adopted]).toEqual([["initiator confirmed"], ["recipient confirmed"], 1]);
    expect([...store.load("dialogs")]).toHaveLength(1);
    call.asks("BYE", "bob", { by: "callee" });
    expect([lost.table.count, [...store.load("dialogs")]]).toEqual([0, []]);
  });

  const sdp = (direction: string): string => `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=${direction}\r\n`;
  test.each<[string, string | undefined, string | undefined, [caller: boolean, callee: boolean]]>([
    ["the one who asks holds", "sendonly", "recvonly", [true, false]],
    ["the one who asks holds with silence", "inactive", "inactive", [true, false]],
    ["the one who is asked still holds", "sendrecv", "sendonly", [false, true]],
    ["the one who is held asks", "recvonly", "sendonly", [false, true]],
    ["an INVITE without a description brings up the hold of the other", undefined, "sendonly", [false, true]],
    ["nobody holds", "sendrecv", "sendrecv", [false, false]],
    ["nobody describes anything", undefined, undefined, [false, false]],
  ])("is on hold for whom it is: %s", (_name, offer, answer, expected) => {
    const lost = tableOf({ contactsOf });
    const call = new TestCall(tableOf().table, "101", "102").isAnswered(0, "102", "bob").of(lost.table);
    call.asks("INVITE", "bob", { headers: contact("101"), ...(offer === undefined ? {} : { sdp: sdp(offer) }) }).replies("INVITE", 200, "bob", { headers: contact("102"), ...(answer === undefined ? {} : { sdp: sdp(answer) }) });
    expect([seen(lost.table, "101"), seen(lost.table, "102")]).toEqual([[`initiator confirmed${expected[0] ? " held" : ""}`], [`recipient confirmed${expected[1] ? " held" : ""}`]]);
  });

  test.each<[string, (call: TestCall) => unknown]>([
    ["the answer refuses", (call) => call.asks("INVITE", "bob", { headers: contact("101") }).replies("INVITE", 481, "bob")],
    ["it is INFO that is answered", (call) => call.asks("INFO", "bob", { headers: contact("101") }).replies("INFO", 200, "bob", { headers: contact("102") })],
    ["no request was seen", (call) => call.replies("INVITE", 200, "bob", { headers: contact("102") })],
    ["neither is where a phone of the person is", (call) => call.asks("INVITE", "bob", { headers: contact("109") }).replies("INVITE", 200, "bob", { headers: contact("109") })],
    ["no answer came", (call) => call.asks("INVITE", "bob", { headers: contact("101") }).replies("INVITE", null, "bob")],
  ])("stays unknown when %s", (_name, run) => {
    const { table } = tableOf({ contactsOf });
    run(new TestCall(tableOf().table, "101", "102").isAnswered(0, "102", "bob").of(table));
    expect([table.count, table.adopted]).toEqual([0, 0]);
  });
});
