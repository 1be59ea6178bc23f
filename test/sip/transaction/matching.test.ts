import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { Header } from "../../../src/sip/header-name.ts";
import { Message } from "../../../src/sip/message.ts";
import { formatBranch, parseBranch } from "../../../src/sip/transaction/branch.ts";
import { State } from "../../../src/sip/transaction/machine.ts";
import type { TransactionId } from "../../../src/sip/transaction/user.ts";
import { Wire } from "./wire.ts";

describe("requests find their server transaction (RFC 3261 §17.2.3)", () => {
  test.each([
    ["the same request is a repetition", {}, 1],
    ["another branch is another request", { branch: "z9hG4bKtwo" }, 2],
    ["another sent-by host is another request, though the branch is the same", { sentBy: "10.0.0.3:5060" }, 2],
    ["another sent-by port as well", { sentBy: "10.0.0.2:5061" }, 2],
    ["the Call-ID does not count", { callId: "another" }, 1],
  ])("%s", async (_name, changed, count) => {
    const wire = await Wire.open("udp");
    wire.request("OPTIONS");
    wire.request("OPTIONS", changed);
    wire.settle();
    expect(wire.requests).toHaveLength(count);
  });

  test("the method counts: one branch for two methods is two requests", async () => {
    const wire = await Wire.open("udp");
    wire.request("OPTIONS");
    wire.request("INFO");
    wire.settle();
    expect(wire.requests).toHaveLength(2);
  });

  test.each([
    ["no branch", ""],
    ["a branch without the magic cookie", "1"],
    ["a branch that is nothing but the magic cookie", "z9hG4bK"],
  ])("RFC 2543, %s: Call-ID, CSeq, From tag, request URI and Via tell requests apart", async (_name, branch) => {
    const wire = await Wire.open("udp");
    wire.request("OPTIONS", { branch });
    wire.request("OPTIONS", { branch });
    wire.settle();
    expect(wire.requests).toHaveLength(1);
    wire.request("OPTIONS", { branch, cseq: 2 });
    wire.request("OPTIONS", { branch, callId: "another" });
    wire.request("OPTIONS", { branch, sentBy: "10.0.0.2:5061" });
    wire.settle();
    expect(wire.requests).toHaveLength(4);
  });

  test("RFC 2543: the ACK of a failure and a CANCEL find their INVITE", async () => {
    const wire = await Wire.open("udp");
    wire.request("INVITE", { branch: "1" });
    wire.settle();
    wire.request("CANCEL", { branch: "1" });
    wire.settle();
    expect([wire.news, wire.times("200").length]).toEqual([["cancel"], 1]);
    wire.reply(wire.requests[0]?.transaction ?? 0, 487);
    wire.settle();
    wire.request("ACK", { branch: "1", toTag: "ours" });
    wire.settle();
    expect([wire.layer.table.state(wire.requests[0]?.transaction ?? 0), wire.acks]).toEqual([State.confirmed, []]);
  });
});

describe("ACK (RFC 3261 §17.2.1, §13.3.1.4)", () => {
  test("of a 2xx goes up, whatever its branch", async () => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.settle();
    wire.reply(wire.requests[0]?.transaction ?? 0, 200);
    wire.request("ACK", { toTag: "ours", branch: "z9hG4bKack" });
    wire.request("ACK", { toTag: "ours" });
    wire.request("ACK", { toTag: "nobody", branch: "z9hG4bKx", callId: "unknown" });
    wire.settle();
    expect(wire.acks).toHaveLength(3);
  });

  test("before any final answer changes nothing", async () => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.request("ACK");
    wire.settle();
    expect([wire.acks, wire.layer.table.state(wire.requests[0]?.transaction ?? 0)]).toEqual([[], State.proceeding]);
  });

  test("of a stateless answer is absorbed; with another tag, branch or Call-ID it is none of that", async () => {
    const wire = await Wire.open("udp", { transactionsMax: 1 });
    wire.request("OPTIONS");
    wire.request("INVITE", { branch: "z9hG4bKfull" });
    wire.settle();
    expect(wire.times("503")).toHaveLength(1);
    const toTag = wire.lastToTag;
    expect(toTag).not.toBe("");
    wire.request("ACK", { branch: "z9hG4bKfull", toTag });
    wire.settle();
    expect(wire.acks).toEqual([]);
    wire.request("ACK", { branch: "z9hG4bKfull", toTag: "other" });
    wire.request("ACK", { branch: "z9hG4bKother", toTag });
    wire.request("ACK", { branch: "z9hG4bKfull", toTag, callId: "other" });
    wire.settle();
    expect(wire.acks).toHaveLength(3);
  });
});

describe("CANCEL that comes (RFC 3261 §9.2)", () => {
  test("of a pending INVITE is answered 200 and told once, however often it comes", async () => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.settle();
    wire.request("CANCEL");
    wire.request("CANCEL");
    wire.settle();
    expect([wire.times("200").length, wire.news]).toEqual([2, ["cancel"]]);
  });

  test.each([
    ["another branch", { branch: "z9hG4bKother" }],
    ["another sent-by", { sentBy: "10.0.0.2:5099", rport: true }],
  ])("with %s is answered 481", async (_name, changed) => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.settle();
    wire.request("CANCEL", changed);
    wire.settle();
    expect([wire.got.map((one) => one.text.slice(8, 11)), wire.news]).toEqual([["481"], []]);
  });

  test("of anything but an INVITE is answered 481", async () => {
    const wire = await Wire.open("udp");
    wire.request("OPTIONS");
    wire.request("CANCEL");
    wire.settle();
    expect([wire.got.map((one) => one.text.slice(8, 11)), wire.news]).toEqual([["481"], []]);
  });

  test.each([200, 486])("after the final answer %i is answered 200 and has no effect", async (status) => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.settle();
    wire.reply(wire.requests[0]?.transaction ?? 0, status);
    wire.request("CANCEL");
    wire.settle();
    expect([wire.got.map((one) => Message.of(one.text).method), wire.news]).toEqual([["INVITE", "CANCEL"], []]);
    expect(wire.got.at(-1)?.text).toContain("SIP/2.0 200");
  });

  test("is answered and told even when the table is full", async () => {
    const wire = await Wire.open("udp", { transactionsMax: 1 });
    wire.request("INVITE");
    wire.settle();
    wire.request("CANCEL");
    wire.settle();
    expect([wire.times("200").length, wire.news]).toEqual([1, ["cancel"]]);
  });
});

describe("CANCEL that we send (RFC 3261 §9.1)", () => {
  test("waits for a provisional answer, is sent once, repeats the INVITE's Via, Route and CSeq number", async () => {
    const wire = await Wire.open("udp");
    const { transaction, text } = wire.ask("INVITE");
    wire.layer.cancel(transaction, "");
    wire.settle();
    expect(wire.times("CANCEL")).toEqual([]);
    wire.answer(text, 180);
    wire.settle();
    wire.layer.cancel(transaction, "Reason: SIP;cause=200\r\n");
    wire.layer.cancel(transaction, "");
    wire.settle();
    const cancel = Message.of(wire.got.at(-1)?.text ?? "");
    const invite = Message.of(text);
    expect(wire.times("CANCEL")).toHaveLength(1);
    expect(cancel.values(Header.via)).toEqual(invite.values(Header.via));
    expect(cancel.values(Header.route)).toEqual(invite.values(Header.route));
    expect([cancel.requestUri, cancel.cseq, cancel.header(Header.to), cancel.header(Header.reason)]).toEqual([invite.requestUri, 7, invite.header(Header.to), "SIP;cause=200"]);
  });

  test("its answer ends it, the 487 ends the INVITE", async () => {
    const wire = await Wire.open("udp");
    const { transaction, text } = wire.ask("INVITE");
    wire.answer(text, 180);
    wire.settle();
    wire.layer.cancel(transaction, "");
    wire.answer(text, 200, { method: "CANCEL" });
    wire.answer(text, 487);
    wire.clock.advance(40_000);
    expect([wire.times("CANCEL").length, wire.news, wire.left]).toEqual([1, ["180", "487"], [0, 0, 0]]);
  });

  test("its answer ends it too when the INVITE was answered 200 meanwhile, and reaches nobody else", async () => {
    const wire = await Wire.open("udp");
    wire.request("INVITE");
    wire.settle();
    const caller = wire.requests[0]?.transaction ?? 0;
    const { transaction, text } = wire.ask("INVITE");
    wire.answer(text, 180);
    wire.settle();
    wire.layer.cancel(transaction, "");
    wire.answer(text, 200);
    wire.settle();
    // As a fork does: the branch remembers its caller's transaction.
    wire.layer.table.tie(transaction, caller);
    wire.reply(caller, 200);
    wire.settle();
    const before = wire.got.length;
    wire.answer(text, 200, { method: "CANCEL" });
    wire.clock.advance(40_000);
    expect(wire.got.slice(before)).toEqual([]);
    expect([wire.times("CANCEL").length, wire.left]).toEqual([1, [0, 0, 0]]);
  });

  test("an INVITE that stays silent after it ends 32 s later", async () => {
    const wire = await Wire.open("udp");
    const { transaction, text } = wire.ask("INVITE");
    wire.answer(text, 180);
    wire.clock.advance(60_000);
    wire.layer.cancel(transaction, "");
    wire.clock.advance(200_000);
    expect(wire.told.at(-1)).toEqual({ what: "timeout", status: 0, atMs: 92_000 });
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("an INVITE whose CANCEL is answered 481 waits 5 s only for an answer that was on its way", async () => {
    const wire = await Wire.open("udp");
    const late = wire.ask("INVITE", "late");
    const silent = wire.ask("INVITE", "silent");
    for (const { text, transaction } of [late, silent]) {
      wire.answer(text, 180);
      wire.settle();
      wire.layer.cancel(transaction, "");
      wire.answer(text, 481, { method: "CANCEL" });
    }
    wire.clock.advance(4000);
    wire.answer(late.text, 200);
    wire.clock.advance(40_000);
    expect([wire.news, wire.told.at(-1)?.atMs]).toEqual([["180", "180", "200", "timeout"], 5020]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("over TCP nothing of it is left once the INVITE is over, though its own answer never came", async () => {
    const wire = await Wire.open("tcp");
    const { transaction, text } = wire.ask("INVITE");
    wire.settle();
    wire.answer(text, 180);
    wire.settle();
    wire.layer.cancel(transaction, "");
    wire.settle();
    wire.answer(text, 487);
    wire.clock.advance(30);
    expect(wire.left).toEqual([0, 0, 0]);
  });
});

describe("responses", () => {
  test("of another method than the request's are dropped (RFC 3261 §17.1.3)", async () => {
    const wire = await Wire.open("udp");
    const invite = wire.ask("INVITE");
    const options = wire.ask("OPTIONS", "call-9");
    wire.answer(invite.text, 200, { method: "BYE" });
    wire.answer(invite.text, 200, { method: "CANCEL" });
    wire.answer(options.text, 200, { method: "INVITE" });
    wire.settle();
    expect([wire.news, wire.layer.counts.strayResponses]).toEqual([[], 3]);
  });

  test.each(["", "z9hG4bK", "z9hG4bKabc", "1", "z9hG4bK....", "z9hG4bK%.1.0.1.0", "x".repeat(5000)])("with the branch %j are dropped", async (branch) => {
    const wire = await Wire.open("udp");
    const { text } = wire.ask("OPTIONS");
    wire.answer(text, 200, { branch: branch.replace("%", wire.layer.serverId) });
    wire.settle();
    expect([wire.news, wire.layer.counts.strayResponses, wire.errors]).toEqual([[], 1, []]);
  });

  test("100,000 forged branches, mostly near misses of live ones, reach no transaction; then the real answers do", async () => {
    const seed = 20_261_121;
    const random = seededRandom(seed);
    const wire = await Wire.open("udp", { transactionsMax: 200, seed });
    // Some that ended, so that generations differ, then some that live.
    for (let index = 0; index < 50; index++) wire.layer.table.abandon(wire.layer.open("OPTIONS", wire.user));
    const live = Array.from({ length: 40 }, (_, index) => wire.ask(index % 2 === 0 ? "INVITE" : "OPTIONS", `call-${index}`));
    wire.settle();
    const branches = live.map(({ branch }) => parseBranch(wire.layer.serverId, branch));
    const isReal = new Set(live.map(({ branch }) => branch));
    const { serverId } = wire.layer;
    const flow = wire.flow();
    for (let round = 0; round < 100_000; round++) {
      const at = random.below(live.length);
      const { slot, generation, cookie } = branches[at] ?? { slot: 0, generation: 0, cookie: 0 };
      const text = live[at]?.text ?? "";
      let branch = "";
      switch (random.below(7)) {
        case 0:
          branch = formatBranch(serverId, random.below(300), generation, cookie, "0");
          break;
        case 1:
          branch = formatBranch(serverId, slot, random.below(4) === 0 ? generation + 2 ** 20 : random.below(2 ** 32), cookie, "0");
          break;
        case 2:
          branch = formatBranch(serverId, slot, generation, (cookie ^ (1 << random.below(32))) >>> 0, "0");
          break;
        case 3:
          branch = formatBranch(serverId, slot, generation, random.below(2 ** 32), "0");
          break;
        case 4:
          branch = formatBranch(`${serverId.slice(0, 5)}${serverId.endsWith("0") ? "1" : "0"}`, slot, generation, cookie, "0");
          break;
        case 5:
          branch = formatBranch(serverId, slot + 2 ** 20 * random.below(9), generation, cookie + random.below(2) + 1, "0");
          break;
        default:
          branch = `z9hG4bK${serverId}${String.fromCharCode(...random.bytes(1 + random.below(20)).map((byte) => 33 + (byte % 90)))}`.replace(/[;,=<>"]/g, ".");
      }
      // The slot of one and the cookie of another may be drawn right by chance; the loop hash does not count.
      if (isReal.has(branch)) continue;
      const method = random.below(4) === 0 ? "CANCEL" : Message.of(text).method;
      wire.layer.onMessage(`SIP/2.0 ${[100, 180, 200, 486][random.below(4)] ?? 200} x\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=${branch}\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:a@b>;tag=t\r\nCall-ID: c\r\nCSeq: 7 ${method}\r\n\r\n`, flow);
    }
    expect([wire.news, wire.errors, wire.layer.table.count], `seed ${seed}`).toEqual([[], [], 40]);
    for (const { text } of live) wire.answer(text, 200);
    wire.settle();
    expect(wire.news, `seed ${seed}`).toHaveLength(40);
    wire.clock.advance(40_000);
    expect(wire.left, `seed ${seed}`).toEqual([0, 0, 0]);
  });

  test("thousands of transactions in one slot: an old one's branch and handle touch none of the later ones", async () => {
    const wire = await Wire.open("udp", { transactionsMax: 1 });
    const old: { transaction: TransactionId; text: string }[] = [];
    for (let round = 0; round < 3000; round++) {
      const asked = wire.ask("OPTIONS", `call-${round}`);
      wire.answer(asked.text, 200);
      wire.settle();
      if (round % 300 === 0) old.push(asked);
      wire.clock.advance(5001);
    }
    expect(new Set(old.map(({ transaction }) => transaction)).size).toBe(10);
    const { transaction, text } = wire.ask("OPTIONS", "the last");
    const told = wire.told.length;
    for (const one of old) {
      wire.answer(one.text, 500);
      wire.layer.table.abandon(one.transaction);
      wire.layer.table.setUser(one.transaction, null);
      wire.layer.cancel(one.transaction, "");
      expect(wire.layer.respond(one.transaction, 200, "x")).toBe(false);
      expect([wire.layer.table.flow(one.transaction), wire.layer.table.user(one.transaction), wire.layer.table.state(one.transaction)]).toEqual([null, null, State.free]);
    }
    wire.settle();
    expect([wire.told.length, wire.layer.table.state(transaction)]).toEqual([told, State.trying]);
    wire.answer(text, 200);
    wire.settle();
    expect(wire.told).toHaveLength(told + 1);
  });
});
