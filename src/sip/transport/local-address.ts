import { closeSync, openSync, readSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { Clock } from "../../base/clock.ts";
import { addressBytes, isLinkLocalAddress, isLoopbackAddress, isSameSubnet } from "./ip-address.ts";
import { parseIpv4Routes, parseIpv6Routes } from "./route-table.ts";
import type { Route } from "./route-table.ts";

/** One address of this host: `{ device: "eth0", address: "192.0.2.10", prefix: 24 }`. */
export interface InterfaceAddress {
  readonly device: string;
  readonly address: string;
  readonly prefix: number;
}

/** Where the host's addresses and routes are read; a test gives its own. */
export interface AddressSource {
  interfaces(): readonly InterfaceAddress[];
  routes(): readonly Route[];
}

/** Says which address of ours a peer sees when a socket is bound to a wildcard. */
export interface LocalAddresses {
  /** Our address towards a peer; IPv6 without brackets. Never a wildcard: loopback when the host has nothing better. */
  towards(remoteAddress: string): string;
  /** Goes up whenever the host's addresses or routes have changed: an answer kept from an older generation is to be asked for again. */
  readonly generation: number;
}

const REFRESH_MS = 10_000;
/** What is read of a routing table; a host with more routes than fit has its default route at the top. */
const ROUTE_TEXT_BYTES = 64 * 1024;

/** The host's addresses, read again when the answer is older than 10 s. */
export function localAddresses(clock: Clock, source: AddressSource = systemAddresses): LocalAddresses {
  let readAtMs = -Infinity;
  let seen = "";
  let generation = 0;
  let choose: (remote: string) => string = () => "127.0.0.1";
  const refresh = (): void => {
    const nowMs = clock.now();
    if (nowMs - readAtMs < REFRESH_MS) return;
    readAtMs = nowMs;
    const interfaces = source.interfaces();
    const routes = source.routes();
    const text = JSON.stringify([interfaces, routes]);
    if (text === seen) return;
    seen = text;
    generation++;
    choose = addressChooser(interfaces, routes);
  };
  return {
    towards(remoteAddress) {
      refresh();
      return choose(remoteAddress);
    },
    get generation() {
      refresh();
      return generation;
    },
  };
}

/** The rule: our own address itself; else the interface whose subnet holds the peer (longest prefix); else the interface of the best route;
 *  else the first address that is neither loopback nor link-local; else loopback. */
export function addressChooser(interfaces: readonly InterfaceAddress[], routes: readonly Route[]): (remoteAddress: string) => string {
  const own = interfaces.flatMap((entry) => {
    const bytes = addressBytes(entry.address);
    return bytes === null ? [] : [{ ...entry, bytes }];
  });
  const bySubnet = own.toSorted((a, b) => b.prefix - a.prefix);
  const byRoute = routes.toSorted((a, b) => b.prefix - a.prefix || a.metric - b.metric);
  const ofDevice = (route: Route): string | undefined => {
    const candidates = own.filter((entry) => entry.device === route.device && entry.bytes.length === route.network.length);
    const { gateway } = route;
    const facing = gateway === null ? undefined : candidates.find((entry) => isSameSubnet(entry.bytes, gateway, entry.prefix) && !isLinkLocalAddress(entry.address));
    return (facing ?? candidates.find((entry) => !isLinkLocalAddress(entry.address)) ?? candidates[0])?.address;
  };
  return (remoteAddress) => {
    const remote = addressBytes(remoteAddress);
    if (remote === null) return "127.0.0.1";
    const zone = remoteAddress.indexOf("%");
    const device = zone < 0 ? null : remoteAddress.slice(zone + 1);
    const sameHost = own.find((entry) => isSameSubnet(entry.bytes, remote, 8 * remote.length));
    if (sameHost !== undefined) return sameHost.address;
    const neighbour = bySubnet.find((entry) => (device === null || entry.device === device) && isSameSubnet(entry.bytes, remote, entry.prefix));
    if (neighbour !== undefined) return neighbour.address;
    for (const route of byRoute) {
      const address = isSameSubnet(route.network, remote, route.prefix) ? ofDevice(route) : undefined;
      if (address !== undefined) return address;
    }
    const outside = own.find((entry) => entry.bytes.length === remote.length && !isLoopbackAddress(entry.address) && !isLinkLocalAddress(entry.address));
    return outside?.address ?? (remote.length === 4 ? "127.0.0.1" : "::1");
  };
}

const systemAddresses: AddressSource = {
  interfaces() {
    const found: InterfaceAddress[] = [];
    for (const [device, addresses] of Object.entries(networkInterfaces())) {
      for (const { address, cidr } of addresses ?? []) found.push({ device, address, prefix: Number(cidr?.split("/")[1] ?? (address.includes(":") ? 128 : 32)) });
    }
    return found;
  },
  routes: () => [...parseIpv4Routes(textStart("/proc/net/route")), ...parseIpv6Routes(textStart("/proc/net/ipv6_route"))],
};

/** The first bytes of a file of the kernel; empty where there is none (other systems): the rule then goes on without routes. */
function textStart(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const buffer = Buffer.alloc(ROUTE_TEXT_BYTES);
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) return buffer.toString("latin1", 0, length);
    }
  } catch {
    return "";
  } finally {
    closeSync(file);
  }
}
