import { readFileSync } from "node:fs";
import { systemClock } from "./base/clock.ts";
import { createLog, type Log } from "./base/log.ts";
import { systemRandom } from "./base/random.ts";
import type { Config } from "./config/config.ts";
import { dnsCache } from "./dns/cache.ts";
import { dnsClient } from "./dns/client.ts";
import { hostsFirst } from "./dns/hosts-file.ts";
import { parseResolvConf } from "./dns/name-servers.ts";
import { createResolver } from "./sip/resolver/resolve.ts";
import { systemTransports, type SystemTransports } from "./sip/transport/system-transports.ts";
import { openEmbeddedStore } from "./store/embedded-store.ts";
import type { World } from "./server.ts";

/** The real world: this machine's clock, sockets, name servers and disk. Throws UnavailableError when the store cannot be opened. */
export async function systemWorld(config: Config): Promise<World & { readonly transports: SystemTransports }> {
  const clock = systemClock;
  const random = systemRandom();
  const log: Log = createLog(config.log.level);
  const transports = systemTransports({
    listen: config.listen,
    clock,
    log,
    limits: {
      messageBytes: config.limits.messageBytesMax,
      connections: config.limits.connectionsMax,
      connectionsPerAddress: config.limits.connectionsPerAddressMax,
    },
  });
  const configured = parseResolvConf(readText("/etc/resolv.conf"));
  const servers = config.resolverServers.length > 0 ? config.resolverServers : configured.servers;
  const client = dnsClient({ servers, clock, random, timeoutMs: configured.timeoutMs, attempts: configured.attempts });
  const protocols = [...new Set(transports.listeners.map((listener) => listener.protocol))];
  const addresses = transports.listeners.map((listener) => listener.address);
  const families = (["ipv4", "ipv6"] as const).filter((family) => addresses.some((address) => address.includes(":") === (family === "ipv6")));
  const resolver = createResolver({ dns: hostsFirst(readText("/etc/hosts"), dnsCache({ client, clock })), speaks: protocols, families, random });
  const store = await openEmbeddedStore({ folder: config.storePath, node: config.node, clock, log });
  return { clock, random, transports, store, resolver, log };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
