import { expect, test } from "vitest";
import { UnavailableError } from "../../src/base/errors.ts";
import { DNS_CACHE, dnsCache } from "../../src/dns/cache.ts";
import type { DnsResult } from "../../src/dns/cache.ts";
import type { DnsMessage, DnsRecord } from "../../src/dns/codec.ts";
import { FakeClock } from "../sim/fake-clock.ts";

function message(answers: readonly DnsRecord[], more: Partial<DnsMessage> = {}): DnsMessage {
  return { id: 1, isTruncated: false, rcode: 0, question: null, answers, negativeSeconds: null, ...more };
}

const a = (name: string, address: string, ttlSeconds = 60): DnsRecord => ({ type: "A", name, ttlSeconds, address });
const alias = (name: string, target: string, ttlSeconds = 60): DnsRecord => ({ type: "CNAME", name, ttlSeconds, target });

/** A cache over a DNS that says what `say` says: null for dead, a promise for slow. */
function world(say: (name: string) => DnsMessage | Promise<DnsMessage> | null, entriesMax?: number) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const mutable = { say };
  const cache = dnsCache({
    clock,
    client: {
      query(name) {
        asked.push(name);
        const said = mutable.say(name);
        return said === null ? Promise.reject(new UnavailableError("dead")) : Promise.resolve(said);
      },
    },
    ...(entriesMax === undefined ? {} : { entriesMax }),
  });
  return { clock, asked, cache, mutable };
}

function addressOf(result: DnsResult | Promise<DnsResult>): string {
  if (result instanceof Promise) return "a promise";
  if (result.kind !== "found") return result.kind;
  return result.records.map((record) => (record.type === "A" ? record.address : record.type)).join(" ");
}

test("what is known is answered at once until its TTL ends", async () => {
  const { cache, clock, asked } = world((name) => message([a(name, "10.0.0.1", 30)]));
  expect(addressOf(await cache.lookup("X.test.", "A"))).toBe("10.0.0.1");
  clock.advance(29_999);
  expect(addressOf(cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  clock.advance(1);
  expect(cache.lookup("x.test", "A")).toBeInstanceOf(Promise);
  expect(asked).toHaveLength(2);
});

test.each([
  ["0", 0, 1_000],
  ["a year", 31_536_000, 86_400_000],
])("a TTL of %s is kept within bounds", async (_, ttl, ms) => {
  const { cache, clock } = world((name) => message([a(name, "10.0.0.1", ttl)]));
  await cache.lookup("x.test", "A");
  clock.advance(ms - 1);
  expect(addressOf(cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  clock.advance(1);
  expect(cache.lookup("x.test", "A")).toBeInstanceOf(Promise);
});

test.each([
  ["by the SOA", 30, 30_000],
  ["at least a second", 0, 1_000],
  ["at most a minute", 86_400, 60_000],
  ["ten seconds without an SOA", null, 10_000],
])("that there is nothing is remembered briefly: %s", async (_, negativeSeconds, ms) => {
  for (const rcode of [0, 3]) {
    const { cache, clock } = world(() => message([], { rcode, negativeSeconds }));
    expect(await cache.lookup("x.test", "A")).toEqual({ kind: "none" });
    clock.advance(ms - 1);
    expect(cache.lookup("x.test", "A")).toEqual({ kind: "none" });
    clock.advance(1);
    expect(cache.lookup("x.test", "A")).toBeInstanceOf(Promise);
  }
});

test("a failure is remembered for five seconds, then DNS is asked again", async () => {
  const { cache, clock, mutable, asked } = world(() => null);
  expect(await cache.lookup("x.test", "A")).toEqual({ kind: "failed" });
  expect(cache.lookup("x.test", "A")).toEqual({ kind: "failed" });
  mutable.say = (name) => message([a(name, "10.0.0.1")]);
  clock.advance(5_000);
  expect(addressOf(await cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  expect(asked).toHaveLength(2);
});

test("while DNS is down the last answer serves for a day, tried again every 30 s", async () => {
  const { cache, clock, mutable, asked } = world((name) => message([a(name, "10.0.0.1", 60)]));
  await cache.lookup("x.test", "A");
  mutable.say = () => null;
  clock.advance(60_000);
  expect(addressOf(await cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  clock.advance(29_999);
  expect(addressOf(cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  expect(asked).toHaveLength(2);
  clock.advance(1);
  expect(addressOf(await cache.lookup("x.test", "A"))).toBe("10.0.0.1");
  expect(asked).toHaveLength(3);
  clock.advance(DNS_CACHE.staleMaxMs);
  expect(await cache.lookup("x.test", "A")).toEqual({ kind: "failed" });
});

test("a slow DNS is waited for half a second, then the last answer serves and the new one is kept", async () => {
  const { cache, clock, mutable } = world((name) => message([a(name, "10.0.0.1", 60)]));
  await cache.lookup("x.test", "A");
  clock.advance(60_000);
  let finish = (_: DnsMessage): void => undefined;
  mutable.say = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const waited = cache.lookup("x.test", "A");
  clock.advance(DNS_CACHE.stalePatienceMs);
  expect(addressOf(await waited)).toBe("10.0.0.1");
  const again = cache.lookup("x.test", "A");
  finish(message([a("x.test", "10.0.0.2")]));
  expect(addressOf(await again)).toBe("10.0.0.2");
  expect(addressOf(cache.lookup("x.test", "A"))).toBe("10.0.0.2");
});

test("a name that is gone is gone: no stale answer over a fresh denial", async () => {
  const { cache, clock, mutable } = world((name) => message([a(name, "10.0.0.1", 60)]));
  await cache.lookup("x.test", "A");
  mutable.say = () => message([], { rcode: 3, negativeSeconds: 30 });
  clock.advance(60_000);
  expect(await cache.lookup("x.test", "A")).toEqual({ kind: "none" });
});

test("identical questions in flight are asked once, others are not mixed with them", async () => {
  const { cache, asked } = world((name) => message([a(name, "10.0.0.1")]));
  const all = await Promise.all([cache.lookup("x.test", "A"), cache.lookup("X.TEST", "A"), cache.lookup("x.test", "AAAA"), cache.lookup("y.test", "A")]);
  expect(asked).toEqual(["x.test", "x.test", "y.test"]);
  expect(all.map((result) => result.kind)).toEqual(["found", "found", "none", "found"]);
});

test("aliases are followed within an answer and beyond it, with the least TTL", async () => {
  const { cache, clock, asked } = world((name) =>
    name === "x.test" ? message([alias("x.test", "y.test", 50), alias("y.test", "z.test", 20)]) : message([a("z.test", "10.0.0.3", 100)]),
  );
  expect(addressOf(await cache.lookup("x.test", "A"))).toBe("10.0.0.3");
  expect(asked).toEqual(["x.test", "z.test"]);
  clock.advance(19_999);
  expect(addressOf(cache.lookup("x.test", "A"))).toBe("10.0.0.3");
  clock.advance(1);
  expect(cache.lookup("x.test", "A")).toBeInstanceOf(Promise);
});

test("rings and long chains of aliases end", async () => {
  const ring = world((name) => message([alias(name, name === "x.test" ? "y.test" : "x.test")]));
  expect(await ring.cache.lookup("x.test", "A")).toEqual({ kind: "none" });
  const inOne = world(() => message([alias("x.test", "y.test"), alias("y.test", "x.test")]));
  expect(await inOne.cache.lookup("x.test", "A")).toEqual({ kind: "none" });
  const long = world((name) => message([alias(name, `x${name}`)]));
  expect(await long.cache.lookup("x.test", "A")).toEqual({ kind: "none" });
  expect(long.asked.length).toBeLessThanOrEqual(9);
});

test("an answer about another name is not believed", async () => {
  const { cache } = world(() => message([a("bank.test", "6.6.6.6")]));
  expect(await cache.lookup("x.test", "A")).toEqual({ kind: "none" });
});

test("the cache keeps to its bound", async () => {
  const { cache } = world((name) => message([a(name, "10.0.0.1")]), 100);
  for (let n = 0; n < 1000; n++) await cache.lookup(`${n}.test`, "A");
  expect(cache.size).toBe(100);
  expect(addressOf(cache.lookup("999.test", "A"))).toBe("10.0.0.1");
});

test("what DNS cannot carry is not asked", () => {
  const { cache, asked } = world(() => null);
  for (const name of ["", "a b", "x".repeat(300), "[::1]"]) expect(cache.lookup(name, "A")).toEqual({ kind: "none" });
  expect(asked).toEqual([]);
});
