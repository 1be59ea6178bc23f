import { isIP } from "node:net";

/** A server to ask. IPv6 without brackets. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

/** What a resolver configuration says (resolv.conf(5)), with its bounds applied. */
export interface NameServerList {
  readonly servers: readonly NameServer[];
  /** Wait for one answer, 1000 to 5000. */
  readonly timeoutMs: number;
  /** Rounds over all servers, 1 to 5. */
  readonly attempts: number;
}

/** As resolv.conf(5): no more servers are looked at. */
export const NAME_SERVERS_MAX = 3;

/** Reads the text of /etc/resolv.conf; what is not understood is skipped, as the C library does. Without a server: the one on this machine. */
export function parseResolvConf(text: string): NameServerList {
  const servers: NameServer[] = [];
  let timeoutMs = 1000;
  let attempts = 2;
  for (const line of text.split(/\r?\n/)) {
    const [keyword, ...words] = line.replace(/[#;].*$/, "").trim().split(/\s+/);
    const [first = ""] = words;
    if (keyword === "nameserver" && isIP(first.replace(/%.*$/, "")) !== 0 && servers.length < NAME_SERVERS_MAX) servers.push({ address: first, port: 53 });
    if (keyword !== "options") continue;
    for (const option of words) {
      const [, name, digits] = /^(timeout|attempts):(\d{1,3})$/.exec(option) ?? [];
      if (name === "timeout") timeoutMs = 1000 * Math.min(5, Math.max(1, Number(digits)));
      if (name === "attempts") attempts = Math.min(5, Math.max(1, Number(digits)));
    }
  }
  return { servers: servers.length === 0 ? [{ address: "127.0.0.1", port: 53 }] : servers, timeoutMs, attempts };
}
