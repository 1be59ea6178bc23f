import { describe, expect, test } from "vitest";
import { FakeClock } from "../sim/fake-clock.ts";
import { MemoryStore, Rig, aor, fakeFlow } from "./rig.ts";

const alice = aor("101");

/** A rig with one subscription whose first NOTIFY is acknowledged. */
function watched(event = "presence"): Rig {
  const rig = new Rig();
  rig.subscribe("101", "201", event);
  rig.agent.last.answer(200);
  return rig;
}

describe("a change", () => {
  test("is told at once, to the watchers of that package and resource alone", () => {
    const rig = new Rig();
    rig.subscribe("101", "201");
    rig.subscribe("101", "202");
    rig.subscribe("101", "203", "dialog");
    rig.subscribe("102", "204");
    for (const sent of rig.agent.open) sent.answer(200);
    rig.presence.set(alice, "busy");
    expect(rig.agent.open.map((sent) => [sent.dialog.target, sent.body])).toEqual([
      ["sip:201@192.0.2.9:5062", "state=busy"],
      ["sip:202@192.0.2.9:5062", "state=busy"],
    ]);
  });

  test("that leaves the body as it was is not told", () => {
    const rig = watched();
    rig.presence.set(alice, "none");
    expect(rig.agent.sent).toHaveLength(1);
    expect(rig.engine.counters.unchanged).toBe(1);
  });

  test("waits while a NOTIFY is in flight, and only the newest goes out then", () => {
    const rig = watched();
    for (const state of ["a", "b", "c"]) rig.presence.set(alice, state);
    expect(rig.agent.sent.map((sent) => sent.body)).toEqual(["state=none", "state=a"]);
    rig.agent.last.answer(200);
    expect(rig.agent.last.body).toBe("state=c");
    expect(rig.agent.open).toHaveLength(1);
  });

  test("that is taken back while a NOTIFY is in flight is not told twice", () => {
    const rig = watched();
    for (const state of ["a", "b", "a"]) rig.presence.set(alice, state);
    rig.agent.last.answer(200);
    expect(rig.agent.sent).toHaveLength(2);
  });

  test("counts CSeq and version up together", () => {
    const rig = watched("dialog");
    for (const state of ["a", "b"]) {
      rig.dialog.set(alice, state);
      rig.agent.last.answer(200);
    }
    expect(rig.agent.sent.map((sent) => [sent.request.cseq, sent.body])).toEqual([
      [1, "state=none;version=0;"],
      [2, "state=a;version=1;"],
      [3, "state=b;version=2;"],
    ]);
  });

  test("whose document cannot be rendered stops nobody else, and the next one is told", () => {
    const rig = new Rig();
    rig.presence.isBroken = true;
    expect(rig.subscribe("101").answer.status).toBe(200);
    rig.presence.isBroken = false;
    rig.presence.set(alice, "a");
    expect(rig.agent.last.body).toBe("state=a");
  });

  test("reaches the others when one NOTIFY cannot be made", () => {
    const rig = new Rig();
    rig.subscribe("101", "201");
    rig.subscribe("101", "202");
    for (const sent of rig.agent.open) sent.answer(200);
    rig.agent.onSend = (sent) => {
      if (sent.dialog.target.includes("201")) throw new Error("on purpose");
    };
    rig.presence.set(alice, "a");
    expect(rig.agent.last.dialog.target).toContain("202");
    expect(rig.engine.list().map((one) => one.state)).toEqual(["suspect", "active"]);
  });
});

describe("the answer to a NOTIFY", () => {
  test.each([481, 404])("%i ends the subscription without another word", (status) => {
    const rig = watched();
    rig.presence.set(alice, "a");
    rig.agent.last.answer(status);
    expect(rig.engine.counts().subscriptions + rig.store.size("subscriptions")).toBe(0);
    rig.presence.set(alice, "b");
    rig.clock.advance(10_000_000);
    expect(rig.agent.sent).toHaveLength(2);
    expect(rig.wheel.count).toBe(0);
  });

  test.each([300, 401, 405, 408, 480, 489, 500, 501, 503, 603])("%i makes it suspect and no more", (status) => {
    const rig = watched();
    rig.presence.set(alice, "a");
    rig.agent.last.answer(status);
    expect(rig.engine.list()[0]?.state).toBe("suspect");
    rig.clock.advance(6_000);
    expect(rig.agent.sent).toHaveLength(3);
    rig.agent.last.answer(200);
    expect(rig.engine.list()[0]?.state).toBe("active");
  });

  test("that never comes is tried again after 5, 10, 20 … seconds, at most one in five minutes, with the state of then", () => {
    const rig = watched();
    rig.presence.set(alice, "a");
    const waits: number[] = [];
    for (let round = 0; round < 9; round++) {
      rig.agent.last.timeout();
      const failedAt = rig.clock.now();
      const { length } = rig.agent.sent;
      rig.presence.set(alice, `b${String(round)}`);
      expect(rig.agent.sent).toHaveLength(length);
      expect(rig.clock.runUntil(() => rig.agent.sent.length > length, 3_600_000)).toBe(true);
      expect(rig.agent.last.body).toBe(`state=b${String(round)}`);
      waits.push(rig.clock.now() - failedAt);
    }
    const wanted = [5, 10, 20, 40, 80, 160, 300, 300, 300];
    wanted.forEach((seconds, round) => {
      expect(waits[round], `round ${String(round)}`).toBeGreaterThanOrEqual(seconds * 1000);
      expect(waits[round], `round ${String(round)}`).toBeLessThanOrEqual(seconds * 1100 + 20);
    });
  });

  test("with Retry-After is waited for that long", () => {
    const rig = watched();
    rig.presence.set(alice, "a");
    rig.agent.last.answer(503, "Retry-After: 120 (back soon)\r\n");
    rig.clock.advance(119_000);
    expect(rig.agent.sent).toHaveLength(2);
    rig.clock.advance(14_000);
    expect(rig.agent.sent).toHaveLength(3);
  });

  test("failing, then the state going back: it is told again, because nobody knows what arrived", () => {
    const rig = watched();
    rig.presence.set(alice, "a");
    rig.agent.last.timeout();
    rig.presence.set(alice, "none");
    rig.clock.advance(6_000);
    expect(rig.agent.last.body).toBe("state=none");
    expect(rig.agent.sent).toHaveLength(3);
  });
});

describe("a suspect subscription", () => {
  function suspect(): Rig {
    const rig = new Rig();
    rig.subscribe("101", "201");
    for (let round = 0; round < 8; round++) {
      rig.agent.last.timeout();
      rig.clock.runUntil(() => rig.agent.open.length > 0, 400_000);
    }
    rig.agent.last.timeout();
    return rig;
  }

  test("is tried at once when its watcher registers that contact", () => {
    const rig = suspect();
    const { length } = rig.agent.sent;
    rig.engine.registered(aor("202"), "");
    rig.engine.registered(aor("201"), "sip:201@192.0.2.10:5062");
    expect(rig.agent.sent).toHaveLength(length);
    rig.engine.registered(aor("201"), "sip:201@192.0.2.9:5062;ob");
    expect(rig.agent.sent).toHaveLength(length + 1);
    rig.agent.last.answer(200);
    rig.clock.advance(400_000);
    expect(rig.agent.sent).toHaveLength(length + 1);
    rig.engine.registered(aor("201"), "");
    expect(rig.agent.sent).toHaveLength(length + 1);
  });

  test("that is tried just then is tried anew when the device registers meanwhile", () => {
    const rig = suspect();
    rig.clock.advance(331_000);
    const [old] = rig.agent.open;
    rig.engine.registered(aor("201"), "");
    expect(rig.agent.open).toHaveLength(2);
    rig.agent.last.answer(200);
    old?.timeout();
    expect(rig.engine.list()[0]?.state).toBe("active");
    expect(rig.agent.open).toHaveLength(0);
  });

  test("is tried at once on a refresh, without waiting for what was sent to the old way", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101", "201");
    const [first] = rig.agent.sent;
    watch.again([], fakeFlow(9999));
    expect(rig.agent.sent).toHaveLength(2);
    // What was given up is answered too late and changes nothing.
    first?.timeout();
    rig.presence.set(alice, "a");
    expect(rig.agent.sent).toHaveLength(2);
    rig.agent.last.answer(200);
    expect(rig.agent.last.body).toBe("state=a");
  });

  test("is still ended by time, with one last NOTIFY", () => {
    const rig = suspect();
    rig.clock.advance(4_000_000);
    for (const sent of rig.agent.open) sent.timeout();
    expect(rig.agent.last.state).toBe("terminated;reason=timeout");
    for (const sent of rig.agent.open) sent.timeout();
    rig.clock.advance(4_000_000);
    expect(rig.agent.open).toHaveLength(0);
    expect(rig.wheel.count).toBe(0);
  });
});

describe("an end while a NOTIFY is in flight", () => {
  test("waits for it, then sends the last one", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    watch.again(["Expires: 0"]);
    expect(rig.agent.open).toHaveLength(1);
    rig.agent.last.answer(200);
    expect(rig.agent.last.state).toBe("terminated;reason=timeout");
    rig.agent.last.answer(481);
    expect(rig.agent.sent).toHaveLength(2);
  });

  test("sends no last one when the watcher knows nothing of it", () => {
    const rig = new Rig();
    rig.subscribe("101").again(["Expires: 0"]);
    rig.agent.last.answer(481);
    expect(rig.agent.sent).toHaveLength(1);
  });
});

describe("a restart", () => {
  function restarted(from: Rig, afterMs = 0): Rig {
    from.engine.close();
    const rig = new Rig({ store: from.store, clock: new FakeClock(from.clock.now() + afterMs), seed: 2 });
    rig.engine.restore();
    return rig;
  }

  test("keeps subscriptions, says nothing, and goes on with higher CSeq and version and a full document", () => {
    const before = watched("dialog");
    before.dialog.set(alice, "a");
    const rig = restarted(before, 10_000);
    expect(rig.agent.sent).toHaveLength(0);
    expect(rig.engine.list()).toMatchObject([{ resource: alice, watcher: aor("201"), event: "dialog", state: "active" }]);
    rig.dialog.set(alice, "a");
    expect(rig.agent.last.request).toMatchObject({ cseq: 101, body: "state=a;version=100;" });
    expect(rig.agent.last.dialog).toMatchObject({ target: "sip:201@192.0.2.9:5062", flow: null });
    expect(rig.agent.last.state).toBe("active;expires=3590");
    rig.agent.last.answer(200);
    rig.clock.advance(3_600_000);
    expect(rig.engine.counts().subscriptions).toBe(0);
    expect(rig.agent.last.state).toBe("terminated;reason=timeout");
  });

  test("twice in a row jumps twice", () => {
    const once = restarted(watched());
    once.presence.set(alice, "a");
    const twice = restarted(once);
    twice.presence.set(alice, "b");
    expect(twice.agent.last.request.cseq).toBe(201);
  });

  test("drops what has lapsed and what cannot be read", () => {
    const before = watched();
    before.store.put("subscriptions", "odd", { format: 9 });
    before.store.put("subscriptions", "odder", "text");
    const rig = restarted(before, 3_700_000);
    expect(rig.engine.counts().subscriptions + rig.store.size("subscriptions")).toBe(0);
  });

  test("can be followed by a full NOTIFY to everybody, spread over a while", () => {
    const rig = restarted(watched());
    rig.engine.renotify(30_000);
    expect(rig.agent.sent).toHaveLength(0);
    rig.clock.advance(30_010);
    expect(rig.agent.sent.map((sent) => sent.body)).toEqual(["state=none"]);
    rig.agent.last.answer(200);
    rig.clock.advance(100_000);
    expect(rig.agent.sent).toHaveLength(1);
  });

  test("knows the dialog of the refresh that comes after it", () => {
    const before = new Rig();
    const watch = before.subscribe("101");
    const rig = restarted(before);
    const again = rig.request("SUBSCRIBE", "sip:192.0.2.1:5060", "201", [
      `From: <sip:201@tel.example.test>;tag=w${watch.callId}`,
      `To: <sip:101@tel.example.test>;tag=${watch.localTag}`,
      `Call-ID: ${watch.callId}`,
      "CSeq: 2 SUBSCRIBE",
      "Event: presence",
      "Contact: <sip:201@192.0.2.9:5062>",
    ]);
    expect(again.status).toBe(200);
    expect(rig.agent.last.request.cseq).toBe(101);
  });

  test("writes once in a hundred NOTIFYs", () => {
    const store = new MemoryStore();
    const rig = new Rig({ store });
    rig.subscribe("101");
    for (let change = 0; change < 250; change++) {
      rig.agent.last.answer(200);
      rig.presence.set(alice, `s${String(change)}`);
    }
    expect(rig.agent.last.request.cseq).toBe(251);
    expect(store.puts).toBe(3);
  });

  test("of a server that stops sends nothing: neither for changes, nor for answers, nor for time", () => {
    const rig = watched();
    rig.presence.set(alice, "a");
    rig.presence.set(alice, "b");
    rig.engine.close();
    rig.agent.last.answer(481);
    rig.presence.set(alice, "c");
    rig.clock.advance(10_000_000);
    expect(rig.agent.sent).toHaveLength(2);
    expect(rig.store.size("subscriptions")).toBe(1);
  });
});
