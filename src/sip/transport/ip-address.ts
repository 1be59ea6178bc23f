import { isIPv6, SocketAddress } from "node:net";

/** An IP address as bytes: 4 for IPv4 (also for an IPv4-mapped IPv6 address), 16 for IPv6; null for anything else. A zone (`%eth0`) is ignored. */
export function addressBytes(text: string): readonly number[] | null {
  const plain = unmappedAddress(text);
  return plain.includes(":") ? ipv6Bytes(plain) : ipv4Bytes(plain);
}

/** An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) as plain IPv4; any other text unchanged. */
export function unmappedAddress(text: string): string {
  return text.length > 7 && text.charCodeAt(0) === 0x3a && /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(text) ? text.slice(7) : text;
}

/** The one way to write an address, as the system reports it of a peer: lower case, the longest run of zeros left out, IPv4-mapped as IPv4. Any other text, and one with a zone, comes back unchanged. */
export function canonicalAddress(text: string): string {
  if (!text.includes(":")) return text;
  const plain = unmappedAddress(text);
  return isIPv6(plain) && !plain.includes("%") ? new SocketAddress({ address: plain, family: "ipv6" }).address : plain;
}

/** True for `0.0.0.0` and `::`, the addresses that mean every interface. */
export function isWildcardAddress(text: string): boolean {
  return text === "0.0.0.0" || text === "::" || (text.includes(":") && (addressBytes(text)?.every((byte) => byte === 0) ?? false));
}

/** True for addresses that never leave the host: 127.0.0.0/8 and ::1. */
export function isLoopbackAddress(text: string): boolean {
  if (!text.includes(":")) return text.startsWith("127.");
  const bytes = addressBytes(text);
  if (bytes === null) return false;
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, at) => byte === (at === 15 ? 1 : 0));
}

/** True for addresses that hold on one link only: 169.254.0.0/16 and fe80::/10. */
export function isLinkLocalAddress(text: string): boolean {
  const bytes = addressBytes(text);
  if (bytes === null) return false;
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254;
  return bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}

/** True when the first `prefix` bits of both addresses agree; false for different families. */
export function isSameSubnet(a: readonly number[], b: readonly number[], prefix: number): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0, bits = prefix; bits > 0; at++, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
    if (((a[at] ?? 0) & mask) !== ((b[at] ?? 0) & mask)) return false;
  }
  return true;
}

/** A host as it stands in a URI or URL: IPv6 in brackets. */
export function bracketedHost(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function ipv4Bytes(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes: number[] = [];
  for (const part of parts) {
    const byte = Number(part);
    if (!/^\d{1,3}$/.test(part) || byte > 255) return null;
    bytes.push(byte);
  }
  return bytes;
}

function ipv6Bytes(text: string): readonly number[] | null {
  const zone = text.indexOf("%");
  const halves = (zone < 0 ? text : text.slice(0, zone)).split("::");
  if (halves.length > 2) return null;
  const head = groupBytes(halves[0] ?? "");
  if (halves.length === 1) return head?.length === 16 ? head : null;
  const tail = groupBytes(halves[1] ?? "");
  if (head === null || tail === null || head.length + tail.length > 14) return null;
  return [...head, ...Array.from({ length: 16 - head.length - tail.length }, () => 0), ...tail];
}

function groupBytes(text: string): readonly number[] | null {
  const bytes: number[] = [];
  if (text === "") return bytes;
  const groups = text.split(":");
  for (const [at, group] of groups.entries()) {
    if (at === groups.length - 1 && group.includes(".")) {
      const embedded = ipv4Bytes(group);
      if (embedded === null) return null;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
