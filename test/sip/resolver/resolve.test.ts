import { afterEach, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { dnsCache } from "../../../src/dns/cache.ts";
import { dnsClient } from "../../../src/dns/client.ts";
import type { DnsCache } from "../../../src/dns/cache.ts";
import type { Answer } from "dns-packet";
import { createResolver } from "../../../src/sip/resolver/resolve.ts";
import { locationSteps } from "../../../src/sip/resolver/location-steps.ts";
import type { Family, ResolverTarget } from "../../../src/sip/resolver/location-steps.ts";
import { srvOrder } from "../../../src/sip/resolver/srv-order.ts";
import type { Hop, Protocol } from "../../../src/sip/transport/transport.ts";
import { a, aaaa, cname, fakeDnsServer, naptr, srv } from "../../dns/fake-dns-server.ts";
import type { FakeDnsServer } from "../../dns/fake-dns-server.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const ALL: readonly Protocol[] = ["udp", "tcp", "tls", "ws", "wss"];
const USUAL: readonly Protocol[] = ["udp", "tcp", "tls"];
const text = (hops: readonly Hop[]): readonly string[] => hops.map((hop) => `${hop.protocol} ${hop.address} ${String(hop.port)}`);

let server: FakeDnsServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** A resolver over a zone served by a real name server on loopback. */
async function over(zone: readonly Answer[], speaks: readonly Protocol[] = USUAL, families: readonly Family[] = ["ipv4", "ipv6"]) {
  server = await fakeDnsServer();
  server.answer = (name, type) => {
    const answers = zone.filter((record) => record.name === name && (record.type === type || record.type === "CNAME"));
    return { answers, rcode: zone.some((record) => record.name === name) ? 0 : 3 };
  };
  const clock = new FakeClock();
  const random = seededRandom(1);
  const dns = dnsCache({ clock, client: dnsClient({ servers: [server], clock, random }) });
  return { resolver: createResolver({ dns, random, speaks, families }), server, dns };
}

const noDns: Pick<DnsCache, "lookup"> = {
  lookup() {
    throw new Error("DNS was asked");
  },
};

test.each<[ResolverTarget, readonly string[]]>([
  [{ host: "10.0.0.1", secure: false }, ["udp 10.0.0.1 5060"]],
  [{ host: "10.0.0.1", port: 5070, secure: false }, ["udp 10.0.0.1 5070"]],
  [{ host: "10.0.0.1", transport: "tcp", secure: false }, ["tcp 10.0.0.1 5060"]],
  [{ host: "10.0.0.1", transport: "tls", secure: false }, ["tls 10.0.0.1 5061"]],
  [{ host: "10.0.0.1", secure: true }, ["tls 10.0.0.1 5061"]],
  [{ host: "10.0.0.1", transport: "tcp", secure: true }, ["tls 10.0.0.1 5061"]],
  [{ host: "10.0.0.1", transport: "udp", secure: true }, []],
  [{ host: "10.0.0.1", transport: "ws", secure: false }, ["ws 10.0.0.1 80"]],
  [{ host: "10.0.0.1", transport: "ws", secure: true }, ["wss 10.0.0.1 443"]],
  [{ host: "[2001:db8::1]", secure: false }, ["udp 2001:db8::1 5060"]],
  [{ host: "2001:db8::1", port: 5080, secure: false }, ["udp 2001:db8::1 5080"]],
  [{ host: "::ffff:10.0.0.1", secure: false }, ["udp ::ffff:10.0.0.1 5060"]],
])("an address needs no DNS and no promise: %j", (target, expected) => {
  const hops = createResolver({ dns: noDns, random: seededRandom(1), speaks: ALL, families: ["ipv4"] }).resolve(target);
  expect(hops).not.toBeInstanceOf(Promise);
  expect(text(hops as readonly Hop[])).toEqual(expected);
});

test("a transport that is not spoken leads nowhere", () => {
  const resolver = createResolver({ dns: noDns, random: seededRandom(1), speaks: ["tcp"], families: ["ipv4"] });
  expect(resolver.resolve({ host: "10.0.0.1", transport: "tls", secure: false })).toEqual([]);
  expect(resolver.resolve({ host: "x.test", secure: true })).toEqual([]);
  expect(resolver.resolve({ host: "10.0.0.1", secure: false })).toEqual([{ protocol: "tcp", address: "10.0.0.1", port: 5060 }]);
});

test("NAPTR, SRV and address records lead to the hops, then all is known and no promise is needed", async () => {
  const { resolver, server: dns } = await over([
    naptr("tel.test", 10, 20, "SIP+D2U", "_sip._udp.tel.test"),
    naptr("tel.test", 10, 10, "SIP+D2T", "_sip._tcp.tel.test"),
    naptr("tel.test", 5, 10, "SIP+D2S", "_sip._sctp.tel.test"),
    naptr("tel.test", 1, 1, "E2U+sip", "bogus.tel.test", "U"),
    srv("_sip._tcp.tel.test", 20, 50, 5060, "hardy.tel.test"),
    srv("_sip._tcp.tel.test", 10, 50, 5062, "Laurel.tel.test"),
    srv("_sip._udp.tel.test", 10, 50, 5063, "laurel.tel.test"),
    a("laurel.tel.test", "172.30.42.11"),
    aaaa("laurel.tel.test", "2001:db8::11"),
    a("hardy.tel.test", "172.30.42.12"),
  ]);
  const first = resolver.resolve({ host: "tel.test", secure: false });
  expect(first).toBeInstanceOf(Promise);
  const expected = ["tcp 172.30.42.11 5062", "tcp 2001:db8::11 5062", "tcp 172.30.42.12 5060", "udp 172.30.42.11 5063", "udp 2001:db8::11 5063"];
  const hops = await first;
  expect(text(hops)).toEqual(expected);
  expect(hops[0]?.host).toBe("tel.test");
  const asked = dns.asked.length;
  const second = resolver.resolve({ host: "TEL.test", secure: false });
  expect(second).not.toBeInstanceOf(Promise);
  expect(text(await second)).toEqual(expected);
  expect(dns.asked).toHaveLength(asked);
});

test("without NAPTR the SRV records of each protocol that we speak are asked", async () => {
  const { resolver, server: dns } = await over([srv("_sip._udp.tel.test", 1, 1, 5060, "a.test"), srv("_sip._tcp.tel.test", 1, 1, 5061, "a.test"), a("a.test", "10.0.0.1")], ["tcp", "udp", "tls"]);
  expect(text(await resolver.resolve({ host: "tel.test", secure: false }))).toEqual(["tcp 10.0.0.1 5061", "udp 10.0.0.1 5060"]);
  expect(dns.asked.filter((question) => question.includes("_sips"))).toEqual([]);
});

test("a sips target takes TLS records alone", async () => {
  const { resolver } = await over([
    naptr("tel.test", 1, 1, "SIP+D2T", "_sip._tcp.tel.test"),
    naptr("tel.test", 2, 1, "SIPS+D2T", "_sips._tcp.tel.test"),
    srv("_sip._tcp.tel.test", 1, 1, 5060, "a.test"),
    srv("_sips._tcp.tel.test", 1, 1, 5071, "a.test"),
    a("a.test", "10.0.0.1"),
    a("bare.test", "10.0.0.2"),
  ]);
  expect(text(await resolver.resolve({ host: "tel.test", secure: true }))).toEqual(["tls 10.0.0.1 5071"]);
  expect(text(await resolver.resolve({ host: "bare.test", secure: true }))).toEqual(["tls 10.0.0.2 5061"]);
});

test("a port in the URI means addresses only", async () => {
  const { resolver, server: dns } = await over([srv("_sip._udp.tel.test", 1, 1, 5099, "a.test"), a("tel.test", "10.0.0.9")]);
  expect(text(await resolver.resolve({ host: "tel.test", port: 5080, secure: false }))).toEqual(["udp 10.0.0.9 5080"]);
  expect(dns.asked.sort()).toEqual(["udp A tel.test", "udp AAAA tel.test"]);
});

test("a transport in the URI means its SRV records, else the address", async () => {
  const { resolver, server: dns } = await over([srv("_sip._tcp.tel.test", 1, 1, 5099, "a.test"), a("a.test", "10.0.0.1"), a("bare.test", "10.0.0.2")]);
  expect(text(await resolver.resolve({ host: "tel.test", transport: "tcp", secure: false }))).toEqual(["tcp 10.0.0.1 5099"]);
  expect(text(await resolver.resolve({ host: "bare.test", transport: "tls", secure: false }))).toEqual(["tls 10.0.0.2 5061"]);
  expect(dns.asked.filter((question) => question.includes("NAPTR"))).toEqual([]);
});

test("a host without any SIP record is reached by its address, over UDP, through its aliases", async () => {
  const { resolver } = await over([cname("pbx.test", "real.test"), a("real.test", "10.0.0.5")]);
  expect(text(await resolver.resolve({ host: "pbx.test", secure: false }))).toEqual(["udp 10.0.0.5 5060"]);
});

test("a service that says it is not here is not looked for elsewhere", async () => {
  const { resolver } = await over([srv("_sip._udp.tel.test", 0, 0, 0, "."), a("tel.test", "10.0.0.1")], ["udp"]);
  expect(await resolver.resolve({ host: "tel.test", secure: false })).toEqual([]);
});

test("SRV records whose hosts have no address give way to the host's own", async () => {
  const { resolver } = await over([srv("_sip._udp.tel.test", 0, 0, 5060, "gone.test"), a("tel.test", "10.0.0.1")], ["udp"]);
  expect(text(await resolver.resolve({ host: "tel.test", secure: false }))).toEqual(["udp 10.0.0.1 5060"]);
});

test("only families that we listen on are asked for", async () => {
  const { resolver, server: dns } = await over([a("tel.test", "10.0.0.1"), aaaa("tel.test", "2001:db8::1")], ["udp"], ["ipv6"]);
  expect(text(await resolver.resolve({ host: "tel.test", port: 5060, secure: false }))).toEqual(["udp 2001:db8::1 5060"]);
  expect(dns.asked).toEqual(["udp AAAA tel.test"]);
});

test("no more than sixteen hops, and none twice", async () => {
  const many = Array.from({ length: 40 }, (_, n) => srv("_sip._udp.tel.test", n, 0, 5060, `h${String(n)}.test`));
  const { resolver } = await over([...many, ...many.flatMap((_, n) => [a(`h${String(n)}.test`, `10.0.0.${String(n >> 1)}`)])], ["udp"]);
  const hops = text(await resolver.resolve({ host: "tel.test", secure: false }));
  expect(hops.length).toBeLessThanOrEqual(16);
  expect(new Set(hops).size).toBe(hops.length);
  expect(hops[0]).toBe("udp 10.0.0.0 5060");
});

test("a dead DNS gives no hops and no rejection", async () => {
  const resolver = createResolver({ dns: { lookup: () => Promise.resolve({ kind: "failed" }) }, random: seededRandom(1), speaks: USUAL, families: ["ipv4"] });
  expect(await resolver.resolve({ host: "tel.test", secure: false })).toEqual([]);
});

test("the rules can be walked without any DNS", () => {
  const steps = locationSteps({ host: "tel.test", secure: false }, { speaks: USUAL, families: ["ipv4"], random: seededRandom(1) });
  expect(steps.next().value).toEqual([{ name: "tel.test", type: "NAPTR" }]);
  expect(steps.next([{ kind: "none" }]).value).toEqual([
    { name: "_sip._udp.tel.test", type: "SRV" },
    { name: "_sip._tcp.tel.test", type: "SRV" },
  ]);
  expect(steps.next([{ kind: "failed" }, { kind: "none" }]).value).toEqual([{ name: "tel.test", type: "A" }]);
  expect(steps.next([{ kind: "found", records: [{ type: "A", name: "tel.test", ttlSeconds: 1, address: "10.0.0.1" }] }])).toEqual({
    done: true,
    value: [{ protocol: "udp", address: "10.0.0.1", port: 5060, host: "tel.test" }],
  });
});

test("SRV weights share the load as RFC 2782 says, priorities always go first", () => {
  const seed = 2782;
  const random = seededRandom(seed);
  const record = (priority: number, weight: number, target: string) => ({ priority, weight, port: 5060, target });
  const records = [record(20, 100, "backup"), record(10, 0, "zero"), record(10, 30, "thirty"), record(10, 70, "seventy")];
  const first = new Map<string, number>();
  const rounds = 20_000;
  for (let round = 0; round < rounds; round++) {
    const order = srvOrder(records, random).map(({ target }) => target);
    expect(order[3], `seed ${seed}`).toBe("backup");
    expect(new Set(order).size).toBe(4);
    first.set(order[0] ?? "", (first.get(order[0] ?? "") ?? 0) + 1);
  }
  const share = (target: string): number => (first.get(target) ?? 0) / rounds;
  expect(share("seventy"), `seed ${seed}`).toBeCloseTo(0.69, 1);
  expect(share("thirty"), `seed ${seed}`).toBeCloseTo(0.3, 1);
  expect(share("zero"), `seed ${seed}`).toBeGreaterThan(0.002);
  expect(share("zero"), `seed ${seed}`).toBeLessThan(0.03);
  expect(srvOrder([], random)).toEqual([]);
});

test("records that all weigh nothing are all reached", () => {
  const random = seededRandom(3);
  const records = ["a", "b", "c"].map((target) => ({ priority: 1, weight: 0, port: 1, target }));
  expect(srvOrder(records, random)).toHaveLength(3);
});
