import { describe, expect, test } from "vitest";
import { DOMAIN, Rig, aor, fakeFlow } from "./rig.ts";

const contact = "Contact: <sip:201@192.0.2.9:5062>";

describe("a SUBSCRIBE outside a dialog", () => {
  test("is answered 200, and the full state follows at once", () => {
    const rig = new Rig();
    rig.presence.set(aor("101"), "busy");
    const watch = rig.subscribe("101", "201", "presence;id=7", ["Expires: 600"]);
    expect(watch.answer.status).toBe(200);
    expect(watch.answer.headers).toBe("Expires: 600\r\nContact: <sip:192.0.2.1:5060>\r\n");
    expect(rig.agent.sent).toHaveLength(1);
    const { last } = rig.agent;
    expect(last.request).toMatchObject({ method: "NOTIFY", cseq: 1, contentType: "application/pidf+xml", body: "state=busy" });
    expect(last.request.headers).toBe("Event: presence;id=7\r\nSubscription-State: active;expires=600\r\n");
    expect(last.dialog).toMatchObject({ localTag: watch.localTag, callId: watch.callId, target: "sip:201@192.0.2.9:5062" });
  });

  test("tells the package who watches what, by the URI that was asked for", () => {
    const rig = new Rig();
    rig.request("SUBSCRIBE", "sip:101:secret@192.0.2.1:5060;transport=tcp", "201", ["Event: presence", contact, "User-Agent: snomD785", "Accept: application/xpidf+xml;q=0.7, text/plain"]);
    expect(rig.presence.seen[0]).toMatchObject({ resource: aor("101"), entity: "sip:101@192.0.2.1:5060", watcher: aor("201"), userAgent: "snomD785", accept: ["application/xpidf+xml"] });
    expect(rig.agent.last.request.contentType).toBe("application/xpidf+xml");
  });

  const refusals: readonly (readonly [string, readonly string[], number, string])[] = [
    ["no Event", [contact], 489, "Allow-Events: presence, dialog\r\n"],
    ["an unknown event", ["Event: conference", contact], 489, "Allow-Events: presence, dialog\r\n"],
    ["an event in another case", ["Event: Presence", contact], 489, "Allow-Events: presence, dialog\r\n"],
    ["an Event that cannot be read", ["Event: presence;id=a b", contact], 489, "Allow-Events: presence, dialog\r\n"],
    ["no Contact", ["Event: presence"], 400, ""],
    ["Accept without a type of ours", ["Event: presence", contact, "Accept: text/plain"], 406, "Accept: application/pidf+xml, application/xpidf+xml\r\n"],
    ["an empty Accept", ["Event: presence", contact, "Accept:"], 406, "Accept: application/pidf+xml, application/xpidf+xml\r\n"],
    ["too short a time", ["Event: presence", contact, "Expires: 59"], 423, "Min-Expires: 60\r\n"],
    ["an Expires that is no number", ["Event: presence", contact, "Expires: soon"], 400, ""],
    ["a required extension", ["Event: presence", contact, "Require: eventlist, foo"], 420, "Unsupported: foo\r\n"],
  ];
  test.each(refusals)("with %s is refused", (_what, lines, status, headers) => {
    const rig = new Rig();
    const answer = rig.request("SUBSCRIBE", `sip:101@${DOMAIN}`, "201", lines);
    expect(answer).toMatchObject({ status, ...(headers === "" ? {} : { headers }) });
    expect(rig.agent.sent).toHaveLength(0);
    expect(rig.engine.counts().subscriptions).toBe(0);
    expect(rig.engine.counters.refused).toBe(1);
  });

  const lifetimes: readonly (readonly [string, string])[] = [
    ["", "3600"],
    ["Expires: 60", "60"],
    ["Expires: 90000", "86400"],
    ["Expires: 4294967295", "86400"],
  ];
  test.each(lifetimes)("with '%s' lives %s seconds", (line, seconds) => {
    const watch = new Rig().subscribe("101", "201", "presence", line === "" ? [] : [line]);
    expect(watch.answer.headers).toContain(`Expires: ${seconds}\r\n`);
  });

  test("is refused when the package does not admit the watcher", () => {
    const rig = new Rig();
    expect(rig.request("SUBSCRIBE", `sip:101@${DOMAIN}`, "enemy", ["Event: presence", contact])).toMatchObject({ status: 403 });
    expect(rig.engine.counts().subscriptions).toBe(0);
  });

  test("beyond the bound of its resource gets 480 with Retry-After, a fetch does not", () => {
    const rig = new Rig({ settings: { watchersPerAorMax: 2 } });
    rig.subscribe("101");
    rig.subscribe("101", "202", "dialog");
    expect(rig.subscribe("101", "203").answer).toMatchObject({ status: 480, headers: "Retry-After: 60\r\n" });
    expect(rig.subscribe("101", "203", "presence", ["Expires: 0"]).answer.status).toBe(200);
    expect(rig.subscribe("102", "203").answer.status).toBe(200);
  });

  test("with dialog headers too long to keep is refused", () => {
    expect(new Rig().subscribe("101", "201", "presence", [`Record-Route: <sip:${"p".repeat(4100)}@192.0.2.3;lr>`]).answer.status).toBe(400);
  });

  test("for somebody who is not ours is left to others, as is every other method", () => {
    const rig = new Rig();
    expect(rig.request("SUBSCRIBE", "sip:101@elsewhere.test", "201", ["Event: presence", contact]).isContinued).toBe(true);
    expect(rig.request("PUBLISH", "sip:101@elsewhere.test", "201", ["Event: presence"]).isContinued).toBe(true);
    expect(rig.request("INVITE", `sip:101@${DOMAIN}`, "201", [contact]).isContinued).toBe(true);
    expect(rig.request("NOTIFY", `sip:101@${DOMAIN}`, "201", ["Event: presence"]).isContinued).toBe(true);
  });

  test("with Expires 0 fetches the state: one last NOTIFY with a body, nothing kept", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101", "201", "presence", ["Expires: 0"]);
    expect(watch.answer).toMatchObject({ status: 200 });
    expect(watch.answer.headers).toContain("Expires: 0\r\n");
    expect(rig.agent.sent.map((sent) => [sent.state, sent.body])).toEqual([["terminated;reason=timeout", "state=none"]]);
    rig.agent.last.timeout();
    rig.clock.advance(1_000_000);
    expect(rig.agent.sent).toHaveLength(1);
    expect(rig.engine.counts().subscriptions + rig.store.size("subscriptions")).toBe(0);
    expect(watch.again().status).toBe(481);
  });
});

describe("a SUBSCRIBE within a dialog", () => {
  test("renews the life and is told the full state though nothing changed", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101", "201", "presence", ["Expires: 100"]);
    rig.agent.last.answer(200);
    rig.clock.advance(90_000);
    expect(watch.again(["Expires: 200"])).toMatchObject({ status: 200 });
    expect(rig.agent.last).toMatchObject({ state: "active;expires=200", body: "state=none" });
    expect(rig.agent.last.request.cseq).toBe(2);
    rig.agent.last.answer(200);
    rig.clock.advance(199_000);
    expect(rig.engine.counts().subscriptions).toBe(1);
    rig.clock.advance(2_000);
    expect(rig.engine.counts().subscriptions).toBe(0);
    expect(rig.agent.last.state).toBe("terminated;reason=timeout");
  });

  test("with Expires 0 ends it with one last NOTIFY", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    rig.agent.last.answer(200);
    expect(watch.again(["Expires: 0"])).toMatchObject({ status: 200 });
    expect(rig.agent.last).toMatchObject({ state: "terminated;reason=timeout", body: "state=none" });
    rig.agent.last.answer(200);
    rig.presence.set(aor("101"), "busy");
    expect(rig.agent.sent).toHaveLength(2);
    expect(watch.again().status).toBe(481);
    expect(rig.store.size("subscriptions")).toBe(0);
  });

  test("moves the subscription to the contact and the way that it came by", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    rig.agent.last.answer(200);
    const flow = fakeFlow(7000);
    watch.again([], flow);
    expect(rig.agent.last.dialog.flow).toBe(flow);
  });

  const refusals: readonly (readonly [string, readonly string[], number])[] = [
    ["another event", ["Event: dialog"], 481],
    ["another event id", ["Event: presence;id=2"], 481],
    ["no event", ["Eventless: 1"], 489],
    ["an old CSeq", ["CSeq: 1 SUBSCRIBE"], 500],
    ["too short a time", ["Expires: 5"], 423],
    ["a type that we do not have", ["Accept: text/plain"], 406],
    ["a required extension", ["Require: foo"], 420],
  ];
  test.each(refusals)("with %s is refused and changes nothing", (_what, lines, status) => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    watch.again();
    expect(watch.again(lines).status).toBe(status);
    expect(rig.engine.counts().subscriptions).toBe(1);
    expect(watch.again().status).toBe(200);
  });

  test("by somebody else is refused", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    expect(watch.again([], fakeFlow(), "202").status).toBe(403);
  });

  test("for a dialog that nobody knows gets 481, unless it is on its way elsewhere", () => {
    const rig = new Rig();
    const lines = ["To: <sip:x@y>;tag=unknown", "Event: presence", contact];
    expect(rig.request("SUBSCRIBE", "sip:192.0.2.1:5060", "201", lines).status).toBe(481);
    expect(rig.request("SUBSCRIBE", `sip:101@${DOMAIN}`, "201", lines).status).toBe(481);
    expect(rig.request("SUBSCRIBE", "sip:101@192.0.2.77", "201", lines).isContinued).toBe(true);
  });

  test("with our tag but another Call-ID or From tag gets 481", () => {
    const rig = new Rig();
    const watch = rig.subscribe("101");
    const lines = ["Event: presence", contact, `To: <sip:x@y>;tag=${watch.localTag}`];
    expect(rig.request("SUBSCRIBE", "sip:192.0.2.1:5060", "201", lines).status).toBe(481);
    expect(rig.request("SUBSCRIBE", "sip:192.0.2.1:5060", "201", [...lines, `Call-ID: ${watch.callId}`]).status).toBe(481);
  });
});

describe("lists of watchers", () => {
  test("show who watches, since when nothing was sent, and whether he is suspect", () => {
    const rig = new Rig();
    rig.subscribe("101", "201", "presence", ["User-Agent: A"]);
    rig.subscribe("101", "202", "dialog");
    rig.agent.last.timeout();
    const at = rig.clock.now();
    expect(rig.engine.list()).toMatchObject([
      { resource: aor("101"), watcher: aor("201"), event: "presence", expiresAt: at + 3_600_000, userAgent: "A", lastSentAt: at, state: "active" },
      { resource: aor("101"), watcher: aor("202"), event: "dialog", expiresAt: at + 3_600_000, userAgent: "", lastSentAt: at, state: "suspect" },
    ]);
    expect(rig.engine.watchersOf(aor("101"), "dialog").map((one) => one.watcher)).toEqual([aor("202")]);
    expect(rig.engine.watchersOf(aor("102"), "dialog")).toEqual([]);
  });
});

test("a user who is removed is watched by nobody, watches nobody, and has published nothing", () => {
  const rig = new Rig();
  rig.subscribe("101", "201");
  rig.subscribe("102", "101");
  rig.subscribe("102", "201");
  rig.publish("101", ["Content-Type: application/pidf+xml"], "a");
  rig.publish("101", ["Content-Type: application/pidf+xml"], "b");
  for (const sent of rig.agent.open) sent.answer(200);
  for (const sent of rig.agent.open) sent.answer(200);
  const { length } = rig.agent.sent;
  rig.engine.forget(aor("101"));
  expect(rig.engine.counts()).toEqual({ subscriptions: 1, publications: 0 });
  expect(rig.store.size("publications")).toBe(0);
  for (const sent of rig.agent.open) sent.answer(200);
  expect(rig.agent.sent.slice(length).map((sent) => [sent.dialog.target, sent.state, sent.body])).toEqual([
    ["sip:201@192.0.2.9:5062", "active;expires=3600", "state=none"],
    ["sip:101@192.0.2.9:5062", "terminated;reason=rejected", ""],
    ["sip:201@192.0.2.9:5062", "terminated;reason=noresource", ""],
  ]);
});
