import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { encode } from "dns-packet";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { UnavailableError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { dnsClient } from "../../src/dns/client.ts";
import type { DnsClient } from "../../src/dns/client.ts";
import type { NameServer } from "../../src/dns/name-servers.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { a, fakeDnsServer, replyTo } from "./fake-dns-server.ts";
import type { FakeDnsServer } from "./fake-dns-server.ts";

let server: FakeDnsServer;
let second: FakeDnsServer;
let clock: FakeClock;
beforeEach(async () => {
  server = await fakeDnsServer();
  second = await fakeDnsServer();
  clock = new FakeClock();
});
afterEach(async () => {
  await server.close();
  await second.close();
});

const client = (servers: readonly NameServer[]): DnsClient => dnsClient({ servers, clock, random: seededRandom(1) });
const addresses = async (asking: DnsClient, name = "x.test"): Promise<readonly string[]> =>
  (await asking.query(name, "A")).answers.map((record) => (record.type === "A" ? record.address : record.type));

test("an answer over UDP, each question from a port of its own", async () => {
  server.answer = (name) => ({ answers: [a(name, "10.0.0.1")] });
  const asking = client([server]);
  expect(await addresses(asking)).toEqual(["10.0.0.1"]);
  for (let n = 0; n < 8; n++) await asking.query(`${n}.test`, "A");
  expect(new Set(server.sourcePorts).size).toBeGreaterThan(4);
  expect(clock.nextAtMs).toBeNull();
});

test("a name that does not exist is an answer, and asked once", async () => {
  const answer = await client([server, second]).query("x.test", "A");
  expect(answer).toMatchObject({ rcode: 3, answers: [] });
  expect(server.asked.length + second.asked.length).toBe(1);
});

test("a truncated answer is fetched over TCP from the same server, byte by byte if need be", async () => {
  const many = Array.from({ length: 100 }, (_, n) => a("x.test", `10.0.0.${n}`));
  server.answer = (_, __, over) => (over === "udp" ? { answers: many.slice(0, 2), isTruncated: true } : { answers: many });
  expect(await addresses(client([server]))).toHaveLength(100);
  expect(server.asked).toEqual(["udp A x.test", "tcp A x.test"]);
});

test("a TCP connection that ends without an answer leads to the next server", async () => {
  server.answer = (_, __, over) => (over === "udp" ? { isTruncated: true } : null);
  second.answer = (name) => ({ answers: [a(name, "10.0.0.2")] });
  expect(await addresses(client([server, second]))).toEqual(["10.0.0.2"]);
});

test("answers with another id, another question or no sense are passed over until the right one comes", async () => {
  server.raw = (query, send) => {
    const forged = { answers: [a("x.test", "6.6.6.6")] };
    for (const id of [0, 1, 65_535]) if (id !== query.id) send(encode({ ...replyTo(query, forged), id }));
    send(encode({ ...replyTo(query, forged), questions: [{ type: "A", name: "y.test" }] }));
    send(encode({ ...replyTo(query, forged), questions: [{ type: "AAAA", name: "x.test" }] }));
    send(encode({ ...replyTo(query, forged), questions: [] }));
    send(Buffer.from("nonsense"));
    send(encode({ type: "query", id: query.id, questions: query.questions }));
    send(encode(replyTo(query, { answers: [a("x.test", "10.0.0.1")] })));
  };
  expect(await addresses(client([server]))).toEqual(["10.0.0.1"]);
});

test("a flood of wrong ids makes the client give that question up", async () => {
  server.raw = (query, send) => {
    for (let n = 1; n <= 100; n++) send(encode({ ...replyTo(query, { answers: [a("x.test", "6.6.6.6")] }), id: ((query.id ?? 0) + n) & 0xffff }));
  };
  second.answer = (name) => ({ answers: [a(name, "10.0.0.2")] });
  expect(await addresses(client([server, second]))).toEqual(["10.0.0.2"]);
});

test("a dead server costs one wait, then the one that answered is asked first", async () => {
  server.answer = () => null;
  second.answer = (name) => ({ answers: [a(name, "10.0.0.2")] });
  const asking = client([server, second]);
  const first = addresses(asking);
  await server.arrived(1);
  clock.advance(1000);
  expect(await first).toEqual(["10.0.0.2"]);
  expect(await addresses(asking, "z.test")).toEqual(["10.0.0.2"]);
  expect(server.asked).toHaveLength(1);
});

test.each([2, 5])("rcode %i leads to the next server", async (rcode) => {
  server.answer = () => ({ rcode });
  second.answer = (name) => ({ answers: [a(name, "10.0.0.2")] });
  expect(await addresses(client([server, second]))).toEqual(["10.0.0.2"]);
});

test("when all are dead each is asked twice and the failure says what was seen", async () => {
  server.answer = () => null;
  second.answer = () => ({ rcode: 2 });
  const failed = addresses(client([server, second])).then(
    () => null,
    (err: unknown) => err,
  );
  await server.arrived(1);
  clock.advance(1000);
  await server.arrived(2);
  clock.advance(1000);
  const err = await failed;
  expect(err).toBeInstanceOf(UnavailableError);
  expect(String(err)).toContain("x.test A");
  expect(String(err)).toContain("rcode 2");
  expect(second.asked).toHaveLength(2);
});

test("a port that nobody listens on fails at once, without a wait", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise<void>((resolve) => closed.close(() => { resolve(); }));
  const asking = dnsClient({ servers: [{ address: "127.0.0.1", port }], clock: systemClock, random: seededRandom(1), timeoutMs: 5000, attempts: 1 });
  const start = performance.now();
  await expect(asking.query("x.test", "A")).rejects.toThrow(UnavailableError);
  expect(performance.now() - start).toBeLessThan(4000);
});
