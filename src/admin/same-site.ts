import { isIP } from "node:net";

/** What a request says about where it comes from. */
export interface SiteFacts {
  /** The Host header. */
  readonly host: string | undefined;
  /** The Origin header; browsers send it with everything but plain reading. */
  readonly origin: string | undefined;
  /** The Sec-Fetch-Site header of browsers. */
  readonly fetchSite: string | undefined;
  /** Our address as the connection shows it; undefined when there is none. */
  readonly localAddress: string | undefined;
  /** The port that the server listens on. */
  readonly port: number;
}

/** Null when a request names this server and comes from its own pages or from no page at all; else what is wrong. It keeps out other sites' pages
 *  (Origin) and names that were pointed at this machine (Host: DNS rebinding). `isOwnHost` is asked for names and addresses in lower case. */
export function siteTrouble(facts: SiteFacts, isOwnHost: (host: string) => boolean): "foreign_host" | "foreign_origin" | null {
  const host = authorityOf(facts.host ?? "");
  if (host === null || !isOwnPort(host.port, facts.port)) return "foreign_host";
  const isHere = isIP(host.name) !== 0 && host.name === unmapped(facts.localAddress ?? "");
  if (!isHere && !isOwnHost(host.name)) return "foreign_host";
  if (facts.fetchSite === "cross-site" || facts.fetchSite === "same-site") return "foreign_origin";
  return facts.origin === undefined || isSameOrigin(facts.origin, host) ? null : "foreign_origin";
}

interface Authority {
  readonly name: string;
  /** Null when none is written. */
  readonly port: number | null;
}

function authorityOf(text: string): Authority | null {
  const parts = /^(?:\[([\da-f:.]+)\]|([a-z\d._-]+))(?::(\d{1,5}))?$/.exec(text.toLowerCase());
  if (parts === null) return null;
  const [, v6, name = "", port] = parts;
  return { name: v6 ?? name.replace(/\.$/, ""), port: port === undefined ? null : Number(port) };
}

/** A TLS proxy in front has the port of its scheme, which browsers leave out. */
function isOwnPort(written: number | null, own: number): boolean {
  return written === null || written === own;
}

function isSameOrigin(origin: string, host: Authority): boolean {
  const parts = /^(https?):\/\/([^/]+)$/.exec(origin.toLowerCase());
  if (parts === null) return false;
  const [, scheme, authority = ""] = parts;
  const from = authorityOf(authority);
  const standard = scheme === "https" ? 443 : 80;
  return from !== null && from.name === host.name && (from.port ?? standard) === (host.port ?? standard);
}

function unmapped(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*/, "");
}
