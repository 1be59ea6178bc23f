import type { Listener } from "../sip/transport/transport.ts";
import type { SipUri } from "../sip/uri.ts";

/** Tells which URIs mean this server: its domain and the addresses that it listens on, at a port of its own or none. */
export interface OwnHosts {
  /** True when a request for that URI is for us to decide. */
  isOurs(uri: SipUri): boolean;
}

/** `isOwnDomain` knows the domain and all listen addresses; ports are those of the listeners. */
export function ownHosts(deps: { readonly isOwnDomain: (host: string) => boolean; readonly listeners: () => readonly Listener[] }): OwnHosts {
  let ports: ReadonlySet<number> | null = null;
  return {
    isOurs(uri) {
      ports ??= new Set(deps.listeners().map((listener) => listener.port));
      return (uri.port === 0 || ports.has(uri.port)) && deps.isOwnDomain(uri.host);
    },
  };
}
