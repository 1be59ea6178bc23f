import { isIP } from "node:net";
import type { Random } from "../../base/random.ts";
import type { DnsResult } from "../../dns/cache.ts";
import type { DnsType } from "../../dns/codec.ts";
import type { Hop, Protocol } from "../transport/transport.ts";
import { srvOrder } from "./srv-order.ts";
import { defaultPort, defaultTransport, namedTransport, naptrChoices, srvChoices, srvName } from "./transport-choice.ts";
import type { ServiceChoice } from "./transport-choice.ts";

/** What a request is to be sent to: the host (or maddr), port, transport and scheme of its next URI. */
export interface ResolverTarget {
  /** A name or an IP address, IPv6 with or without brackets. */
  readonly host: string;
  readonly port?: number;
  readonly transport?: Protocol;
  /** True for a `sips:` URI: TLS or nothing. */
  readonly secure: boolean;
}

/** Addresses of which kind we can reach, best first. */
export type Family = "ipv4" | "ipv6";

/** What decides beside DNS. */
export interface LocationRules {
  /** The protocols that we speak, best liked first. */
  readonly speaks: readonly Protocol[];
  /** The families that we listen on, best first. */
  readonly families: readonly Family[];
  readonly random: Random;
}

/** Questions that are asked together; the answers come in their order. */
export type Questions = readonly { readonly name: string; readonly type: DnsType }[];

/** Hops of one target; more are cut off. */
export const HOPS_MAX = 16;

/** The one hop of an IPv4 address, for which nothing need be asked; null for anything else. */
export function literalHops(target: ResolverTarget, { speaks }: LocationRules): readonly Hop[] | null {
  const { host, transport, port } = target;
  const first = host.charCodeAt(0);
  if (first < 48 || first > 57 || isIP(host) !== 4) return null;
  const protocol = transport === undefined ? defaultTransport(target.secure, speaks) : namedTransport(transport, target.secure, speaks);
  return protocol === null ? [] : [{ protocol, address: host, port: port ?? defaultPort(protocol) }];
}

/** RFC 3263 §4 as a coroutine without effects: yields questions, is given their answers, returns the hops to try in order, at most `HOPS_MAX`.
 *  Asks nothing for an IP address. */
export function* locationSteps(target: ResolverTarget, rules: LocationRules): Generator<Questions, readonly Hop[], readonly DnsResult[]> {
  const host = target.host.startsWith("[") ? target.host.slice(1, -1) : target.host;
  const { speaks } = rules;
  const named = target.transport === undefined ? null : namedTransport(target.transport, target.secure, speaks);
  const fallback = target.transport === undefined ? defaultTransport(target.secure, speaks) : named;
  if (fallback === null) return [];
  if (isIP(host) !== 0) return [{ protocol: fallback, address: host, port: target.port ?? defaultPort(fallback) }];

  const plain: Endpoint = { host, port: target.port ?? defaultPort(fallback), protocol: fallback };
  if (target.port !== undefined) return yield* addressSteps([plain], host, rules);

  const choices = named === null ? yield* choiceSteps(host, target.secure, speaks) : [{ protocol: named, srv: srvName(named, host) }];
  const { endpoints, isRefused } = yield* srvSteps(choices, rules);
  if (endpoints.length > 0) {
    const hops = yield* addressSteps(endpoints, host, rules);
    if (hops.length > 0) return hops;
  }
  return isRefused ? [] : yield* addressSteps([plain], host, rules);
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
}

function* choiceSteps(host: string, isSecure: boolean, speaks: readonly Protocol[]): Generator<Questions, readonly ServiceChoice[], readonly DnsResult[]> {
  const [naptr] = yield [{ name: host, type: "NAPTR" }];
  const records = naptr?.kind === "found" ? naptr.records.filter((record) => record.type === "NAPTR") : [];
  const choices = naptrChoices(records, isSecure, speaks);
  return choices.length > 0 ? choices : srvChoices(host, isSecure, speaks);
}

/** `isRefused`: all that was said is that the service is not here (RFC 2782, target "."). */
function* srvSteps(choices: readonly ServiceChoice[], rules: LocationRules): Generator<Questions, { readonly endpoints: readonly Endpoint[]; readonly isRefused: boolean }, readonly DnsResult[]> {
  if (choices.length === 0) return { endpoints: [], isRefused: false };
  const answers = yield choices.map(({ srv }) => ({ name: srv, type: "SRV" }));
  let refusals = 0;
  const endpoints = choices.flatMap(({ protocol }, at) => {
    const answer = answers[at];
    const records = answer?.kind === "found" ? answer.records.filter((record) => record.type === "SRV") : [];
    const usable = records.filter((record) => record.target !== "" && record.port !== 0);
    if (records.length > 0 && usable.length === 0) refusals++;
    return srvOrder(usable, rules.random).map((record) => ({ host: record.target, port: record.port, protocol }));
  });
  return { endpoints: endpoints.slice(0, HOPS_MAX), isRefused: endpoints.length === 0 && refusals > 0 };
}

function* addressSteps(endpoints: readonly Endpoint[], name: string, rules: LocationRules): Generator<Questions, readonly Hop[], readonly DnsResult[]> {
  const hosts = [...new Set(endpoints.map(({ host }) => host))];
  const types = rules.families.map((family) => (family === "ipv4" ? "A" : "AAAA"));
  const answers = yield hosts.flatMap((host) => types.map((type) => ({ name: host, type })));
  const addresses = new Map<string, string[]>(hosts.map((host) => [host, []]));
  for (const [at, answer] of answers.entries()) {
    const list = addresses.get(hosts[Math.floor(at / types.length)] ?? "");
    if (answer.kind === "found") for (const record of answer.records) if (record.type === "A" || record.type === "AAAA") list?.push(record.address);
  }
  const seen = new Set<string>();
  const hops: Hop[] = [];
  for (const { host, port, protocol } of endpoints)
    for (const address of addresses.get(host) ?? []) {
      const key = `${protocol} ${address} ${port}`;
      if (seen.has(key) || hops.length >= HOPS_MAX) continue;
      seen.add(key);
      hops.push({ protocol, address, port, host: name });
    }
  return hops;
}
