import { describe, expect, test } from "vitest";
import { State } from "../../../src/sip/transaction/machine.ts";
import { Wire } from "./wire.ts";

const EVER = 200_000;
const protocols = ["udp", "tcp"] as const;

describe("INVITE client (RFC 3261 §17.1.1, RFC 6026)", () => {
  test("over UDP timer A doubles without bound until timer B ends it at 32 s", async () => {
    const wire = await Wire.open("udp");
    wire.ask("INVITE");
    wire.clock.advance(EVER);
    expect(wire.times("INVITE")).toEqual([0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("over TCP nothing is sent twice, and timer B is the same", async () => {
    const wire = await Wire.open("tcp");
    wire.ask("INVITE");
    wire.clock.advance(EVER);
    expect(wire.times("INVITE")).toEqual([0]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("a provisional answer ends timers A and B: it may ring for ever", async () => {
    const wire = await Wire.open("udp");
    const { text, transaction } = wire.ask("INVITE");
    wire.clock.advance(600);
    wire.answer(text, 100);
    wire.clock.advance(3_600_000);
    expect(wire.times("INVITE")).toEqual([0, 500]);
    expect(wire.news).toEqual(["100"]);
    expect(wire.layer.table.state(transaction)).toBe(State.proceeding);
  });

  test.each([
    ["udp", 32_000],
    ["tcp", 10],
  ] as const)("a failure over %s is acknowledged at once, its repetitions during timer D (%i ms) too and told to nobody", async (protocol, timerD) => {
    const wire = await Wire.open(protocol);
    const { text } = wire.ask("INVITE");
    wire.clock.advance(100);
    wire.answer(text, 486);
    wire.settle();
    if (protocol === "udp") {
      wire.clock.advance(timerD - 20);
      wire.answer(text, 486);
      wire.settle();
      expect(wire.layer.table.count).toBe(1);
    }
    wire.clock.advance(11);
    expect(wire.left).toEqual([0, 0, 0]);
    wire.answer(text, 486);
    wire.settle();
    expect(wire.times("ACK")).toHaveLength(protocol === "udp" ? 2 : 1);
    expect(wire.news).toEqual(["486"]);
    const ack = wire.got.find((one) => one.text.startsWith("ACK"))?.text ?? "";
    expect(ack).toContain(/Via: [^\r]*/.exec(text)?.[0]);
    expect(ack).toContain("Route: <sip:10.0.0.2;lr>\r\n");
    expect(ack).toContain("To: <sip:bob@a.test>;tag=t\r\n");
    expect(ack).toContain("CSeq: 7 ACK\r\n");
    expect(wire.layer.counts.strayResponses).toBe(1);
  });

  test.each(protocols)("over %s each 2xx during timer M (32 s) is told, none after, and none is acknowledged here", async (protocol) => {
    const wire = await Wire.open(protocol);
    const { text } = wire.ask("INVITE");
    wire.answer(text, 200);
    wire.settle();
    wire.clock.advance(15_000);
    wire.answer(text, 200, { toTag: "another" });
    wire.answer(text, 486);
    wire.clock.advance(16_900);
    wire.answer(text, 200);
    wire.clock.advance(200);
    expect(wire.left).toEqual([0, 0, 0]);
    wire.answer(text, 200);
    wire.settle();
    expect(wire.news).toEqual(["200", "200", "200"]);
    expect(wire.times("ACK")).toEqual([]);
    expect(wire.layer.counts.strayResponses).toBe(1);
  });
});

describe("non-INVITE client (RFC 3261 §17.1.2)", () => {
  test("over UDP timer E doubles up to 4 s until timer F ends it at 32 s", async () => {
    const wire = await Wire.open("udp");
    wire.ask("OPTIONS");
    wire.clock.advance(EVER);
    expect(wire.times("OPTIONS")).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("over TCP nothing is sent twice, and timer F is the same", async () => {
    const wire = await Wire.open("tcp");
    wire.ask("OPTIONS");
    wire.clock.advance(EVER);
    expect(wire.times("OPTIONS")).toEqual([0]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("after a provisional answer timer E is 4 s, and timer F runs on", async () => {
    const wire = await Wire.open("udp");
    const { text } = wire.ask("OPTIONS");
    wire.clock.advance(700);
    wire.answer(text, 100);
    wire.clock.advance(EVER);
    expect(wire.times("OPTIONS")).toEqual([0, 500, 1500, 5500, 9500, 13_500, 17_500, 21_500, 25_500, 29_500]);
    expect(wire.told.at(-1)).toEqual({ what: "timeout", status: 0, atMs: 32_000 });
  });

  test.each([
    ["udp", 5000],
    ["tcp", 10],
  ] as const)("over %s repeated answers are absorbed during timer K (%i ms)", async (protocol, timerK) => {
    const wire = await Wire.open(protocol);
    const { text } = wire.ask("OPTIONS");
    wire.answer(text, 200);
    wire.answer(text, 200);
    wire.settle();
    expect(wire.news).toEqual(["200"]);
    expect(wire.layer.table.count).toBe(1);
    wire.clock.advance(timerK - 10);
    expect(wire.layer.table.count).toBe(1);
    wire.clock.advance(20);
    expect(wire.left).toEqual([0, 0, 0]);
    expect(wire.times("OPTIONS")).toEqual([0]);
  });
});

describe("INVITE server (RFC 3261 §17.2.1, RFC 6026)", () => {
  test("over UDP timer G doubles up to 4 s until timer H gives the ACK up at 32 s", async () => {
    const wire = await Wire.open("udp");
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 486);
    };
    wire.request("INVITE");
    wire.clock.advance(EVER);
    expect(wire.times("486")).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test("over TCP the failure is sent once, and timer H is the same", async () => {
    const wire = await Wire.open("tcp");
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 486);
    };
    wire.request("INVITE");
    wire.clock.advance(EVER);
    expect(wire.times("486")).toEqual([0]);
    expect(wire.told).toEqual([{ what: "timeout", status: 0, atMs: 32_000 }]);
    expect(wire.left).toEqual([0, 0, 0]);
  });

  test.each([
    ["udp", 5000],
    ["tcp", 10],
  ] as const)("over %s the ACK ends timer G, and timer I (%i ms) absorbs further ones", async (protocol, timerI) => {
    const wire = await Wire.open(protocol);
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 486);
    };
    wire.request("INVITE");
    wire.clock.advance(600);
    wire.request("ACK", { toTag: "ours" });
    wire.settle();
    wire.clock.advance(timerI - 10);
    if (protocol === "udp") {
      expect(wire.layer.table.count, "just before the end of timer I").toBe(1);
      wire.request("ACK", { toTag: "ours" });
    }
    wire.clock.advance(20);
    expect(wire.left).toEqual([0, 0, 0]);
    expect(wire.times("486")).toEqual(protocol === "udp" ? [0, 500] : [0]);
    expect([wire.acks, wire.news]).toEqual([[], []]);
  });

  test.each(protocols)("over %s timer L (32 s) absorbs repeated INVITEs after a 2xx, which is the user's to repeat; its ACK goes up", async (protocol) => {
    const wire = await Wire.open(protocol);
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 180);
      wire.reply(transaction, 200);
    };
    wire.request("INVITE");
    wire.clock.advance(10_000);
    wire.request("INVITE");
    wire.request("ACK", { toTag: "ours", branch: "z9hG4bKanother" });
    wire.settle();
    expect([wire.requests.length, wire.times("200").length, wire.acks.length]).toEqual([1, 1, 1]);
    const { transaction } = wire.requests[0] ?? { transaction: 0 };
    expect(wire.layer.respond(transaction, 200, (wire.got.at(-1)?.text ?? "").replace("tag=ours", "tag=second"))).toBe(true);
    wire.clock.advance(21_980);
    expect(wire.layer.table.count).toBe(1);
    wire.clock.advance(20);
    expect(wire.left).toEqual([0, 0, 0]);
    expect(wire.times("200")).toHaveLength(2);
    expect(wire.news).toEqual([]);
  });

  test("a repeated INVITE gets the last provisional answer again", async () => {
    const wire = await Wire.open("udp");
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 100);
    };
    wire.request("INVITE");
    wire.clock.advance(500);
    wire.request("INVITE");
    wire.settle();
    wire.reply(wire.requests[0]?.transaction ?? 0, 183);
    wire.request("INVITE");
    wire.settle();
    expect(wire.got.map((one) => one.text.slice(8, 11))).toEqual(["100", "100", "183", "183"]);
    expect(wire.requests).toHaveLength(1);
  });
});

describe("non-INVITE server (RFC 3261 §17.2.2)", () => {
  test.each([
    ["udp", 32_000],
    ["tcp", 10],
  ] as const)("over %s a repeated request gets the same answer during timer J (%i ms), and is a new one after", async (protocol, timerJ) => {
    const wire = await Wire.open(protocol);
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 200);
    };
    wire.request("OPTIONS");
    wire.settle();
    if (protocol === "udp") {
      wire.request("OPTIONS");
      wire.clock.advance(timerJ - 20);
      wire.request("OPTIONS");
      wire.settle();
      expect([wire.requests.length, wire.times("200").length]).toEqual([1, 3]);
    }
    wire.clock.advance(20);
    expect(wire.left).toEqual([0, 0, 0]);
    wire.request("OPTIONS");
    wire.settle();
    expect(wire.requests).toHaveLength(2);
  });

  test("before the first answer a repeated request is nothing; a provisional answer is repeated", async () => {
    const wire = await Wire.open("udp");
    wire.request("OPTIONS");
    wire.request("OPTIONS");
    wire.settle();
    expect([wire.requests.length, wire.got.length]).toEqual([1, 0]);
    wire.reply(wire.requests[0]?.transaction ?? 0, 100);
    wire.request("OPTIONS");
    wire.settle();
    expect(wire.times("100")).toHaveLength(2);
  });
});
