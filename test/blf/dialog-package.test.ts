import { describe, expect, test } from "vitest";
import { dialogPackage } from "../../src/blf/dialog-package.ts";
import { lamps } from "../../src/blf/lamps.ts";
import type { DialogTable } from "../../src/dialog/dialog-table.ts";
import { lingerMs } from "../../src/dialog/person-table.ts";
import { parseDialogInfo } from "../../src/documents/dialog-info.ts";
import { STANDARD } from "../../src/phones/built-in.ts";
import type { EventPackage, Watching } from "../../src/subscription/event-package.ts";
import { liveOne, person, tableOf, TestCall } from "../dialog/calls.ts";
import { schemaMistakes, skipsWithoutXmllint } from "../documents/xmllint.ts";

function watching(user: string, entity = `sip:${user}@tel.example.test`): Watching {
  return { resource: person(user), entity, watcher: person("109"), userAgent: "", profile: STANDARD, accept: [], variant: 0, standing: "allow" };
}

function bodyOf(events: EventPackage, user: string, version = 0): string {
  const { head, tail } = events.render(watching(user));
  return head + String(version) + tail;
}

function shown(events: EventPackage, user: string): string[] {
  return parseDialogInfo(bodyOf(events, user)).dialogs.map((dialog) => `${dialog.direction ?? "dummy"} ${dialog.state}`);
}

/** A table whose changes are rendered at once, as for a watcher of everyone. */
function watched(): ReturnType<typeof tableOf> & { readonly events: EventPackage; readonly bodies: string[] } {
  const made = tableOf();
  const events = dialogPackage(made.table);
  const bodies: string[] = [];
  made.table.onChange((aor) => {
    const { head, tail } = events.render({ ...watching("101"), resource: aor, entity: aor });
    bodies.push(`${head}${bodies.length}${tail}`);
  });
  return { ...made, events, bodies };
}

describe("what a busy lamp is told", () => {
  test("early, confirmed, terminated, with the call-id and tags that a pickup needs; nothing before the phone rings", () => {
    const { table, events, changes } = watched();
    expect(shown(events, "102")).toEqual(["dummy terminated"]);
    const before = events.render(watching("102"));
    const call = new TestCall(table, "101", "102");
    expect(changes).not.toContain(person("102"));
    expect(events.render(watching("102")).tail).toBe(before.tail);
    call.answers(0, "102", 180, "callee-tag");
    const [ringing] = parseDialogInfo(bodyOf(events, "102", 7)).dialogs;
    expect(ringing).toMatchObject({
      id: liveOne(table, "102").id,
      callId: call.fork.callId,
      localTag: "callee-tag",
      remoteTag: call.fork.fromTag,
      direction: "recipient",
      state: "early",
      local: { uri: person("102"), display: "Bob", target: person("102") },
      remote: { uri: person("101"), display: "Alice", target: person("101") },
    });
    expect(shown(events, "101")).toEqual(["initiator early"]);
    call.isAnswered(0, "102", "callee-tag");
    expect(shown(events, "102")).toEqual(["recipient confirmed"]);
    call.asks("BYE", "callee-tag");
    const [ended] = parseDialogInfo(bodyOf(events, "102")).dialogs;
    expect(ended).toMatchObject({ state: "terminated", callId: call.fork.callId, localTag: "callee-tag", remoteTag: call.fork.fromTag });
  });

  test("one call is three NOTIFYs to a watcher of the called, four to one of the caller", () => {
    const { table, changes } = watched();
    new TestCall(table, "101", "102").answers(0, "102", 100).answers(0, "102", 180, "t").answers(0, "102", 180, "t").isAnswered(0, "102", "t").asks("ACK", "t").asks("BYE", "t").replies("BYE", 200, "t");
    expect([changes.filter((aor) => aor === person("102")).length, changes.filter((aor) => aor === person("101")).length]).toEqual([3, 4]);
  });

  test("what ended is gone from the documents a moment later, though nobody is told of it", () => {
    const { table, events, clock, changes } = watched();
    new TestCall(table, "101", "102").answers(0, "102", 180, "t").ends(486);
    changes.length = 0;
    clock.advance(lingerMs + 100);
    expect(shown(events, "102")).toEqual(["dummy terminated"]);
    expect(changes).toEqual([]);
  });

  test("all watchers of one URI share one rendering until that person's calls change; others' calls do not touch it", () => {
    const { table, events } = watched();
    const first = events.render(watching("102"));
    expect(events.render(watching("102"))).toBe(first);
    new TestCall(table, "101", "103").answers(0, "103", 180, "t");
    expect(events.render(watching("102"))).toBe(first);
    expect(events.render(watching("102", "sip:102@10.0.0.5")).tail).toContain(`entity="sip:102@10.0.0.5"`);
    new TestCall(table, "101", "102").answers(0, "102", 180, "t");
    expect(events.render(watching("102"))).not.toBe(first);
  });

  test("what rings stands first, then what is talked on, then what ended", () => {
    const { table, events } = watched();
    new TestCall(table, "101", "102").answers(0, "102", 180, "z").ends(486);
    new TestCall(table, "101", "102").answers(0, "102", 180, "a").isAnswered(0, "102", "a");
    new TestCall(table, "103", "102").answers(0, "102", 180, "b");
    expect(shown(events, "102")).toEqual(["recipient early", "recipient confirmed", "recipient terminated"]);
  });

  test("a watcher of the domain is let in, a stranger is not; nobody publishes", () => {
    const events = dialogPackage(tableOf().table);
    expect(events.admits(watching("101"))).toBeNull();
    expect(events.admits({ ...watching("101"), watcher: null })).toEqual({ status: 403, reason: "Forbidden" });
    expect(events.publishTypes).toEqual([]);
  });

  test.skipIf(skipsWithoutXmllint)("every document is valid by the schema, whatever From and Call-ID hold", () => {
    const { table, bodies } = watched();
    const hold = "v=0\r\nm=audio 1 RTP/AVP 0\r\na=sendonly\r\n";
    new TestCall(table, "101", "102").answers(0, "102", 180).answers(0, "102", 183, "t").isAnswered(0, "102", "t").asks("INVITE", "t", { sdp: hold }).replies("INVITE", 200, "t", { sdp: hold }).asks("BYE", "t");
    const odd = [`"<&>'\\"" <sip:a&b'%3C@h.example>`, `"K\u00c3\u00a4se \u00ff\u00fe" <sip:x@h.example>`, `"\u0001\u0007" <sip:y@h.example:5080;x="1">`, `<tel:+32;phone-context=a&b>`];
    for (const fromText of odd) new TestCall(table, "carrier", "104", { fromText, callId: `<&"'>-\u00e9\u00ff-${bodies.length}@x`, fromTag: `<&"'>\u00ff` }).answers(0, "104", 180, `<&"'>`).ends(486);
    expect(bodies.length).toBeGreaterThan(15);
    expect(schemaMistakes(new Map(bodies.map((body, n) => [`document ${n}`, body])))).toEqual([]);
  });
});

test("lamps tell everyone's state, since when, and the calls behind it", () => {
  const { table, clock } = tableOf();
  const lampsNow = (of: DialogTable): string[] => lamps(of, ["101", "102", "103"].map(person)).map(({ aor, state, since, dialogs }) => `${aor.slice(4, 7)} ${state} ${since === 0 ? "-" : clock.now() - since} ${dialogs.length}`);
  expect(lampsNow(table)).toEqual(["101 idle - 0", "102 idle - 0", "103 idle - 0"]);
  const first = new TestCall(table, "101", "102").answers(0, "102", 180, "a");
  clock.advance(1000);
  expect(lampsNow(table)).toEqual(["101 calling 1000 1", "102 ringing 1000 1", "103 idle - 0"]);
  first.isAnswered(0, "102", "a");
  clock.advance(500);
  const second = new TestCall(table, "103", "102").answers(0, "102", 180, "b");
  clock.advance(10);
  expect(lampsNow(table)).toEqual(["101 talking 510 1", "102 ringing 10 2", "103 calling 10 1"]);
  second.ends(487);
  first.asks("BYE", "a");
  clock.advance(3);
  expect(lampsNow(table)).toEqual(["101 idle 3 0", "102 idle 3 0", "103 idle 3 0"]);
});
