import { describe, expect, test } from "vitest";
import { dialogsPerAorMax, lingerMs, lingeringPerAorMax } from "../../src/dialog/person-table.ts";
import { dialogKeyLengthMax, ringingMaxMs } from "../../src/dialog/dialog-table.ts";
import { memoryStore } from "../../src/store/memory-store.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { liveOne, person, seen, tableOf, TestCall } from "./calls.ts";

describe("one call between two people", () => {
  test("each sees it from the side of his own phone, from trying to terminated", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102");
    expect(seen(table, "101")).toEqual(["initiator trying"]);
    expect(seen(table, "102")).toEqual(["recipient trying"]);
    expect(changes, "nobody's phone has rung: there is nothing to show of the callee").toEqual([person("101")]);

    call.answers(0, "102", 180, "callee-tag");
    expect(liveOne(table, "102")).toMatchObject({
      callId: call.fork.callId,
      direction: "recipient",
      state: "early",
      localTag: "callee-tag",
      remoteTag: call.fork.fromTag,
      local: { uri: person("102"), display: "Bob" },
      remote: { uri: person("101"), display: "Alice" },
    });
    expect(liveOne(table, "101")).toMatchObject({
      direction: "initiator",
      state: "early",
      localTag: call.fork.fromTag,
      remoteTag: "callee-tag",
      local: { uri: person("101"), display: "Alice" },
      remote: { uri: person("102"), display: "Bob" },
    });

    call.isAnswered(0, "102", "callee-tag");
    expect(liveOne(table, "101").state).toBe("confirmed");
    expect(liveOne(table, "102").state).toBe("confirmed");

    changes.length = 0;
    call.asks("BYE", "callee-tag");
    expect(changes.toSorted(), "both at once, each once").toEqual([person("101"), person("102")]);
    expect(table.dialogsOf(person("102"))).toMatchObject([{ state: "terminated", callId: call.fork.callId, localTag: "callee-tag", remoteTag: call.fork.fromTag }]);
    expect(table.count).toBe(0);
  });

  test("ids are the same from the first state to the last, and no two dialogs share one", () => {
    const { table } = tableOf();
    const first = new TestCall(table, "101", "102");
    const id = liveOne(table, "102").id;
    const second = new TestCall(table, "103", "102");
    first.answers(0, "102", 180, "t1").isAnswered(0, "102", "t1");
    second.answers(0, "102", 180, "t2");
    const dialogs = ["101", "102", "103"].flatMap((user) => table.dialogsOf(person(user)));
    expect(new Set(dialogs.map((dialog) => dialog.id)).size).toBe(4);
    expect(dialogs.some((dialog) => dialog.id === id && dialog.state === "confirmed")).toBe(true);
    for (const dialog of dialogs) expect(dialog.id).toMatch(/^d[0-9a-f]{8}-[0-9a-z]+$/);
  });

  test.each([
    ["a caller of ours hides his name", `"Anonymous" <sip:anonymous@anonymous.invalid>`, { uri: "sip:anonymous@anonymous.invalid", display: "Anonymous" }],
    ["a stranger is shown without parameters", `"Max \\"M\\" Muster" <sip:+3225551234@carrier.example:5070;user=phone;transport=tcp>`, { uri: "sip:+3225551234@carrier.example:5070", display: `Max "M" Muster` }],
    ["a number of ours is shown as the person", `<sip:102@tel.example.test;user=phone>`, { uri: "sip:102@tel.example.test", display: "Bob" }],
    ["a tel URI", `<tel:+3225551234;phone-context=x>`, { uri: "tel:+3225551234", display: "" }],
    ["what nobody can read", `"broken <sip:x`, { uri: "sip:unknown@invalid", display: "" }],
  ])("%s", (_, fromText, remote) => {
    const { table } = tableOf();
    new TestCall(table, "101", "103", { fromText }).answers(0, "103", 180, "t");
    expect(liveOne(table, "103").remote).toEqual(remote);
  });

  test("a name from the directory is UTF-8 bytes, as SIP texts are", () => {
    const { table } = tableOf();
    new TestCall(table, "101", "104").answers(0, "104", 180, "t");
    expect(Buffer.from(liveOne(table, "104").local.display ?? "", "latin1").toString("utf8")).toBe("Dé");
  });

  test("ringing without a To tag is early with the tag left out, and takes the tag when it comes", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180);
    expect(liveOne(table, "102")).toMatchObject({ state: "early", localTag: "", remoteTag: call.fork.fromTag });
    expect(liveOne(table, "101")).toMatchObject({ state: "proceeding", remoteTag: "" });
    call.answers(0, "102", 183, "t");
    expect(liveOne(table, "102")).toMatchObject({ state: "early", localTag: "t" });
    expect(liveOne(table, "101")).toMatchObject({ state: "early", remoteTag: "t" });
  });

  test("100 Trying shows nothing", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102");
    changes.length = 0;
    call.answers(0, "102", 100);
    expect(changes).toEqual([]);
    expect(seen(table, "102")).toEqual(["recipient trying"]);
  });

  test("a number that cannot be reached leaves no trace on its own lamp", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102");
    call.ends(480);
    expect(seen(table, "102")).toEqual([]);
    expect(changes).toEqual([person("101"), person("101")]);
    expect(seen(table, "101")).toEqual(["initiator terminated"]);
  });

  test("a repeated 180 changes nothing", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "t");
    changes.length = 0;
    call.answers(0, "102", 180, "t").answers(0, "102", 183, "t").answers(0, "102", 180);
    expect(changes).toEqual([]);
  });

  test("a person who calls himself has two dialogs", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "101").answers(0, "101", 180, "t");
    expect(seen(table, "101")).toEqual(["initiator early", "recipient early"]);
    call.isAnswered(0, "101", "t").asks("BYE", "t", { by: "callee" });
    expect(seen(table, "101")).toEqual(["initiator terminated", "recipient terminated"]);
  });

  test("a call between strangers is counted and shown to nobody", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "carrier", "other").answers(0, "other", 180, "t").isAnswered(0, "other", "t");
    expect(table.calls()).toMatchObject([{ callId: call.fork.callId, state: "confirmed", from: "sip:carrier@tel.example.test", to: "sip:other@tel.example.test" }]);
    expect(changes).toEqual([]);
    call.asks("BYE", "t");
    expect(table.calls()).toEqual([]);
  });
});

describe("forks", () => {
  test("several devices of one person are one dialog, with the tag of the first that rang until one answers", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a");
    changes.length = 0;
    call.answers(1, "102", 180, "b");
    expect(liveOne(table, "102")).toMatchObject({ state: "early", localTag: "a" });
    expect(changes).toEqual([]);
    call.isAnswered(1, "102", "b");
    expect(liveOne(table, "102")).toMatchObject({ state: "confirmed", localTag: "b" });
    expect(liveOne(table, "101")).toMatchObject({ state: "confirmed", remoteTag: "b" });
    call.answers(0, "102", 487, "a");
    expect(seen(table, "102"), "the 487 of a losing branch ends nobody who has answered elsewhere").toEqual(["recipient confirmed"]);
  });

  test("when the device whose tag is shown gives up, the tag of another that rings takes its place", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(1, "102", 180, "b");
    call.answers(0, "102", 486, "a");
    expect(liveOne(table, "102")).toMatchObject({ state: "early", localTag: "b" });
    expect(liveOne(table, "101")).toMatchObject({ state: "early", remoteTag: "b" });
  });

  test("a person all of whose devices failed is dark while others ring on", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(1, "103", 180, "b");
    call.answers(0, "102", 486, "a");
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    expect(seen(table, "103")).toEqual(["recipient early"]);
    expect(liveOne(table, "101")).toMatchObject({ state: "early", remoteTag: "b" });
    call.loses(1);
    expect(seen(table, "103")).toEqual(["recipient terminated"]);
  });

  test("a device that rings after the person's others failed begins a dialog of its own", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(0, "102", 486, "a").answers(1, "102", 180, "b");
    expect(seen(table, "102")).toEqual(["recipient early", "recipient terminated"]);
    const [live, ended] = table.dialogsOf(person("102"));
    expect(live?.id).not.toBe(ended?.id);
    call.isAnswered(1, "102", "b");
    expect(seen(table, "102")).toEqual(["recipient confirmed", "recipient terminated"]);
  });

  test("a call that was forwarded is shown where it rings, and never where it did not", () => {
    const { table, changes } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "103", 180, "t");
    expect(seen(table, "103")).toEqual(["recipient early"]);
    expect(changes).not.toContain(person("102"));
    expect(liveOne(table, "101").remote.uri, "while it rings: whom the caller dialled").toBe(person("102"));
    call.isAnswered(0, "103", "t");
    expect(liveOne(table, "101").remote, "then: with whom he talks").toEqual({ uri: person("103"), display: "Carole" });
    expect(seen(table, "102")).toEqual([]);
    expect(table.calls()).toMatchObject([{ from: person("101"), to: person("103"), state: "confirmed" }]);
  });

  test("two who answer at once are both in a call until the caller hangs up on one", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(1, "103", 180, "b");
    call.answers(0, "102", 200, "a").ends(200).answers(1, "103", 200, "b");
    expect([seen(table, "102"), seen(table, "103")]).toEqual([["recipient confirmed"], ["recipient confirmed", "recipient terminated"]]);
    call.asks("BYE", "a");
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    expect(liveOne(table, "101")).toMatchObject({ state: "confirmed", remoteTag: "b" });
    call.asks("BYE", "b", { by: "callee" });
    expect(seen(table, "101")).toEqual(["initiator terminated"]);
  });

  test("a 2xx after the caller has gone begins nothing", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").ends(487).answers(0, "102", 200, "a");
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
    expect(table.count).toBe(0);
    expect(call.fork.id).toBeGreaterThan(0);
  });

  test("the 200 that overtook its BYE does not bring the call back", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").asks("BYE", "a", { by: "callee" });
    call.answers(0, "102", 200, "a").ends(200);
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
  });

  test("someone other than a branch answers: the caller talks, and the first request tells the tag", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a").ends(200);
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    expect(liveOne(table, "101")).toMatchObject({ state: "confirmed", remoteTag: "" });
    call.asks("BYE", "picker");
    expect(seen(table, "101")).toEqual(["initiator terminated"]);
    expect(table.count).toBe(0);
  });

  test("a call that comes through us twice is one call: one dialog a person", () => {
    const { table } = tableOf();
    const first = new TestCall(table, "101", "102", { callId: "spiral-through-here@x", fromTag: "same-from-tag" });
    const second = new TestCall(table, "101", "103", { callId: "spiral-through-here@x", fromTag: "same-from-tag" });
    second.answers(0, "103", 180, "t");
    first.answers(0, "carrier", 180, "t");
    expect([seen(table, "101"), seen(table, "102"), seen(table, "103")]).toEqual([["initiator early"], ["recipient trying"], ["recipient early"]]);
    second.isAnswered(0, "103", "t");
    first.isAnswered(0, "carrier", "t");
    expect([seen(table, "101"), seen(table, "102"), seen(table, "103")]).toEqual([["initiator confirmed"], [], ["recipient confirmed"]]);
    second.asks("BYE", "t");
    first.asks("BYE", "t");
    expect([seen(table, "101"), seen(table, "103")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
    expect(table.count).toBe(0);
  });

  test("a stranger who copies Call-ID and From tag cannot keep another's lamp lit", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102", { callId: "copied-by-someone@x", fromTag: "copied-from-tag" });
    const copy = new TestCall(table, "103", "104", { callId: "copied-by-someone@x", fromTag: "copied-from-tag" });
    call.answers(0, "102", 180, "a").isAnswered(0, "102", "a");
    copy.answers(0, "104", 180, "evil").isAnswered(0, "104", "evil");
    call.asks("BYE", "a");
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
    expect([seen(table, "103"), seen(table, "104")]).toEqual([["initiator confirmed"], ["recipient confirmed"]]);
  });

  test("the fork of a ringing dialog is found by id, by Call-ID with and without tags, and not once it is answered", () => {
    const { table } = tableOf();
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "a");
    const { callId, fromTag } = call.fork;
    const { control } = call.fork;
    expect(table.fork(person("102"), { id: liveOne(table, "102").id })).toBe(control);
    expect(table.fork(person("102"), { callId })).toBe(control);
    expect(table.fork(person("102"), { callId, localTag: "a", remoteTag: fromTag })).toBe(control);
    expect(table.fork(person("102"), { callId, localTag: fromTag, remoteTag: "a" })).toBeNull();
    expect(table.fork(person("103"), { callId })).toBeNull();
    call.isAnswered(0, "102", "a");
    expect(table.fork(person("102"), { callId })).toBeNull();
  });
});

describe("requests within a dialog", () => {
  const answered = (options: Parameters<typeof tableOf>[0] = {}): ReturnType<typeof tableOf> & { readonly call: TestCall } => {
    const made = tableOf(options);
    return { ...made, call: new TestCall(made.table, "101", "102").answers(0, "102", 180, "t").isAnswered(0, "102", "t") };
  };

  test.each([
    ["the caller", "caller"],
    ["the callee", "callee"],
  ] as const)("a BYE by %s ends the call for both", (_, by) => {
    const { table, call } = answered();
    call.asks("BYE", "t", { by });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
  });

  test("a BYE with the Call-ID alone, or with another tag, ends nothing", () => {
    const { table, call } = answered();
    call.asks("BYE", "other").asks("BYE", "").asks("BYE", "t", { callId: "another" });
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
  });

  test("calls with the same Call-ID and other tags are told apart", () => {
    const { table } = tableOf();
    const a = new TestCall(table, "101", "102", { callId: "shared-by-a-b2bua@x", fromTag: "leg-a-tag-of-caller" }).isAnswered(0, "102", "ta");
    const b = new TestCall(table, "103", "104", { callId: "shared-by-a-b2bua@x", fromTag: "leg-b-tag-of-caller" }).isAnswered(0, "104", "tb");
    a.asks("BYE", "ta");
    expect([seen(table, "102"), seen(table, "104")]).toEqual([["recipient terminated"], ["recipient confirmed"]]);
    b.asks("BYE", "tb");
    expect(table.count).toBe(0);
  });

  const sdp = (direction: string): string => `v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=${direction}\r\n`;

  test("a hold is shown by the side that holds, once it is answered, and goes when it is taken back", () => {
    const { table, call, changes } = answered();
    changes.length = 0;
    call.asks("INVITE", "t", { sdp: sdp("sendonly") });
    expect(seen(table, "101")).toEqual(["initiator confirmed"]);
    call.replies("INVITE", 200, "t", { sdp: sdp("recvonly") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed held"], ["recipient confirmed"]]);
    expect(changes).toEqual([person("101")]);
    call.asks("ACK", "t").asks("INVITE", "t", { sdp: sdp("sendrecv") }).replies("INVITE", 200, "t", { sdp: sdp("sendrecv") });
    expect(seen(table, "101")).toEqual(["initiator confirmed"]);
  });

  test("both hold: whoever takes back first leaves the other's hold", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t", { sdp: sdp("sendonly") }).replies("INVITE", 200, "t", { sdp: sdp("recvonly") });
    call.asks("UPDATE", "t", { by: "callee", sdp: sdp("inactive") }).replies("UPDATE", 200, "t", { by: "caller", sdp: sdp("inactive") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed held"], ["recipient confirmed held"]]);
    call.asks("INVITE", "t", { sdp: sdp("sendrecv") }).replies("INVITE", 200, "t", { sdp: sdp("sendonly") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed"], ["recipient confirmed held"]]);
  });

  test("an offer in the 200 is answered in the ACK", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t").replies("INVITE", 200, "t", { sdp: sdp("sendrecv") }).asks("ACK", "t", { sdp: sdp("sendonly") });
    expect(seen(table, "101")).toEqual(["initiator confirmed held"]);
  });

  test("a hold that was refused is none", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t", { sdp: sdp("sendonly") }).replies("INVITE", 488, "t");
    call.asks("INVITE", "t", { by: "callee", sdp: sdp("sendrecv") }).replies("INVITE", 200, "t", { by: "caller", sdp: sdp("sendrecv") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed"], ["recipient confirmed"]]);
  });

  test("answers belong to the offer whose CSeq they bear, however two re-INVITEs overtake each other", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t", { cseq: 5, sdp: sdp("sendonly") }).asks("INVITE", "t", { cseq: 6, sdp: sdp("sendrecv") });
    call.replies("INVITE", 200, "t", { cseq: 5, sdp: sdp("recvonly") }).replies("INVITE", 200, "t", { cseq: 6, sdp: sdp("sendrecv") });
    expect(seen(table, "101")).toEqual(["initiator confirmed"]);
    // Nothing is out of step after it.
    call.asks("INVITE", "t", { sdp: sdp("sendonly") }).replies("INVITE", 200, "t", { sdp: sdp("recvonly") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed held"], ["recipient confirmed"]]);
  });

  test("an answer whose offer was not seen (the program began in between) changes nothing, then or later", () => {
    const { table, call } = answered();
    call.replies("INVITE", 200, "t", { cseq: 5, sdp: sdp("recvonly") });
    expect(seen(table, "101")).toEqual(["initiator confirmed"]);
    call.asks("INVITE", "t", { cseq: 6, sdp: sdp("sendonly") }).replies("INVITE", 200, "t", { sdp: sdp("recvonly") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed held"], ["recipient confirmed"]]);
  });

  test("both offer at once with the same CSeq: the one that is refused leaves the other's", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t", { cseq: 5, sdp: sdp("sendonly") }).asks("INVITE", "t", { cseq: 5, by: "callee", sdp: sdp("sendrecv") });
    call.replies("INVITE", 491, "t", { cseq: 5, by: "caller" }).replies("INVITE", 200, "t", { cseq: 5, sdp: sdp("recvonly") });
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator confirmed held"], ["recipient confirmed"]]);
  });

  test("481 ends the call: the other side does not know it any more", () => {
    const { table, call } = answered();
    call.asks("INVITE", "t").replies("INVITE", 481, "t");
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
  });

  test("one request without an answer proves nothing; both sides silent, or one twice, is the end", () => {
    const once = answered();
    once.call.asks("INFO", "t").replies("INFO", 408, "t");
    expect(seen(once.table, "102")).toEqual(["recipient confirmed"]);
    once.call.asks("INFO", "t").replies("INFO", null, "t");
    expect(seen(once.table, "102")).toEqual(["recipient terminated"]);
    const both = answered();
    both.call.asks("UPDATE", "t").replies("UPDATE", null, "t").asks("UPDATE", "t", { by: "callee" });
    expect(seen(both.table, "102"), "the callee was heard again").toEqual(["recipient confirmed"]);
    both.call.replies("UPDATE", null, "t").asks("UPDATE", "t").replies("UPDATE", null, "t");
    expect(seen(both.table, "102")).toEqual(["recipient confirmed"]);
    both.call.asks("UPDATE", "t").replies("UPDATE", 408, "t");
    expect(seen(both.table, "102")).toEqual(["recipient terminated"]);
  });

  test("a call in which nothing was seen for age_max is over; one whose phones refresh it goes on", () => {
    const { table, clock, call } = answered({ ageMaxMs: 3_600_000 });
    clock.advance(3_000_000);
    call.asks("UPDATE", "t").replies("UPDATE", 200, "t");
    clock.advance(3_000_000);
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
    clock.advance(601_000);
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    expect(table.count).toBe(0);
  });

  test("a call that rings without an end is over after timer C and a minute", () => {
    const { table, clock } = tableOf();
    new TestCall(table, "101", "102").answers(0, "102", 180, "t");
    clock.advance(ringingMaxMs - 1000);
    expect(seen(table, "102")).toEqual(["recipient early"]);
    clock.advance(1100);
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    expect(table.count).toBe(0);
  });

  test("a branch that is forgotten while the call was answered elsewhere does not ring for ever", () => {
    const { table, clock } = tableOf();
    new TestCall(table, "101", "102").answers(0, "102", 180, "a").answers(1, "103", 180, "b").answers(0, "102", 200, "a");
    clock.advance(ringingMaxMs + 100);
    expect([seen(table, "102"), seen(table, "103")]).toEqual([["recipient confirmed"], ["recipient terminated"]]);
  });
});

describe("bounds", () => {
  test("a dialog that ended is shown a moment longer, then goes without a word", () => {
    const { table, clock, changes } = tableOf();
    new TestCall(table, "101", "102").answers(0, "102", 180, "t").isAnswered(0, "102", "t").asks("BYE", "t");
    const revision = table.revision(person("102"));
    changes.length = 0;
    clock.advance(lingerMs - 20);
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
    clock.advance(40);
    expect(seen(table, "102")).toEqual([]);
    expect(changes).toEqual([]);
    expect(table.revision(person("102"))).not.toBe(revision);
    expect(table.lastEndedAt(person("102"))).toBeGreaterThan(0);
  });

  test("of many that end at once the newest are shown", () => {
    const { table } = tableOf();
    for (let n = 0; n < 10; n++) new TestCall(table, "101", "102").answers(0, "102", 180, `t${n}`).ends(486);
    expect(table.dialogsOf(person("102")).map((dialog) => dialog.localTag)).toEqual(["t6", "t7", "t8", "t9"].slice(4 - lingeringPerAorMax));
  });

  test("one person has at most so many dialogs; the calls go on without being shown", () => {
    const { table } = tableOf();
    const calls = Array.from({ length: dialogsPerAorMax + 5 }, (_, n) => new TestCall(table, "carrier", "102").answers(0, "102", 180, `t${n}`));
    expect(table.dialogsOf(person("102"))).toHaveLength(dialogsPerAorMax);
    expect(table.count).toBe(dialogsPerAorMax + 5);
    for (const [n, call] of calls.entries()) call.isAnswered(0, "102", `t${n}`).asks("BYE", `t${n}`);
    expect(table.count).toBe(0);
    expect(seen(table, "102").filter((text) => !text.endsWith("terminated"))).toEqual([]);
  });

  test("a Call-ID or tag that is too long is not kept", () => {
    const { table } = tableOf();
    new TestCall(table, "101", "102", { callId: "x".repeat(dialogKeyLengthMax + 1) }).answers(0, "102", 180, "t");
    expect(table.count).toBe(0);
    const call = new TestCall(table, "101", "102").answers(0, "102", 180, "t".repeat(dialogKeyLengthMax + 1));
    expect(seen(table, "102")).toEqual(["recipient trying"]);
    call.ends(480);
    expect(table.count).toBe(0);
  });

  test("many calls with one Call-ID are bounded", () => {
    const { table } = tableOf();
    for (let n = 0; n < 200; n++) new TestCall(table, "101", "102", { callId: "the-same-for-all@x", fromTag: `from-${n}` });
    expect(table.count).toBe(64);
  });
});

describe("a restart", () => {
  test("confirmed calls are there again with their ids and holds; what rang or is over is not", () => {
    const clock = new FakeClock();
    const store = memoryStore({ node: "a", clock });
    const before = tableOf({ store, clock });
    const talking = new TestCall(before.table, "101", "102").answers(0, "102", 180, "t").isAnswered(0, "102", "t");
    new TestCall(before.table, "103", "104").answers(0, "104", 180, "u");
    new TestCall(before.table, "103", "102").isAnswered(0, "102", "v").asks("BYE", "v");
    const hold = "v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\na=inactive\r\n";
    talking.asks("INVITE", "t", { by: "callee", sdp: hold }).replies("INVITE", 200, "t", { by: "caller", sdp: hold });
    const [caller, callee] = [liveOne(before.table, "101"), liveOne(before.table, "102")];

    const after = tableOf({ store: store.crashed(), clock, seed: 2 });
    expect(after.table.restore()).toBe(1);
    expect(liveOne(after.table, "101")).toEqual(caller);
    expect(liveOne(after.table, "102")).toEqual(callee);
    expect(callee.onHold).toBe(true);
    expect(seen(after.table, "104")).toEqual([]);
  });

  test("a BYE after the restart ends the call and its record", () => {
    const clock = new FakeClock();
    const store = memoryStore({ node: "a", clock });
    const options = { callId: "through-a-restart@10.0.0.1", fromTag: "from-before-the-restart" };
    new TestCall(tableOf({ store, clock }).table, "101", "102", options).isAnswered(0, "102", "t");
    const disk = store.crashed();
    const { table } = tableOf({ store: disk, clock, seed: 2 });
    expect(table.restore()).toBe(1);
    const other = new TestCall(table, "103", "104", options);
    other.ends(480);
    expect(seen(table, "102")).toEqual(["recipient confirmed"]);
    other.asks("BYE", "t");
    expect([seen(table, "101"), seen(table, "102")]).toEqual([["initiator terminated"], ["recipient terminated"]]);
    expect([...disk.load("dialogs")]).toEqual([]);
  });

  test("a record that is too old or unreadable is dropped", () => {
    const clock = new FakeClock();
    const store = memoryStore({ node: "a", clock });
    new TestCall(tableOf({ store, clock, ageMaxMs: 1_000_000 }).table, "101", "102").isAnswered(0, "102", "t");
    store.put("dialogs", "x", { callId: "x" });
    store.put("dialogs", "y", null);
    store.put("dialogs", "z", { callId: "z", fromTag: "", from: "", to: "", since: clock.now(), callee: null, parties: [{}], legs: [] });
    clock.advance(1_000_001);
    const { table } = tableOf({ store, clock, ageMaxMs: 1_000_000 });
    expect(table.restore()).toBe(0);
    expect([...store.load("dialogs")]).toEqual([]);
  });

  test("a call that is seen in time after a restart is forgotten when its age says so", () => {
    const clock = new FakeClock();
    const store = memoryStore({ node: "a", clock });
    new TestCall(tableOf({ store, clock, ageMaxMs: 1_000_000 }).table, "101", "102").isAnswered(0, "102", "t");
    clock.advance(900_000);
    const { table } = tableOf({ store: store.crashed(), clock, ageMaxMs: 1_000_000 });
    expect(table.restore()).toBe(1);
    clock.advance(101_000);
    expect(seen(table, "102")).toEqual(["recipient terminated"]);
  });
});
