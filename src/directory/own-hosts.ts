import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";

/** The names and addresses besides the domain that mean this server, in the form of `canonicalHost`. Asked for every request: it answers from memory. */
export type OwnHosts = () => ReadonlySet<string>;

/** What the own names are made of. */
export interface OwnHostsDeps {
  /** Addresses that the listeners are bound to; `0.0.0.0` and `::` stand for all of this machine's of their family. */
  readonly listenAddresses: () => readonly string[];
  /** All addresses of this machine: `interfaceAddresses`, or what a test makes up. */
  readonly machineAddresses: () => readonly string[];
  readonly hostName: string;
  readonly clock: Clock;
}

/** An address that the machine gets or loses is noticed after this time. */
const refreshMs = 10_000;

/** Every address that the server listens on, `localhost` and the machine's own name; looked up anew every 10 seconds. */
export function ownHosts({ listenAddresses, machineAddresses, hostName, clock }: OwnHostsDeps): OwnHosts {
  let hosts: ReadonlySet<string> = new Set();
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.now();
    if (now >= freshUntilMs) {
      freshUntilMs = now + refreshMs;
      hosts = new Set(["localhost", hostName, ...boundAddresses(listenAddresses(), machineAddresses())].map(canonicalHost));
    }
    return hosts;
  };
}

/** The addresses of this machine's network interfaces; IPv6 without brackets and zone. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address.replace(/%.*/, "")));
}

/** A host as hosts are compared: lower case, no final dot, IPv6 in its shortest form without brackets. */
export function canonicalHost(host: string): string {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (!bare.includes(":")) return bare.endsWith(".") ? bare.slice(0, -1).toLowerCase() : bare.toLowerCase();
  if (!isIPv6(bare) || bare.includes("%")) return bare.toLowerCase();
  return new URL(`http://[${bare}]/`).hostname.slice(1, -1);
}

function boundAddresses(listening: readonly string[], machine: readonly string[]): string[] {
  return listening.flatMap((address) => {
    if (address === "0.0.0.0") return machine.filter((each) => !each.includes(":"));
    // An IPv6 wildcard may take IPv4 too; an address too many does no harm.
    if (canonicalHost(address) === "::") return [...machine];
    return [address];
  });
}
