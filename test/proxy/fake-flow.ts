import type { Flow, Protocol } from "../../src/sip/transport/transport.ts";

/** A way that goes nowhere, for what is only written. */
export function fakeFlow(protocol: Protocol, remote: string, more: { local?: string; port?: number; remotePort?: number; network?: string; connection?: number; isOpen?: boolean } = {}): Flow {
  const { local = "192.0.2.1", port = 5060, remotePort = 5060, network = "default", connection = protocol === "udp" ? 0 : 1, isOpen = true } = more;
  const key = `${protocol} ${local} ${port} ${network}`;
  const listener = LISTENERS.get(key) ?? { protocol, address: local, port, network, url: "" };
  LISTENERS.set(key, listener);
  return { protocol, listener, localAddress: local, localPort: port, remoteAddress: remote, remotePort, connection, isOpen, send: () => true, close: () => undefined };
}

const LISTENERS = new Map<string, Flow["listener"]>();
