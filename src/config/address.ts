import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { misfit, scalar } from "./reader.ts";
import type { Reader } from "./reader.ts";

/** An address and port; IPv6 without brackets. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const domainNameMax = 253;
const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const domainPattern = new RegExp(`^(?:${label}\\.)*${label}$`);

/** True for a name that DNS could hold, in lower case: `tel.example.test`. */
export function isDomainName(text: string): boolean {
  return text.length <= domainNameMax && domainPattern.test(text) && !/(?:^|\.)\d+$/.test(text);
}

/** True for an address that only this machine reaches. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || (isIP(address) !== 0 && ipaddr.process(address).range() === "loopback");
}

/** True for `0.0.0.0` and `::`. */
export function isWildcard(address: string): boolean {
  return isIP(address) !== 0 && ipaddr.parse(address).range() === "unspecified";
}

/** Splits `1.2.3.4`, `1.2.3.4:53`, `[::1]:53` or `::1`; null when there is no IP address. Ports from 0. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | null {
  if (isIP(text) !== 0) return { address: text.toLowerCase(), port: defaultPort };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? "";
  const port = digits === undefined ? defaultPort : Number(digits);
  const version = isIP(address);
  if (version === 0 || (bracketed !== undefined) !== (version === 6) || port > 65535) return null;
  return { address: address.toLowerCase(), port };
}

/** Splits the host part of a URL, where IPv6 must stand in brackets and has no zone; null when it is no address. */
export function parseUrlHost(text: string, defaultPort: number): Endpoint | null {
  const isBare = !text.startsWith("[") && /:.*:/.test(text);
  return isBare || text.includes("%") ? null : parseEndpoint(text, defaultPort);
}

/** Reads `ADDRESS` or `ADDRESS:PORT`. */
export function endpoint(defaultPort: number, example: string): Reader<Endpoint> {
  return scalar(`an IP address, with a port if it is not ${String(defaultPort)}, such as ${example}`, (text) => {
    const read = parseEndpoint(text, defaultPort);
    return read === null || read.port === 0 ? undefined : read;
  });
}

/** Reads a network such as `10.0.0.0/8` or a single address; gives it in the form `ADDRESS/BITS`. */
export const network: Reader<string> = {
  wants: "a network such as 10.0.0.0/8, or one address",
  read(value, name, context) {
    const text = value.kind === "scalar" ? value.text : "";
    const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const version = address.includes("%") ? 0 : isIP(address);
    const width = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (version === 0 || prefix > width) {
      misfit(value, name, this.wants, context);
      return undefined;
    }
    const first = (version === 4 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(`${address}/${String(prefix)}`).toString();
    if (first === ipaddr.parse(address).toString()) return `${first}/${String(prefix)}`;
    misfit(value, name, `${first}/${String(prefix)} for the network, or ${address} for the one address`, context);
    return undefined;
  },
};
