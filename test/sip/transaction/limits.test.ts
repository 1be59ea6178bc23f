import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { Header } from "../../../src/sip/header-name.ts";
import { Message } from "../../../src/sip/message.ts";
import { tagOf } from "../../../src/sip/name-addr.ts";
import { Wire } from "./wire.ts";

describe("a full table", () => {
  test("answers 503 with Retry-After, keeps what it has, and takes requests again when there is room", async () => {
    const wire = await Wire.open("udp", { transactionsMax: 3 });
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 200);
    };
    for (let index = 0; index < 5; index++) wire.request("OPTIONS", { branch: `z9hG4bK${index}` });
    wire.settle();
    const statuses = wire.got.map((one) => Message.of(one.text).status);
    expect(statuses).toEqual([200, 200, 200, 503, 503]);
    expect(Message.of(wire.got.at(-1)?.text ?? "").header(Header.retryAfter)).toBe("10");
    expect([wire.layer.counts.tableFull, wire.layer.table.count]).toEqual([2, 3]);
    // A repetition of one that it has is answered still; our own requests are refused.
    wire.request("OPTIONS", { branch: "z9hG4bK0" });
    wire.settle();
    expect(wire.times("200")).toHaveLength(4);
    expect(wire.layer.open("OPTIONS", wire.user)).toBe(0);
    wire.clock.advance(32_100);
    wire.request("OPTIONS", { branch: "z9hG4bK4" });
    wire.settle();
    expect(wire.times("200")).toHaveLength(5);
    wire.clock.advance(40_000);
    expect(wire.left).toEqual([0, 0, 0]);
  });
});

describe("more calls than can be done", () => {
  /** The receive buffer stands nearly full for a while. */
  const overload = (wire: Wire): void => {
    for (let at = 0; at < 60; at++) {
      wire.gate.backlog(0.9);
      wire.clock.advance(10);
    }
    while (wire.gate.admits()) wire.gate.backlog(0.9);
  };

  test("new calls get 503 and a Retry-After, and cost no transaction; everything else goes on, and calls again within a second after", async () => {
    const wire = await Wire.open("udp");
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 200);
    };
    overload(wire);
    const before = wire.layer.table.count;
    wire.request("INVITE", { branch: "z9hG4bKnew" });
    wire.settle();
    const refusal = Message.of(wire.got.at(-1)?.text ?? "");
    expect([refusal.status, wire.layer.table.count]).toEqual([503, before]);
    expect(Number(refusal.header(Header.retryAfter))).toBeGreaterThan(1);
    // Its ACK is nobody's business but ours.
    wire.send(`ACK sip:x@10.0.0.1 SIP/2.0\r\nVia: ${refusal.header(Header.via)?.replace(/;received=[^;]*/, "") ?? ""}\r\nMax-Forwards: 70\r\nFrom: ${refusal.header(Header.from) ?? ""}\r\nTo: ${refusal.header(Header.to) ?? ""}\r\nCall-ID: ${refusal.callId}\r\nCSeq: ${refusal.cseq} ACK\r\nContent-Length: 0\r\n\r\n`);
    wire.settle();
    expect(wire.acks).toEqual([]);
    for (const [at, method] of ["REGISTER", "BYE", "SUBSCRIBE", "OPTIONS"].entries()) {
      wire.request(method, { branch: `z9hG4bKother${at}` });
      wire.settle();
      expect(Message.of(wire.got.at(-1)?.text ?? "").status, method).toBe(200);
    }
    wire.gate.backlog(0);
    wire.clock.advance(1000);
    wire.request("INVITE", { branch: "z9hG4bKlater" });
    wire.settle();
    expect(Message.of(wire.got.at(-1)?.text ?? "").status).toBe(200);
    expect(wire.gate.shed).toBeGreaterThan(0);
  });
});

test("100,000 ACKs with made-up tags are never taken for the ACK of an answer without a transaction, and cost nothing that stays (seeded)", async () => {
  const seed = 20_261_121;
  const random = seededRandom(seed);
  const wire = await Wire.open("udp", { transactionsMax: 1 });
  wire.onRequest = (transaction) => {
    wire.reply(transaction, 200);
  };
  wire.request("OPTIONS", { branch: "z9hG4bKfirst" });
  wire.request("OPTIONS", { branch: "z9hG4bKfull" });
  wire.settle();
  const refusal = Message.of(wire.got.at(-1)?.text ?? "");
  expect(refusal.status).toBe(503);
  const real = tagOf(refusal.header(Header.to));
  const via = refusal.header(Header.via)?.replace(/;received=[^;]*/, "") ?? "";
  const ack = (tag: string): string =>
    `ACK sip:x@10.0.0.1 SIP/2.0\r\nVia: ${via}\r\nMax-Forwards: 70\r\nFrom: ${refusal.header(Header.from) ?? ""}\r\nTo: <sip:x@10.0.0.1>;tag=${tag}\r\nCall-ID: ${refusal.callId}\r\nCSeq: ${String(refusal.cseq)} ACK\r\nContent-Length: 0\r\n\r\n`;
  const before = wire.left;
  // The right one is ours: it goes no further.
  wire.layer.onMessage(ack(real), wire.flow());
  expect(wire.acks).toEqual([]);
  const alphabet = "0123456789abcdef";
  const letter = (): string => alphabet.charAt(random.below(alphabet.length));
  let swallowed = 0;
  for (let round = 0; round < 100_000; round++) {
    const letters = round % 2 === 0 ? ["l", ...Array.from({ length: real.length - 1 }, letter)] : [...real];
    if (round % 2 === 1) letters[random.below(letters.length)] = letter();
    const tag = letters.join("");
    if (tag === real) continue;
    wire.acks.length = 0;
    wire.layer.onMessage(ack(tag), wire.flow());
    if (wire.acks.length !== 1) swallowed++;
  }
  expect(swallowed, `seed ${String(seed)}`).toBe(0);
  expect(wire.left).toEqual(before);
});

describe("a connection that ends", () => {
  test("tells each client transaction that waits for an answer once, and those only", async () => {
    const wire = await Wire.open("tcp");
    wire.ask("INVITE", "trying");
    const rings = wire.ask("INVITE", "rings");
    const done = wire.ask("OPTIONS", "done");
    wire.ask("OPTIONS", "waits");
    wire.settle();
    wire.answer(rings.text, 180);
    wire.answer(done.text, 200);
    wire.settle();
    const before = wire.told.length;
    wire.network.cut("10.0.0.1", "10.0.0.2");
    wire.clock.advance(100);
    expect(wire.news.slice(before)).toEqual(["unreachable", "unreachable", "unreachable"]);
    wire.clock.advance(100_000);
    expect([wire.news.length, wire.left]).toEqual([before + 3, [0, 0, 0]]);
  });

  test("that could not be made at all tells so as well", async () => {
    const wire = await Wire.open("tcp");
    wire.network.refuse("10.0.0.2");
    wire.ask("OPTIONS");
    wire.clock.advance(100);
    expect([wire.news, wire.left]).toEqual([["unreachable"], [0, 0, 0]]);
  });

  test("leaves the other connections' transactions alone, and a user's mistake does not keep the others from being told", async () => {
    const wire = await Wire.open("tcp");
    const bad = wire.ask("OPTIONS", "bad");
    wire.layer.table.setUser(bad.transaction, {
      ...wire.user,
      onUnreachable: () => {
        throw new Error("a mistake");
      },
    });
    wire.ask("OPTIONS", "good");
    wire.settle();
    wire.network.cut("10.0.0.1", "10.0.0.2");
    wire.clock.advance(100);
    expect([wire.news, wire.errors.length, wire.left]).toEqual([["unreachable"], 1, [0, 0, 0]]);
  });

  test("before the answer: the answer goes on a new connection to the address of the Via (RFC 3261 §18.2.2)", async () => {
    const wire = await Wire.open("tcp");
    wire.request("INVITE");
    wire.settle();
    wire.network.cut("10.0.0.1", "10.0.0.2");
    wire.clock.advance(100);
    const { transaction } = wire.requests[0] ?? { transaction: 0 };
    wire.reply(transaction, 486);
    wire.clock.advance(100);
    expect(wire.times("486")).toHaveLength(1);
    expect(wire.peerFlow?.isOpen).toBe(true);
    wire.request("ACK", { toTag: "ours" });
    wire.clock.advance(100);
    expect([wire.acks, wire.left]).toEqual([[], [0, 0, 0]]);
  });

  test("and a peer that takes no new one either: the answer is lost, nothing else", async () => {
    const wire = await Wire.open("tcp");
    wire.request("OPTIONS");
    wire.settle();
    wire.network.cut("10.0.0.1", "10.0.0.2");
    wire.network.refuse("10.0.0.2");
    wire.clock.advance(100);
    wire.reply(wire.requests[0]?.transaction ?? 0, 200);
    wire.clock.advance(40_000);
    expect([wire.got, wire.errors, wire.left]).toEqual([[], [], [0, 0, 0]]);
  });
});

describe("answers over UDP go where RFC 3261 §18.2.2 and RFC 3581 say", () => {
  test.each([
    ["to the source port when rport was asked for", "10.0.0.2:5070", true, 5060],
    ["to the port of sent-by when not", "10.0.0.2:5070", false, 5070],
    ["to the source address, whatever host sent-by names", "10.9.9.9:5060", false, 5060],
    ["to port 5060 when sent-by names none", "10.0.0.2", false, 5060],
  ])("%s", async (_name, sentBy, rport, port) => {
    const wire = await Wire.open("udp");
    const to: string[] = [];
    wire.network.onTraffic = (traffic) => {
      if (traffic.from.startsWith("10.0.0.1:")) to.push(traffic.to);
    };
    wire.onRequest = (transaction) => {
      wire.reply(transaction, 200);
    };
    wire.request("OPTIONS", { sentBy, rport });
    wire.settle();
    expect(to).toEqual([`10.0.0.2:${port}`]);
  });
});

test("an exception above is answered 500 and leaves nothing behind", async () => {
  const wire = await Wire.open("udp");
  wire.onRequest = () => {
    throw new Error("a mistake");
  };
  wire.request("OPTIONS");
  wire.request("INVITE", { branch: "z9hG4bKtwo" });
  wire.settle();
  expect([wire.times("500").length, wire.errors.length]).toEqual([2, 2]);
  wire.clock.advance(40_000);
  expect(wire.left).toEqual([0, 0, 0]);
});
