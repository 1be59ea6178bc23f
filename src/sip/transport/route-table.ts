/** One line of the host's routing table: peers within `prefix` bits of `network` are reached through `device`. */
export interface Route {
  readonly device: string;
  readonly network: readonly number[];
  readonly prefix: number;
  /** Null when the peers are on the link itself. */
  readonly gateway: readonly number[] | null;
  readonly metric: number;
}

const FLAG_UP = 0x1;
const FLAG_REJECT = 0x200;
const FLAG_LOCAL = 0x80000000;

/** Reads the text of Linux's `/proc/net/route`; lines that are not understood are left out. */
export function parseIpv4Routes(text: string): readonly Route[] {
  const routes: Route[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [device, network, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    const networkBytes = littleEndianBytes(network);
    const maskBytes = littleEndianBytes(mask);
    if (device === undefined || networkBytes === null || maskBytes === null || !isUsable(flags)) continue;
    routes.push({ device, network: networkBytes, prefix: bitCount(maskBytes), gateway: nonZero(littleEndianBytes(gateway)), metric: Number(metric) || 0 });
  }
  return routes;
}

/** Reads the text of Linux's `/proc/net/ipv6_route`; local and multicast routes are left out. */
export function parseIpv6Routes(text: string): readonly Route[] {
  const routes: Route[] = [];
  for (const line of text.split("\n")) {
    const [network, prefix, , , gateway, metric, , , flags, device] = line.trim().split(/\s+/);
    const networkBytes = hexAddress(network);
    if (device === undefined || networkBytes === null || prefix === undefined || !isUsable(flags) || networkBytes[0] === 0xff) continue;
    const isLocal = (Number.parseInt(flags ?? "", 16) & FLAG_LOCAL) !== 0;
    if (isLocal || device === "lo") continue;
    routes.push({ device, network: networkBytes, prefix: Number.parseInt(prefix, 16), gateway: nonZero(hexAddress(gateway)), metric: Number.parseInt(metric ?? "", 16) || 0 });
  }
  return routes;
}

function isUsable(flags: string | undefined): boolean {
  const value = Number.parseInt(flags ?? "", 16);
  return (value & FLAG_UP) !== 0 && (value & FLAG_REJECT) === 0;
}

function littleEndianBytes(hex: string | undefined): readonly number[] | null {
  if (hex === undefined || !/^[0-9a-f]{8}$/i.test(hex)) return null;
  const value = Number.parseInt(hex, 16);
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

function hexAddress(hex: string | undefined): readonly number[] | null {
  if (hex === undefined || !/^[0-9a-f]{32}$/i.test(hex)) return null;
  return Array.from({ length: 16 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

function nonZero(bytes: readonly number[] | null): readonly number[] | null {
  return bytes?.some((byte) => byte !== 0) === true ? bytes : null;
}

function bitCount(bytes: readonly number[]): number {
  return bytes.reduce((count, byte) => count + byte.toString(2).replaceAll("0", "").length, 0);
}
