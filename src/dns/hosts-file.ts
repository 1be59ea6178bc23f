import { isIP } from "node:net";
import type { DnsCache } from "./cache.ts";
import { dnsName } from "./codec.ts";

/** Lines of a hosts file that are read; the rest is ignored. */
export const HOSTS_LINES_MAX = 10_000;

/** Names that need no DNS: those of a hosts file, given as text, and `localhost` (RFC 6761 §6.3), before the cache is asked. */
export function hostsFirst(text: string, dns: Pick<DnsCache, "lookup">): Pick<DnsCache, "lookup"> {
  const addresses = parseHosts(text);
  return {
    lookup(name, type) {
      const listed = addresses.get(dnsName(name) ?? "");
      if (listed === undefined) return dns.lookup(name, type);
      const family = type === "A" ? 4 : type === "AAAA" ? 6 : 0;
      const records = listed.filter((address) => isIP(address) === family).map((address) => ({ type: family === 4 ? "A" : "AAAA", name, ttlSeconds: 60, address }) as const);
      return records.length === 0 ? { kind: "none" } : { kind: "found", records };
    },
  };
}

function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, string[]>();
  const add = (name: string, address: string): void => {
    const list = addresses.get(name);
    if (list === undefined) addresses.set(name, [address]);
    else if (!list.includes(address)) list.push(address);
  };
  for (const line of text.split(/\r?\n/, HOSTS_LINES_MAX)) {
    const [address = "", ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) add(dnsName(name) ?? "", address);
  }
  addresses.delete("");
  if (!addresses.has("localhost")) for (const address of ["127.0.0.1", "::1"]) add("localhost", address);
  return addresses;
}
